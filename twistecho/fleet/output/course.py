"""The course of a run: its seconds, or longer pieces of time if there are too many to draw.

Pieces are merged exactly: histograms are added, so their percentiles are those of all replies in
the piece, and nothing is averaged.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from twistecho.fleet.reports.histograms import INTERVAL_LENGTH, Interval, Latencies
from twistecho.fleet.reports.outcome import is_interruption
from twistecho.fleet.reports.report import Report

MOST = 200
"""The most pieces of a course: a chart has no pixels for more."""

_LENGTHS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True)
class Moment:
    """The figures of a piece of a run; it began ``start`` seconds after the run did.

    ``rate`` is in messages answered per second. It is None if the length of the piece is unknown:
    the last second of a run was cut short. Latencies are in seconds, None if no reply arrived.
    ``failures`` counts clients by cause, without interrupted ones.
    """

    start: float
    length: float
    rate: float | None
    p50: float | None
    p99: float | None
    max: float | None
    failures: Mapping[str, int]

    @property
    def end(self) -> float:
        """When it ended, in seconds since the run began."""
        return self.start + self.length

    @property
    def middle(self) -> float:
        """The middle between its start and its end."""
        return self.start + self.length / 2


def moments(report: Report, most: int = MOST) -> list[Moment]:
    """Return all seconds of a run, or at most this many pieces of equal length."""
    intervals = report.measured.intervals
    if not intervals:
        return []
    length = _length(intervals[-1].start + INTERVAL_LENGTH, most)
    pieces: dict[int, list[Interval]] = defaultdict(list)
    for interval in intervals:
        pieces[int(interval.start // length)].append(interval)
    # The length of the last second is unknown: a rate would be a guess.
    cut_short = intervals[-1] if intervals[-1].start > 0 else None
    return [_moment(n * length, length, found, cut_short) for n, found in sorted(pieces.items())]


def _length(span: float, most: int) -> float:
    """Return the shortest round length that divides a time into at most this many pieces."""
    days = _LENGTHS[-1]
    known = (length for length in _LENGTHS if span <= length * most)
    return float(next(known, days * (1 + span // (days * most))))


def _moment(
    start: float, length: float, found: Sequence[Interval], cut_short: Interval | None
) -> Moment:
    whole = [interval for interval in found if interval is not cut_short]
    rate = None
    if whole:
        rate = sum(interval.answered for interval in whole) / (len(whole) * INTERVAL_LENGTH)
    moment = Moment(start, length, rate, None, None, None, _failures(found))
    summary = _latencies(found).summary([50.0, 99.0])
    if summary is None:
        return moment
    p50, p99 = summary.percentiles
    return replace(moment, p50=p50, p99=p99, max=summary.max)


def _latencies(found: Iterable[Interval]) -> Latencies:
    latencies = Latencies()
    for interval in found:
        if interval.latency:
            latencies.add(Latencies(interval.latency))
    return latencies


def _failures(found: Iterable[Interval]) -> dict[str, int]:
    causes: Counter[str] = Counter()
    for interval in found:
        causes.update(interval.failures)
    return {cause: clients for cause, clients in causes.items() if not is_interruption(cause)}
