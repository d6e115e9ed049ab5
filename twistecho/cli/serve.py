"""``twistecho serve``: its options. `run_serve` carries it out."""

from collections.abc import Callable
from typing import Any

import click

from twistecho.designs.names import NAMES
from twistecho.service.scenario.delay_per import DelayPer

from .later import later
from .option_types import Whole, adding
from .service_options import delay_options, design_reply_option

_OPTIONS: list[Callable[[Any], Any]] = [
    click.option("--port", "-p", "ports", type=Whole(0, 65535), multiple=True,
                 metavar="PORT",
                 help="Port to listen on; 0 takes a free one. Only select takes several.  "
                      "[default: 5000; for select 5002 and 5003]"),
    click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST",
                 help="Interface to listen on."),
    design_reply_option,
    click.option("--backlog", "-b", type=Whole(0),
                 help="Connections that may wait to be accepted.  "
                      "[default: 128; for sequential 5]"),
    delay_options("0", DelayPer.CONNECTION, later("twistecho.service.scenario.delay:parse_delay")),
]  # fmt: skip


_HELP = """Run one of the notebook's servers; it logs as the notebook's does.

The fifth design, Twisted's, is `twist echo`.

Exit codes: 0 after SIGTERM; 1 it cannot listen there; 2 wrong command; 130 after Ctrl-C.
"""


@click.command(help=_HELP)
@click.argument("design", type=click.Choice(NAMES))
@adding(_OPTIONS)
def serve(**options: Any) -> None:
    """Carry out `twistecho serve`."""
    later(".run_serve:serve")(**options)
