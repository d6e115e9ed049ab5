"""The course of a run, ready to be drawn: latency by percentile, and second by second."""

from collections.abc import Mapping
from dataclasses import dataclass

from twistecho.fleet.reports.histograms import INTERVAL_LENGTH, Interval, Latencies
from twistecho.fleet.reports.report import Report

_A_DECADE = 24  # points, so that a curve over percentiles looks like one


@dataclass(frozen=True)
class Moment:
    """What a second of a run was like; it began ``start`` seconds after the run did.

    ``rate`` is of messages answered a second, None for the last second where it was cut short.
    Latencies are in seconds, None where no reply came. ``failures`` counts clients by cause.
    """

    start: float
    rate: float | None
    p50: float | None
    p99: float | None
    max: float | None
    failures: Mapping[str, int]


def moments(report: Report) -> list[Moment]:
    """Give all seconds of a run."""
    intervals = report.measured.intervals
    return [_moment(interval, last=interval is intervals[-1]) for interval in intervals]


def _moment(interval: Interval, *, last: bool) -> Moment:
    # How much of the last second there was is not known: a rate would be a guess.
    whole = interval.start == 0 or not last
    found: tuple[float | None, float | None, float | None] = (None, None, None)
    if interval.latency:
        histogram = Latencies(interval.latency).histogram()
        at = histogram.get_percentile_to_value_dict([50.0, 99.0])
        found = (at[50.0] / 1e6, at[99.0] / 1e6, histogram.get_max_value() / 1e6)
    rate = interval.answered / INTERVAL_LENGTH if whole else None
    return Moment(interval.start, rate, *found, interval.failures)


def percentile_curve(encoded: str) -> tuple[list[float], list[float]]:
    """Give the points of a histogram in text form: how rare, and the latency in seconds.

    How rare is 1 in so many: 2 stands for the 50th percentile, 100 for the 99th. The curve ends at
    the slowest reply of all, 1 in as many as there were. Without a reply there are no points.
    """
    latencies = Latencies(encoded)
    total = latencies.count
    if not total:
        return [], []
    rarities = [10 ** (step / _A_DECADE) for step in range(_A_DECADE * 10)]
    rarities = [*(rarity for rarity in rarities if rarity < total), float(total)]
    percentiles = [100 * (1 - 1 / rarity) for rarity in rarities[:-1]] + [100.0]
    at = latencies.histogram().get_percentile_to_value_dict(percentiles)
    return rarities, [at[percentile] / 1e6 for percentile in percentiles]
