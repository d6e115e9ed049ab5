"""Carries out ``twistecho ab``: measures two targets in turn, over connections that stay open."""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import click

from twistecho.base.processes import raise_open_files
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.output.causes import failure_lines
from twistecho.fleet.output.comparison import notes_on
from twistecho.fleet.output.headline import headline
from twistecho.fleet.output.live import Display
from twistecho.fleet.output.words import count
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.plans.turns import Turns
from twistecho.fleet.reports.judged import Judged, Side, answer_all
from twistecho.fleet.reports.relative import Relative
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.fleet_process import FleetError
from twistecho.fleet.runs.run import check_target
from twistecho.fleet.search.side_by_side import SideBySide, run_side_by_side

from .chosen_plan import make_plan
from .comparison import shown_to
from .processes import read_processes
from .room import lack
from .targets import secured_target


def ab(
    one: Target,
    two: Target,
    *,
    engine: Engine,
    processes: str,
    pairs: int,
    length: float,
    quiet: bool,
    requirements: tuple[Relative, ...],
    rate_tolerance: float,
    allow_lag: float | None,
    json: Any,
    markdown: Any,
    **options: Any,
) -> None:
    """Carry out `twistecho ab`, and end the process."""
    trust = {name: options.pop(name) for name in ("ca", "server_name", "insecure")}
    targets = _targets((one, two), engine, trust)
    turns = Turns(pairs + pairs % 2, length, seed=options["seed"])
    plan = _plan(options, turns)
    many = read_processes(processes, plan.clients, {})
    shown = shown_to(json, markdown)
    if not quiet:
        shown.printer.line(
            f"{headline(plan, one)} and {two}, {count(turns.pairs, 'pair')} of slices"
            + (f", {many} processes" if many > 1 else "")
        )
    found = _run(engine, plan, targets, turns, allow_lag, processes=many, quiet=quiet)
    for letter, report in zip("AB", found.reports, strict=True):
        _check_answered(letter, report)
    code = shown.conclude(_judged(found, targets, turns, requirements, rate_tolerance))
    sys.exit(code)


def _targets(targets: tuple[Target, Target], engine: Engine, trust: dict[str, Any]) -> list[Target]:
    """Return both targets with the TLS options applied, or fail with a one-line error."""
    tls = [target for target in targets if target.tls] or list(targets)
    secured = {target: secured_target(target, **trust) for target in tls}
    for name, target in zip("AB", targets, strict=True):
        try:
            check_target(engine, target)
        except ValueError as error:
            raise click.UsageError(f"{name}: {error}") from None
    return [secured.get(target, target) for target in targets]


def _plan(options: dict[str, Any], turns: Turns) -> Plan:
    plan = make_plan(**options, duration=turns.duration, barrier=True)
    try:
        readers_of(plan)
    except ValueError as error:  # its message names the option --protocol
        raise click.UsageError(f"--{error}") from None
    return plan


def _run(
    engine: Engine,
    plan: Plan,
    targets: list[Target],
    turns: Turns,
    allow_lag: float | None,
    *,
    processes: int,
    quiet: bool,
) -> SideBySide:
    both = Plan(clients=2 * plan.clients, duration=turns.duration, barrier=True)
    lacking = lack(both, targets[0], processes, raise_open_files())
    if lacking:
        raise click.ClickException(f"--clients: {lacking}")
    display = partial(Display, sys.stderr, both, quiet=quiet)
    try:
        return run_side_by_side(
            engine, plan, targets, turns, display, processes=processes, allowed_lag=allow_lag
        )
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None
    except FleetError as error:
        raise click.ClickException(str(error)) from None


def _check_answered(letter: str, report: Report) -> None:
    """Fail with a one-line error if a target answered no message."""
    if not report.messages and report.failures:
        cause = next(iter(report.failures))
        raise click.ClickException(f"{letter}, {report.target}: no message was answered: {cause}")


def _failed(letters: str, reports: Sequence[Report]) -> Iterator[str]:
    """Yield how many clients of each target failed, and why."""
    for letter, report in zip(letters, reports, strict=True):
        for line in failure_lines(report):
            yield f"{letter}, of {count(report.plan.clients, 'client')}: {line}"


def _invalid(found: SideBySide, turns: Turns, rate_tolerance: float) -> Iterator[str]:
    """Yield why the figures cannot be believed; reasons that hold for both targets come once."""
    one, two = (invalid(report, rate_tolerance) for report in found.reports)
    yield from (reason for reason in one if reason in two)
    yield from (f"A: {reason}" for reason in one if reason not in two)
    yield from (f"B: {reason}" for reason in two if reason not in one)
    if found.apart > turns.settling / 2:
        yield (
            f"the processes began their turns {found.apart:.3g} s apart: more than half of the "
            f"{turns.settling:g} s at the start of each slice that do not count"
        )


def _judged(
    found: SideBySide,
    targets: list[Target],
    turns: Turns,
    requirements: tuple[Relative, ...],
    rate_tolerance: float,
) -> Judged:
    sides = [Side(str(target), str(target)) for target in targets]
    return Judged(
        (sides[0], sides[1]),
        found.comparison,
        turns.counted,
        answer_all(requirements, found.comparison),
        alike=found.alike,
        smallest=found.smallest,
        invalid=tuple(_invalid(found, turns, rate_tolerance)),
        failed=tuple(_failed("AB", found.reports)),
        notes=tuple(notes_on(found.reports)),
        broken=any(report.failures and not report.answered for report in found.reports)
        and not found.interrupted,
        interrupted=found.interrupted,
    )
