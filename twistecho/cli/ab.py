"""``twistecho ab``: its options. `run_ab` carries it out."""

from typing import Any

import click

from twistecho.base.notation import parse_seconds
from twistecho.fleet.reports.findings import FEWEST_PAIRS
from twistecho.fleet.runs.engine import ENGINES

from .diff import comparison_options
from .later import later
from .load_options import turns_load_options
from .option_types import Parsed, Whole, adding
from .plan_options import protocol_option, turns_plan_options
from .processes import processes_option
from .target_options import TARGET_TYPE, target_options

_SHORTEST, _LONGEST = 1.0, 600.0
_DEFAULT_PAIRS = 30

_HELP = """Report whether target B is slower than target A, by measuring them in turn.

A and B are each a port, host:port, [ipv6]:port, unix:path, tls:host:port or a Twisted client
endpoint description.

The clients of both targets stay connected, but only one target at a time gets load, for one slice
of time. Four slices form a block, A B B A or B A A B at random (--seed), so that other work of the
machines affects both targets alike. The first tenth of each slice, at least half a second, does not
count. A is also compared with itself: that shows how small a difference this machine can detect.

Exit codes: 0 every requirement is met; 1 one was missed, or a target did not answer; 2 wrong
command; 3 one is undecided, or the figures cannot be believed (INVALID); 130 after Ctrl-C, which
shows the results so far.
"""


def _slice_length(text: str) -> float:
    seconds = parse_seconds(text)
    if not _SHORTEST <= seconds <= _LONGEST:
        raise ValueError(f"{text} is not a time from {_SHORTEST:g} s to {_LONGEST:g} s")
    return seconds


@click.command("ab", help=_HELP)
@click.argument("one", metavar="A", type=TARGET_TYPE)
@click.argument("two", metavar="B", type=TARGET_TYPE)
@adding([
    turns_plan_options,
    protocol_option,
    target_options,
    turns_load_options,
    click.option("--engine", "-e", type=click.Choice(ENGINES), default="reactor", show_default=True,
                 help="What drives the clients: Twisted's reactor, or one thread per client."),
    processes_option,
    click.option("--pairs", type=Whole(FEWEST_PAIRS, 100_000), default=_DEFAULT_PAIRS,
                 show_default=True,
                 help="Number of measured slices per target; an odd number is rounded up."),
    click.option("--slice", "length", type=Parsed("time", _slice_length), default="2s",
                 show_default=True, metavar="TIME",
                 help="Length of a slice, from 1s to 10min."),
    click.option("--quiet", "-q", is_flag=True, help="Show nothing during the run."),
    comparison_options,
])  # fmt: skip
def ab(**options: Any) -> None:
    """Carry out `twistecho ab`, and end the process."""
    later(".run_ab:ab")(**options)
