"""Carries out ``twistecho find``: the highest rate that a target sustains, and what limited it."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from twistecho.base.processes import INTERRUPTED, raise_open_files
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.output.highest_rate import (
    answer_of,
    circumstances,
    clients_of,
    explained,
    is_good,
    lines_below,
    mark,
    required_by,
    steps_table,
)
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.output.rate_chart import draw_search
from twistecho.fleet.output.search_display import SearchDisplay
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.highest_rate import HighestRate
from twistecho.fleet.reports.requirements import Requirement
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.run import check_target
from twistecho.fleet.search.highest import Search, find_highest

from .chosen_plan import make_plan
from .output_files import OutputFile, check_distinct
from .processes import read_processes
from .room import lack
from .showing import printer_beside, problem_writing
from .targets import secured_target

_CHOSEN = frozenset(
    {"rate", "byte_rate", "messages", "sent", "bytes_sent", "bytes_returned", "connects",
     "connects/s"}
)  # fmt: skip
"""Figures that grow with the offered rate, and so show nothing about the target."""

_GAP = " " * 8


@dataclass(frozen=True)
class _Results:
    """Where the answer goes: ``printer`` shows it, ``files`` are keyed by option name."""

    files: dict[str, OutputFile]
    printer: Printer

    def conclude(self, found: HighestRate) -> int:
        """Write and show it. Return the exit code, at least 1 if a file could not be written."""
        problems = [
            problem_writing(option, file, partial(_WRITERS[option], found, file))
            for option, file in self.files.items()
        ]
        if found.unreachable is not None and len(found.steps) == 1:
            raise click.ClickException(f"{found.target}: {explained(found.unreachable)}")
        self._show(found)
        for problem in filter(None, problems):
            click.echo(f"Error: {problem}", err=True)
        code = INTERRUPTED if found.interrupted else found.exit_code
        return code or int(any(problems))

    def _show(self, found: HighestRate) -> None:
        printer = self.printer
        answer, style = answer_of(found)
        sign = mark(printer.console.encoding, passed=is_good(found))
        said, around = f"{sign} {answer}", circumstances(found)
        if len(said) + len(_GAP) + len(around) <= printer.console.width:
            said, around = f"{said}{_GAP}{around}", ""
        printer.line(said, style)
        for line, look in [(around, ""), *lines_below(found)]:
            if line:
                printer.line(f"  {line}", look)
        if found.steps:
            printer.line("")
            printer.table(steps_table(found))
        printer.check()


_WRITERS: dict[str, Callable[[HighestRate, OutputFile], None]] = {
    "json": lambda found, file: file.write(found.to_json() + "\n"),
    "plot": lambda found, file: file.fill(lambda path: draw_search(found, path)),
}


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
    if least * step_duration < 1:
        span = f"a --step-duration of {step_duration:g} s"
        raise click.UsageError(f"--min-rate: {least:g}/s is less than one message in {span}")
    plan = _plan(engine, target, options)
    _check_requirements(requirements, plan)
    search = Search(
        plan, requirements, least, most, precision, step_duration, rate_tolerance, allow_lag
    )
    results = _results(json, plot)
    count = read_processes(processes, plan.clients, {})
    found = _run(engine, target, search, count, quiet=quiet)
    sys.exit(results.conclude(found))


def _results(json: OutputFile | None, plot: OutputFile | None) -> _Results:
    """Combine the options, or fail with a one-line error if they contradict each other."""
    named = {"json": json, "plot": plot}
    files = {name: file for name, file in named.items() if file is not None}
    check_distinct(files)
    return _Results(files, printer_beside(files.values()))


def _plan(engine: Engine, target: Target, options: dict[str, Any]) -> Plan:
    plan = make_plan(**options, barrier=True)
    try:
        check_target(engine, target)
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None
    try:
        readers_of(plan)
    except ValueError as error:  # its message names the option --protocol
        raise click.UsageError(f"--{error}") from None
    return plan


def _check_requirements(requirements: Iterable[Requirement], plan: Plan) -> None:
    """Fail with a one-line error if a requirement does not apply to the steps of a search."""
    for requirement in requirements:
        problem = requirement.problem_with(plan)
        if problem is None and requirement.name in _CHOSEN:
            problem = f"{requirement}: the search itself sets how much is sent"
        if problem is None and requirement.name.startswith("connect.") and plan.reconnect is None:
            problem = f"{requirement}: it needs --reconnect: steps share their connections"
        if problem is not None:
            raise click.UsageError(f"--require: {problem}")


def _run(
    engine: Engine, target: Target, search: Search, processes: int, *, quiet: bool
) -> HighestRate:
    lacking = lack(search.plan, target, processes, raise_open_files())
    if lacking:
        raise click.ClickException(f"--clients: {lacking}")
    what = f"Searching for the highest rate{required_by(search.requirements)}"
    heading = f"{what}: {target}, {clients_of(search.plan)}"
    try:
        with SearchDisplay(sys.stderr, heading, search.precision, quiet=quiet) as display:
            return find_highest(
                engine,
                target,
                search,
                display.meanwhile,
                display.finished,
                processes=processes,
            )
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None
