"""``twistecho find``: its options. `run_find` carries it out."""

from typing import Any

import click

from twistecho.base.notation import parse_rate, parse_seconds, parse_share
from twistecho.fleet.runs.engine import ENGINES

from .later import later
from .load_options import load_options
from .option_types import Parsed, adding, file_option
from .plan_options import protocol_option, turns_plan_options
from .processes import processes_option
from .report import picture, trust_options
from .target_options import TARGET_TYPE, target_options

_NOT_HERE = frozenset({"duration", "warmup", "ramp", "barrier", "rate", "think"})
"""Options of a run that a search sets itself."""

_FINEST, _COARSEST = 0.001, 1.0
_SHORTEST, _LONGEST = 1.0, 3600.0
_LOWEST, _HIGHEST = 0.01, 1e9

_HELP = """Find the highest rate that TARGET sustains while every requirement is met.

The clients stay connected. Each step offers one rate, after a warm-up of its own. The search
doubles the rate until a step fails, and then narrows it down. A rate that fails is tried once more.
If the fleet or its clients were the limit, the answer is "at least".

Exit codes: 0 a rate was found; 1 not even --min-rate passed, or the target could not be reached;
2 wrong command; 3 the fleet or its clients could not offer even that rate; 130 after Ctrl-C, which
shows the results so far.
"""


def _precision(text: str) -> float:
    share = parse_share(text)
    if not _FINEST <= share <= _COARSEST:
        raise ValueError(f"{text} is not a share from 0.1% to 100%")
    return share


def _rate(text: str) -> float:
    rate = parse_rate(text)
    if not _LOWEST <= rate <= _HIGHEST:
        raise ValueError(f"{text} is not a rate from {_LOWEST:g}/s to {_HIGHEST:,.0f}/s")
    return rate


def _step_duration(text: str) -> float:
    seconds = parse_seconds(text)
    if not _SHORTEST <= seconds <= _LONGEST:
        raise ValueError(f"{text} is not a time from {_SHORTEST:g} s to 1 h")
    return seconds


_REQUIREMENT = "twistecho.fleet.reports.requirements:parse_requirement"

_OPTIONS = [
    turns_plan_options,
    protocol_option,
    target_options,
    load_options,
    click.option("--require", "requirements", multiple=True,
                 type=Parsed("requirement", later(_REQUIREMENT)), metavar="'FIGURE < NUMBER'",
                 help="Requirement that each step must meet: 'p99 < 5ms', 'error_rate < 1%'; "
                      "repeatable."),
    click.option("--min-rate", "least", type=Parsed("rate", _rate), default="1",
                 show_default=True, metavar="N", help="Lowest rate to try."),
    click.option("--max-rate", "most", type=Parsed("rate", _rate), default="1M",
                 show_default=True, metavar="N", help="Highest rate to try."),
    click.option("--precision", type=Parsed("share", _precision), default="5%", show_default=True,
                 metavar="SHARE", help="End the search when the highest rate that passed and the "
                                       "lowest that failed are this close."),
    click.option("--step-duration", type=Parsed("time", _step_duration), default="5s",
                 show_default=True, metavar="TIME",
                 help="How long each step offers its rate. A warm-up precedes it: a fifth of "
                      "that, at least one second."),
    click.option("--engine", "-e", type=click.Choice(ENGINES), default="reactor", show_default=True,
                 help="What drives the clients: Twisted's reactor, or one thread per client."),
    processes_option,
    trust_options,
    file_option("--json", help="Write the answer and all steps as JSON; - is standard output."),
    file_option("--plot", parse=picture,
                help="Draw latency against rate into an .svg file; .png and .pdf need matplotlib."),
    click.option("--quiet", "-q", is_flag=True, help="Show nothing during the run."),
]  # fmt: skip


@click.command("find", help=_HELP)
@click.argument("target", type=TARGET_TYPE)
@adding(_OPTIONS)
def find(**options: Any) -> None:
    """Carry out `twistecho find`, and end the process."""
    later(".run_find:find")(**options)


find.params = [param for param in find.params if param.name not in _NOT_HERE]
