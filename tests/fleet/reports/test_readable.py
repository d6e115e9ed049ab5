"""Figures for those who read no HdrHistogram: those of the histogram, and of exact counts."""

import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import client, histogram_of, report
from twistecho.fleet.reports.histograms import HISTOGRAMS, Latencies, rank_of
from twistecho.fleet.reports.readable import (
    FIGURES,
    READABLE,
    readable,
    readable_counts,
    readable_dict,
)

_COUNTS = st.dictionaries(st.integers(1, 10**7), st.integers(1, 5000), min_size=1, max_size=30)


class FiguresTests(unittest.TestCase):
    """Of one histogram."""

    def test_they_are_those_of_the_histogram(self) -> None:
        """By names that people know, in seconds."""
        text = histogram_of([0.001] * 9_000 + [0.5] * 999 + [2.0])
        figures = readable(text)
        summary = Latencies(text).summary(READABLE)
        assert figures is not None
        assert summary is not None
        assert figures["count"] == 10_000
        assert (figures["min"], figures["max"]) == (summary.min, summary.max)
        self.assertAlmostEqual(figures["mean"], summary.mean, 8)
        told = [figures[f"p{at:g}"] for at in READABLE]
        assert told == list(summary.percentiles)
        assert [round(each, 1) for each in told] == [0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5]
        assert set(figures) == {"count", *FIGURES}

    def test_of_nothing_there_are_none(self) -> None:
        """None, not zeros."""
        assert readable("") is None
        assert readable_counts({}) is None

    @settings(deadline=None)
    @given(_COUNTS)
    def test_those_of_counts_are_exact(self, counts: dict[int, int]) -> None:
        """Each percentile is the value of its rank among all, in order."""
        figures = readable_counts(counts)
        every = [value for value in sorted(counts) for _ in range(counts[value])]
        assert figures is not None
        assert figures["count"] == len(every)
        assert (figures["min"], figures["max"]) == (every[0] / 1e6, every[-1] / 1e6)
        self.assertAlmostEqual(figures["mean"], sum(every) / len(every) / 1e6, 8)
        for at in READABLE:
            assert figures[f"p{at:g}"] == every[rank_of(at, len(every)) - 1] / 1e6


class MeasuredTests(unittest.TestCase):
    """Of all that a run measured."""

    def test_figures_stand_behind_each_histogram(self) -> None:
        """In intervals too; where there is no histogram there is null."""
        found = report(client(0, 2), client(1, 2)).measured
        data = readable_dict(found)
        names = list(data)
        for name in HISTOGRAMS:
            assert names[names.index(name) + 1] == f"{name}_seconds"
            assert data[name] == getattr(found, name)
            assert data[f"{name}_seconds"] == readable(getattr(found, name))
        assert data["latency_seconds"]["count"] == 4
        assert data["wire_seconds"] is None
        assert data["intervals"][0]["latency_seconds"]["p99.99"] > 0.09
