"""Whether a target keeps up with the load: how many messages it answers, and how delays grow."""

from collections.abc import Sequence
from math import ceil, floor, sqrt

from .histograms import INTERVAL_LENGTH, Interval, Latencies
from .report import Report

_SURE = 1.96
"""How many standard deviations around the mean contain 95 % of a normal distribution."""


def growth_of(report: Report) -> float | None:
    """Return by how much response times grew, at least, in seconds per second that passed.

    It compares the median of the last whole second of load with that of the first; None where there
    are not two of them. Each median has an interval of 95 %, and only the distance between the two
    intervals counts, so that random variation does not look like growth.
    """
    seconds = _whole_seconds(report)
    if len(seconds) < 2:
        return None
    early, late = (_median_within(Latencies(each.latency)) for each in (seconds[0], seconds[-1]))
    if early is None or late is None:
        return None
    return (late[0] - early[1]) / ((len(seconds) - 1) * INTERVAL_LENGTH)


def answered_in_time(report: Report) -> float | None:
    """Return how many replies came per second while load was offered, on average.

    Replies that came later are left out: a target that does not keep up sends them after the load
    has ended. None where load was not offered for a whole second.
    """
    seconds = _whole_seconds(report)
    if not seconds:
        return None
    return sum(each.answered for each in seconds) / (len(seconds) * INTERVAL_LENGTH)


def _whole_seconds(report: Report) -> Sequence[Interval]:
    """Return the intervals during all of which every client offered load, without the warm-up."""
    offered = [o for o in report.outcomes if o.offered_from is not None]
    begin = max((o.offered_from or 0.0 for o in offered), default=0.0)
    end = min((o.offered_until or 0.0 for o in offered if o.answered), default=0.0)
    first, behind = ceil(begin / INTERVAL_LENGTH), floor(end / INTERVAL_LENGTH)
    return report.measured.intervals[first:behind]


def _median_within(latencies: Latencies) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a median; None where there are no values.

    It uses the normal approximation of the number of values below the median. Source: Conover,
    Practical Nonparametric Statistics (1999), 3.2.
    """
    count = latencies.count
    if not count:
        return None
    middle, around = count / 2, _SURE * sqrt(count) / 2
    low, high = max(1, floor(middle - around)), min(count, ceil(middle + around) + 1)
    bounds = latencies.at_ranks([low, high])
    return bounds[0], bounds[1]
