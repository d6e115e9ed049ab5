"""``twistecho fleet``: its options. `run_fleet` carries it out."""

from collections.abc import Callable
from typing import Any

import click

from twistecho.fleet.plans.sources import parse_sources
from twistecho.fleet.runs.engine import ENGINES

from .later import later
from .load_options import load_options
from .option_types import Parsed, adding, file_option
from .plan_options import fleet_plan_options, protocol_option
from .processes import processes_option
from .report import result_options
from .target_options import TARGET_TYPE, target_options

_OPTIONS: list[Callable[[Any], Any]] = [
    fleet_plan_options,
    protocol_option,
    target_options,
    load_options,
    click.option("--in-order", "ordered", is_flag=True,
                 help="Connect the clients one after the other, in order."),
    click.option("--plan", "base", type=Parsed("file", later(".input_files:read_plan")),
                 metavar="FILE",
                 help="Read the plan from a file; options of the command line override it."),
    file_option("--save-plan", help="Write the plan of this run to a file."),
    click.option("--engine", "-e", type=click.Choice(ENGINES), default="reactor", show_default=True,
                 help="What drives the clients: Twisted's reactor, or one thread per client."),
    processes_option,
    click.option("--source", "sources", type=Parsed("address", parse_sources), multiple=True,
                 help="Local address to connect from, a range such as 127.0.0.2-127.0.0.9, or a "
                      "network; repeatable. Clients use the addresses in turn."),
    file_option("--json-lines",
                help="Write one line of JSON per second during the run; - is standard output."),
    click.option("--metrics", type=Parsed("port", later(".live_outputs:metrics_place")),
                 metavar="[HOST:]PORT",
                 help="Serve the figures for Prometheus under /metrics during the run. HOST is "
                      "127.0.0.1 by default; port 0 takes any free port."),
    result_options,
]  # fmt: skip


_HELP = """Run clients against TARGET and check every byte that comes back.

TARGET is a port, host:port, [ipv6]:port, unix:path, tls:host:port or a Twisted client endpoint
description.

Exit codes: 0 every message was answered right and every requirement is met; 1 something failed or
a requirement was missed; 2 wrong command; 3 the figures cannot be believed (INVALID); 130 after
Ctrl-C.
"""


@click.command(help=_HELP)
@click.argument("target", type=TARGET_TYPE)
@adding(_OPTIONS)
def fleet(**options: Any) -> None:
    """Carry out `twistecho fleet`, and end the process."""
    later(".run_fleet:fleet")(**options)
