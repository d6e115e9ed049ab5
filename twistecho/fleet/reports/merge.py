"""Merging the reports of several runs: of processes, of machines, of files.

Nothing is averaged: outcomes are listed together, and histograms and intervals are added. The times
of each part count from its own start.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from twistecho.base.notation import FieldError
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.plan_stages import STAGED
from twistecho.fleet.plans.stages import Stages, add_stages

from .by_stage import add_found
from .histograms import INTERVAL_LENGTH, Interval, Measured, add_measured
from .outcome import TIMES, Outcome
from .report import Part, Report

ADDED = ("rate", "ramp")
"""The fields of a plan that are added; either all parts of one run have them, or none."""

OWN = ("clients", "first", "sources", "seed")
"""The fields of a plan in which the parts of one run may differ."""

_SHOWN = 60


def merge_reports(reports: Sequence[Report], names: Sequence[str]) -> Report:
    """Merge one or more reports; each becomes a part with its name.

    Clients, rates and ramps add up. Where the numbers of the clients overlap or have gaps, clients
    are renumbered in the order of the reports. Raises ValueError, which names the field, where the
    plans cannot be of one run.
    """
    for report, name in zip(reports, names, strict=True):
        _check(reports[0].plan, names[0], report.plan, name)
    outcomes = [outcome for found in _numbered(reports) for outcome in found]
    return Report(
        engine=", ".join(dict.fromkeys(report.engine for report in reports)),
        target=", ".join(dict.fromkeys(report.target for report in reports)),
        plan=_plan([report.plan for report in reports]),
        outcomes=tuple(sorted(outcomes, key=lambda outcome: outcome.client)),
        measured=add_measured(report.measured for report in reports),
        stages=add_found(report.stages for report in reports),
        began=min((report.began for report in reports if report.began), default=0.0),
        parts=tuple(_part(report, name) for report, name in zip(reports, names, strict=True)),
        interrupted=any(report.interrupted for report in reports),
        cpu_seconds=_sum(report.cpu_seconds for report in reports),
        allowed_lag=max(
            (each.allowed_lag for each in reports if each.allowed_lag is not None), default=None
        ),
    )


def lost_report(engine: str, target: str, plan: Plan, name: str, problem: str) -> Report:
    """Return a report for a part that returned none: its clients have no outcomes.

    ``problem`` is a short reason.
    """
    part = Part(name, plan.clients, 0, 0.0, problem)
    return Report(engine, target, plan, (), Measured(), parts=(part,))


def put_later(report: Report, seconds: float) -> Report:
    """Return the same report with all its times later by ``seconds``, and its start earlier.

    Fleets that ran one after the other can then be merged; the rate is that of the total time.
    Intervals are moved by a whole number of intervals.
    """
    passed = int(seconds // INTERVAL_LENGTH)
    empty = tuple(Interval(number * INTERVAL_LENGTH) for number in range(passed))
    later = tuple(
        replace(interval, start=interval.start + passed * INTERVAL_LENGTH)
        for interval in report.measured.intervals
    )
    return replace(
        report,
        outcomes=tuple(_put_later(outcome, seconds) for outcome in report.outcomes),
        measured=replace(report.measured, intervals=empty + later),
        began=report.began - seconds if report.began else 0.0,
    )


def _put_later(outcome: Outcome, seconds: float) -> Outcome:
    known = {name: getattr(outcome, name) for name in TIMES}
    later = {name: at + seconds for name, at in known.items() if at is not None}
    return replace(outcome, **later)


def _check(first: Plan, known: str, plan: Plan, name: str) -> None:
    """Raise ValueError where a plan cannot be a part of the same run as the first one."""
    for field in Plan.__dataclass_fields__:
        read = "protocol_name" if field == "protocol" else field
        one, other = getattr(first, read), getattr(plan, read)
        if field in STAGED.values():
            differ = _times_of(one) != _times_of(other)
        elif field in ADDED:
            differ = (one is None) != (other is None)
        else:
            differ = field not in OWN and one != other
        if differ:
            both = f"{shown(one)} in {known}, {shown(other)} in {name}"
            told = next((each for each, staged in STAGED.items() if staged == field), field)
            raise ValueError(f"the plans differ in {told}: {both}")


def _times_of(stages: Stages | None) -> tuple[float, ...]:
    return () if stages is None else stages.begins


def shown(value: object) -> str:
    """Write a value of a plan, in one line at most."""
    text = str(value) if isinstance(value, str | Stages) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _plan(plans: Sequence[Plan]) -> Plan:
    """Return the plan of the whole run."""
    clients = sum(plan.clients for plan in plans)
    fields: dict[str, Any] = {
        "clients": clients,
        "rate": _sum(plan.rate for plan in plans),
    }
    for name, staged in STAGED.items():
        stages: list[Stages] = [each for plan in plans if (each := getattr(plan, staged))]
        try:
            fields |= {name: add_stages(stages)} if stages else {}
        except ValueError as error:
            raise FieldError(name, str(error)) from None
    if plans[0].client_stages and Plan(clients=fields["clients"]).clients != clients:
        raise ValueError("the plans differ in clients: some come while others go")
    return replace(
        plans[0],
        **fields,
        ramp=_sum(plan.ramp for plan in plans),
        first=min(plan.first for plan in plans) if _consecutive(plans) else plans[0].first,
        sources=tuple(dict.fromkeys(source for plan in plans for source in plan.sources)),
    )


def _sum(rates: Iterable[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def _consecutive(plans: Iterable[Plan]) -> bool:
    """Return whether the plans' client numbers together have no gap and no overlap, in any order.

    Then the merged plan's clients are numbered from its ``first`` without a gap.
    """
    ordered = sorted(plans, key=lambda plan: plan.first)
    return all(one.first + one.clients == two.first for one, two in pairwise(ordered))


def _numbered(reports: Sequence[Report]) -> Iterable[Iterable[Outcome]]:
    """Yield the outcomes of each report, with client numbers of the merged run."""
    if _consecutive(report.plan for report in reports):
        yield from (report.outcomes for report in reports)
        return
    first = reports[0].plan.first
    for report in reports:
        moved = first - report.plan.first
        yield [replace(outcome, client=outcome.client + moved) for outcome in report.outcomes]
        first += report.plan.clients


def _part(report: Report, name: str) -> Part:
    problems = dict.fromkeys(part.problem for part in report.parts if part.problem)
    return Part(
        name=name,
        clients=report.plan.clients,
        messages=report.messages,
        makespan=report.makespan,
        problem="; ".join(problems) or None,
    )
