"""Two reports of the same plan, compared second by second."""

from collections.abc import Sequence
from math import ceil, floor

from twistecho.fleet.plans.plan import Plan

from .comparison import (
    ONE_AFTER_THE_OTHER,
    TIMES,
    Doubts,
    Pairs,
    Slice,
    compare,
    needed_for,
)
from .findings import FEWEST_PAIRS, Comparison
from .histograms import INTERVAL_LENGTH, Interval, Latencies, rank_of
from .merge import shown
from .outcome import is_interruption
from .own_share import OwnShare
from .report import Report

_LEAST = 1e-6
"""The smallest share of a time that counts as the target's."""


def compare_reports(one: Report, two: Report, names: Sequence[str]) -> Comparison:
    """Compare the results of two runs, second by second; ``names`` are those of the reports.

    Raises ValueError, in one line, where the plans differ or a run was too short.
    """
    _check_same(one, two, names)
    pairs = pairs_of(one, two)
    if len(pairs) < FEWEST_PAIRS:
        seconds = [len(slices_of(each)) for each in (one, two)]
        least = seconds.index(min(seconds))
        raise ValueError(
            f"{names[least]} has {seconds[least]} whole seconds of load, and {FEWEST_PAIRS} are "
            f"needed: run both for {FEWEST_PAIRS + 2} s or longer after the warm-up"
        )
    return compare(pairs, ONE_AFTER_THE_OTHER, doubts_of(one, two))


def _check_same(one: Report, two: Report, names: Sequence[str]) -> None:
    """Raise ValueError where the engines or plans of two runs differ."""
    first, second = (_made(report.engine, report.plan) for report in (one, two))
    for field, value in first.items():
        if value != second[field]:
            raise ValueError(
                f"the plans differ in {field}: {shown(value)} in {names[0]}, "
                f"{shown(second[field])} in {names[1]}"
            )


def _made(engine: str, plan: Plan) -> dict[str, object]:
    fields = {name: getattr(plan, name) for name in Plan.__dataclass_fields__}
    return {"engine": engine, **fields, "protocol": plan.protocol_name}


def pairs_of(one: Report, two: Report) -> Pairs:
    """Return the pairs of seconds of two reports, in order."""
    return list(zip(slices_of(one), slices_of(two), strict=False))


def slices_of(report: Report) -> list[Slice]:
    """Return the whole seconds in which every client offered load, without the warm-up."""
    begins = [o.offered_from for o in report.outcomes if o.offered_from is not None]
    ends = [o.offered_until for o in report.outcomes if o.offered_until is not None and o.answered]
    # If no client reached the end, the last one determines it.
    ends = ends or [max((o.offered_until or 0.0 for o in report.outcomes), default=0.0)]
    first, last = ceil(max(begins, default=0.0)), floor(min(ends))
    seconds = [i for i in report.measured.intervals if first <= i.start <= last - INTERVAL_LENGTH]
    return [_slice(second) for second in seconds]


def _slice(interval: Interval) -> Slice:
    latencies = Latencies(interval.latency)
    names = [name for name, at in TIMES.items() if interval.answered >= needed_for(at)]
    count = latencies.count
    ranks = [rank_of(TIMES[name], count) for name in names]
    values = latencies.at_ranks(ranks) if count else []
    failures = sum(n for cause, n in interval.failures.items() if not is_interruption(cause))
    times = dict(zip(names, values, strict=False))
    return Slice(INTERVAL_LENGTH, interval.answered, times, failures)


def doubts_of(one: Report, two: Report) -> Doubts:
    """Return, by marked figure, the lowest and highest factor of distortion by the own share."""
    found = {}
    for name in TIMES:
        if any(name in report.marks.get("response", {}) for report in (one, two)):
            shares = [report.own_shares.get("response", {}).get(name) for report in (one, two)]
            parts = [_part(share) for share in shares]
            (least_one, most_one), (least_two, most_two) = parts
            found[name] = min(1.0, least_two / most_one), max(1.0, most_two / least_one)
    return found


def _part(share: OwnShare | None) -> tuple[float, float]:
    """Return the lowest and highest part of a figure that may be the target's."""
    if share is None or not share.of:
        return _LEAST, 1.0
    part = max(_LEAST, 1 - share.seconds / share.of)
    return part, 1.0 if share.bound else part
