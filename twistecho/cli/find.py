"""``twistecho find``: the highest rate that a target sustains, and whose limit it was."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from twistecho.base.notation import parse_rate, parse_seconds, parse_share
from twistecho.base.processes import INTERRUPTED, raise_open_files
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.output.headline import headline
from twistecho.fleet.output.highest_rate import (
    answer_of,
    explained,
    lines_below,
    step_line,
    steps_table,
)
from twistecho.fleet.output.live import Display
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.output.rate_chart import draw_search
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.highest_rate import HighestRate
from twistecho.fleet.reports.rate_step import RateStep
from twistecho.fleet.reports.requirements import Requirement, parse_requirement
from twistecho.fleet.runs.run import ENGINES, Engine, Shown, check_target
from twistecho.fleet.search.highest import Search, find_highest

from .fleet import lack
from .load_options import load_options
from .option_types import Parsed, adding, file_option
from .output_files import OutputFile, check_distinct, printer_beside, problem_writing
from .plan_options import make_plan, plan_options, protocol_option
from .processes import processes_option, read_processes
from .report import picture, trust_options
from .target_options import TARGET_TYPE, secured_target, target_options

_NOT_HERE = frozenset(
    {"repeat", "duration", "warmup", "ramp", "barrier", "rate", "think", "verbose", "json_file"}
)
"""Options of a run that a search sees to itself."""

_FINEST, _COARSEST = 0.001, 1.0
_SHORTEST, _LONGEST = 1.0, 3600.0
_LOWEST, _HIGHEST = 0.01, 1e9

_HELP = """Find the highest rate that TARGET sustains while every requirement is met.

The clients stay connected. Each step offers one rate, with a warm-up of its own; rates are doubled
until one does not pass, and then the search closes in. A rate that does not pass is tried once
more. Where the fleet itself or its clients were the limit, the answer is "at least".

The exit code is 0 where a rate was found, 1 where not even --min-rate passed or nobody was
reached, 3 where the fleet could not offer that, 2 for a wrong command, 130 after Ctrl-C, which
shows what is known.
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


_OPTIONS = [
    plan_options,
    protocol_option,
    target_options,
    load_options,
    click.option("--require", "requirements", multiple=True,
                 type=Parsed("requirement", parse_requirement), metavar="'FIGURE < NUMBER'",
                 help="What must hold in each step: 'p99 < 5ms', 'error_rate < 1%'; repeatable."),
    click.option("--min-rate", "least", type=Parsed("rate", _rate), default="1",
                 show_default=True, metavar="N", help="The lowest rate that is tried."),
    click.option("--max-rate", "most", type=Parsed("rate", _rate), default="1M",
                 show_default=True, metavar="N", help="The highest rate that is tried."),
    click.option("--precision", type=Parsed("share", _precision), default="5%", show_default=True,
                 metavar="SHARE", help="How far apart a rate that passes and one that does not may "
                                       "be in the end."),
    click.option("--step-duration", type=Parsed("time", _step_duration), default="5s",
                 show_default=True, metavar="TIME",
                 help="How long each rate is offered, after its warm-up of a fifth of that or a "
                      "second."),
    click.option("--engine", "-e", type=click.Choice(ENGINES), default="reactor", show_default=True,
                 help="Who drives the clients: Twisted, or a thread per client."),
    processes_option,
    trust_options,
    file_option("--json", help="Write the answer and every step as JSON; - is standard output."),
    file_option("--plot", parse=picture,
                help="Draw latency against rate into an .svg file, or with matplotlib into a .png "
                     "or .pdf."),
    click.option("--quiet", "-q", is_flag=True, help="Show nothing while it runs."),
]  # fmt: skip


@dataclass(frozen=True)
class _Shown:
    """Where a search goes: people's to one stream, and files, by their options' names."""

    files: dict[str, OutputFile]
    printer: Printer
    quiet: bool

    def meanwhile(self, plan: Plan) -> Shown:
        """Show a step while it runs."""
        return partial(Display, sys.stderr, plan, quiet=self.quiet)

    def step(self, step: RateStep) -> None:
        """Say what a step has found."""
        if not self.quiet:
            click.echo(step_line(step), err=True)

    def conclude(self, found: HighestRate) -> int:
        """Write and show it; give the exit code."""
        problems = [
            problem_writing(option, file, partial(_WRITERS[option], found, file))
            for option, file in self.files.items()
        ]
        answer, style = answer_of(found)
        self.printer.line(("Interrupted. " if found.interrupted else "") + answer, style)
        for line, look in lines_below(found):
            self.printer.line(line, look)
        self.printer.line("")
        self.printer.table(steps_table(found))
        self.printer.check()
        for problem in filter(None, problems):
            click.echo(f"Error: {problem}", err=True)
        code = INTERRUPTED if found.interrupted else found.exit_code
        return code or int(any(problems))


_WRITERS: dict[str, Callable[[HighestRate, OutputFile], None]] = {
    "json": lambda found, file: file.write(found.to_json() + "\n"),
    "plot": lambda found, file: file.fill(lambda path: draw_search(found, path)),
}


@click.command("find", help=_HELP)
@click.argument("target", type=TARGET_TYPE)
@adding(_OPTIONS)
def find(
    target: Target,
    *,
    engine: Engine,
    processes: str,
    requirements: tuple[Requirement, ...],
    least: float,
    most: float,
    precision: float,
    step_duration: float,
    rate_tolerance: float,
    allow_lag: float | None,
    json: OutputFile | None,
    plot: OutputFile | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Carry out `twistecho find`, and end the process."""
    trust = {name: options.pop(name) for name in ("ca", "server_name", "insecure")}
    target = secured_target(target, **trust)
    if least > most:
        raise click.UsageError("--min-rate: it is higher than --max-rate")
    plan = _plan(engine, target, options)
    search = Search(
        plan, requirements, least, most, precision, step_duration, rate_tolerance, allow_lag
    )
    shown = _shown(json, plot, quiet=quiet)
    count = read_processes(processes, plan.clients, {})
    found = _run(engine, target, search, shown, count)
    if found.unreachable is not None and len(found.steps) == 1 and not found.interrupted:
        raise click.ClickException(f"{target}: {explained(found.unreachable)}")
    sys.exit(shown.conclude(found))


def _shown(json: OutputFile | None, plot: OutputFile | None, *, quiet: bool) -> _Shown:
    """Put the options together, or fail with one line where they contradict each other."""
    named = {"json": json, "plot": plot}
    files = {name: file for name, file in named.items() if file is not None}
    check_distinct(files)
    return _Shown(files, printer_beside(files.values()), quiet)


def _plan(engine: Engine, target: Target, options: dict[str, Any]) -> Plan:
    plan = make_plan(**options, barrier=True)
    try:
        check_target(engine, target)
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None
    try:
        readers_of(plan)
    except ValueError as error:  # of the protocol, which it names
        raise click.UsageError(f"--{error}") from None
    return plan


def _run(
    engine: Engine, target: Target, search: Search, shown: _Shown, processes: int
) -> HighestRate:
    lacking = lack(search.plan, target, processes, raise_open_files())
    if lacking:
        raise click.ClickException(f"--clients: {lacking}")
    if not shown.quiet:
        shown.printer.line(headline(search.plan, target))
    try:
        return find_highest(
            engine, target, search, shown.meanwhile, shown.step, processes=processes
        )
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None


find.params = [param for param in find.params if param.name not in _NOT_HERE]
