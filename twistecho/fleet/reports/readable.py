"""The figures of histograms in the JSON of a report, for programs that do not read HdrHistogram.

They are added to the exact histogram, in seconds, and repeat what it implies. They are ignored when
a report is read. See ``docs/report-3.schema.json``.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from .histograms import HISTOGRAMS, Latencies, LatencySummary, Measured, rank_of

READABLE = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99)
"""The percentiles that are written."""

FIGURES = ("min", "mean", *(f"p{at:g}" for at in READABLE), "max")
"""The names of the figures that are written, ``count`` apart."""

_DIGITS = 9  # of a mean, in seconds: a thousandth of the resolution

Figures = Mapping[str, float]
"""The figures of one histogram by name: `FIGURES` in seconds, and ``count``."""


def readable(text: str) -> Figures | None:
    """Return the figures of a histogram in text form; None if it has no values."""
    summary = Latencies(text).summary(READABLE)
    return None if summary is None else _by_name(summary)


def readable_counts(counts: Mapping[int, int]) -> Figures | None:
    """Return the figures of counted values in whole microseconds; None if there are none."""
    if not counts:
        return None
    ordered = sorted(counts.items())
    total = sum(counts.values())
    ranks = [rank_of(percent, total) for percent in READABLE]
    mean = sum(value * count for value, count in ordered) / total
    percentiles = tuple(value / 1e6 for value in _at_ranks(ordered, ranks))
    least, most = ordered[0][0] / 1e6, ordered[-1][0] / 1e6
    return _by_name(LatencySummary(total, least, most, mean / 1e6, percentiles))


def _at_ranks(ordered: Iterable[tuple[int, int]], ranks: Iterable[int]) -> Iterable[int]:
    """Return the values of ranks, both in ascending order."""
    values, counts = zip(*ordered, strict=True)
    upto = zip(values, accumulate(counts), strict=True)
    value, reached = next(upto)
    for rank in ranks:
        while reached < rank:
            value, reached = next(upto)
        yield value


def _by_name(summary: LatencySummary) -> Figures:
    mean = round(summary.mean, _DIGITS)
    values = (summary.min, mean, *summary.percentiles, summary.max)
    return {"count": summary.count, **dict(zip(FIGURES, values, strict=True))}


def readable_dict(measured: Measured) -> dict[str, Any]:
    """Return a run's measurements as JSON data, each histogram followed by its figures."""
    data = _beside(measured.to_dict(), HISTOGRAMS)
    data["intervals"] = [_beside(interval, ("latency",)) for interval in data["intervals"]]
    return data


def _beside(data: Mapping[str, Any], histograms: Iterable[str]) -> dict[str, Any]:
    """Insert the figures of each histogram after it, named ``latency_seconds`` for instance."""
    told = {}
    for name, value in data.items():
        told[name] = value
        if name in histograms:
            told[f"{name}_seconds"] = readable(value)
    return told
