"""Whether a target keeps up while load is offered: how much it answers, and how much later."""

from collections.abc import Sequence
from math import ceil, floor, sqrt

from .histograms import INTERVAL_LENGTH, Interval, Latencies
from .report import Report

_SURE = 1.96
"""Standard deviations of a normal distribution within which 95 % lie."""


def growth_of(report: Report) -> float | None:
    """Say how much later replies became, at the least, in seconds for each second that passed.

    It compares the median of the last whole second in which load was offered with that of the
    first; where there are not two of them, nothing is known. Each is within an interval of 95 %:
    what lies between the two is certain, and what is drawn at random does not look like growth.
    """
    seconds = _whole_seconds(report)
    if len(seconds) < 2:
        return None
    early, late = (_median_within(Latencies(each.latency)) for each in (seconds[0], seconds[-1]))
    if early is None or late is None:
        return None
    return (late[0] - early[1]) / ((len(seconds) - 1) * INTERVAL_LENGTH)


def answered_in_time(report: Report) -> float | None:
    """Give how many replies came each second while load was offered, on average.

    That leaves out those that came later, which a target that does not keep up still owes. Where
    load was not offered for a whole second nothing is known.
    """
    seconds = _whole_seconds(report)
    if not seconds:
        return None
    return sum(each.answered for each in seconds) / (len(seconds) * INTERVAL_LENGTH)


def _whole_seconds(report: Report) -> Sequence[Interval]:
    """Give the intervals during all of which every client offered load, without the warm-up."""
    offered = [o for o in report.outcomes if o.offered_from is not None]
    begin = max((o.offered_from or 0.0 for o in offered), default=0.0)
    end = min((o.offered_until or 0.0 for o in offered if o.answered), default=0.0)
    first, behind = ceil(begin / INTERVAL_LENGTH), floor(end / INTERVAL_LENGTH)
    return report.measured.intervals[first:behind]


def _median_within(latencies: Latencies) -> tuple[float, float] | None:
    """Give the interval of 95 % in which a median is; None where there are no values.

    By the normal distribution of how many values are below it. Source: Conover, Practical
    Nonparametric Statistics (1999), 3.2.
    """
    count = latencies.count
    if not count:
        return None
    middle, around = count / 2, _SURE * sqrt(count) / 2
    low, high = max(1, floor(middle - around)), min(count, ceil(middle + around) + 1)
    bounds = latencies.at_ranks([low, high])
    return bounds[0], bounds[1]
