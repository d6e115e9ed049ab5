"""Intervals: what happened in each second of a run."""

import json
import unittest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.fleet.reports.histograms import Measured, add_measured
from twistecho.fleet.reports.interval import Interval, add_intervals
from twistecho.fleet.reports.latency import Latencies

law = settings(max_examples=15, deadline=None)  # a histogram takes milliseconds

counts = st.integers(0, 2**40)
failures = st.dictionaries(
    st.sampled_from(["receive:reset", "connect:refused"]), st.integers(1, 2**30)
)


def histogram(seconds: list[float]) -> str:
    """Give the text of a histogram of these latencies."""
    latencies = Latencies()
    latencies.extend(seconds)
    return latencies.encode()


intervals = st.builds(
    Interval,
    start=st.just(3.0),
    connected=counts,
    answered=counts,
    bytes_returned=counts,
    failures=failures,
    latency=st.lists(st.floats(1e-6, 10.0), max_size=5).map(histogram),
)


class AddTests(unittest.TestCase):
    """The same second of two parts of a run."""

    @law
    @given(one=intervals, other=intervals)
    def test_counts_and_histograms_are_added(self, one: Interval, other: Interval) -> None:
        """In either order the same."""
        both = add_intervals(one, other)
        assert both == add_intervals(other, one)
        for name in ("connected", "answered", "bytes_returned"):
            assert getattr(both, name) == getattr(one, name) + getattr(other, name)
        for cause in ("receive:reset", "connect:refused"):
            parts = one.failures.get(cause, 0) + other.failures.get(cause, 0)
            assert both.failures.get(cause, 0) == parts
        found = [Latencies(interval.latency).count for interval in (one, other, both)]
        assert found[0] + found[1] == found[2]

    def test_seconds_that_only_one_part_has_stay_as_they_are(self) -> None:
        """Parts need not run equally long."""
        early, late = Interval(0.0, answered=1), Interval(1.0, answered=2)
        both = add_measured([Measured(intervals=(early,)), Measured(intervals=(early, late))])
        assert both.intervals == (Interval(0.0, answered=2), late)


class JsonTests(unittest.TestCase):
    """An interval as JSON data."""

    @law
    @given(interval=intervals)
    def test_an_interval_comes_back_from_json(self, interval: Interval) -> None:
        """Written as JSON text and read again it is the same."""
        assert Interval.from_dict(json.loads(json.dumps(interval.to_dict()))) == interval

    def test_fields_of_the_wrong_type_are_refused(self) -> None:
        """As documented."""
        bad: tuple[tuple[str, object], ...] = (
            ("start", "0"),
            ("connected", None),
            ("answered", 1.5),
            ("failures", []),
            ("failures", {"receive:reset": "1"}),
            ("latency", 5),
            ("latency", "x"),
        )
        for field, value in bad:
            with self.subTest(field=field), pytest.raises((ValueError, KeyError, TypeError)):
                Interval.from_dict({**Interval(0.0).to_dict(), field: value})
