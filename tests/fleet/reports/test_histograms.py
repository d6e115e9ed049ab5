"""Histograms: how long replies took, and what happened in each second of a run."""

import base64
import json
import unittest
import zlib
from decimal import Decimal

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support import MORE
from tests.support.reports import histogram_of
from twistecho.base.decoding import decode
from twistecho.fleet.reports.histograms import (
    _FOLD_AT,
    PERCENTILES,
    Interval,
    Latencies,
    LatencySummary,
    Measured,
    add_intervals,
    add_measured,
    rank_of,
)

law = settings(max_examples=8 * MORE, deadline=None)  # one summary takes tens of milliseconds

HOUR = 3600.0
MICROSECOND = 1e-6
latencies = st.lists(
    st.floats(-6, 3.5).map(lambda power: 10.0**power) | st.just(HOUR), min_size=1, max_size=40
)


def recorded(*seconds: float) -> Latencies:
    """Make a record of these latencies."""
    record = Latencies()
    for one in seconds:
        record.record(one)
    return record


def summary(record: Latencies) -> LatencySummary:
    """Give the figures of a record that is not empty."""
    figures = record.summary()
    assert figures is not None
    return figures


def close(figure: float, exact: float) -> bool:
    """Tell whether a figure is right to three significant digits and one microsecond."""
    return abs(figure - exact) <= exact / 1000 + MICROSECOND


class RankTests(unittest.TestCase):
    """Which of the values in order a percentile is."""

    @given(st.decimals(0, 100, places=6), st.integers(1, 10**12))
    def test_so_many_per_cent_are_not_above_and_fewer_are_not_enough(
        self, percent: Decimal, count: int
    ) -> None:
        """Exactly, however many there are, for every percentile that can be asked for."""
        rank = rank_of(float(percent), count)
        assert 1 <= rank <= count
        assert 100 * rank >= percent * count
        assert rank == 1 or 100 * (rank - 1) < percent * count

    def test_ranks_of_use(self) -> None:
        """A part of a value is a value; what a binary fraction is off by is not."""
        for percent, count, rank in (
            (99, 160, 159), (50, 1, 1), (50, 3, 2), (0, 9, 1), (100, 9, 9),
            (99.9, 1000, 999), (99.9, 1001, 1000), (0.1, 1000, 1), (1e-06, 10**8, 1),
            (1e-06, 10**8 + 1, 2),
        ):  # fmt: skip
            with self.subTest(percent=percent, count=count):
                assert rank_of(percent, count) == rank

    def test_every_rank_is_its_own_value(self) -> None:
        """The library that holds the values rounds percentiles: here each rank is found."""
        for count in (1, 2, 3, 7, 160, 999):
            record = recorded(*(MICROSECOND * n for n in range(1, count + 1)))
            found = record.at_ranks(range(1, count + 1))
            assert [round(value / MICROSECOND) for value in found] == [*range(1, count + 1)]


class SummaryTests(unittest.TestCase):
    """The figures people ask for."""

    @law
    @given(seconds=latencies)
    def test_the_figures_are_right_to_three_digits(self, seconds: list[float]) -> None:
        """They are those of the numbers themselves; a percentile is the number at its rank."""
        ordered = sorted(seconds)
        figures = summary(recorded(*seconds))
        assert figures.count == len(seconds)
        assert close(figures.min, ordered[0])
        assert close(figures.max, ordered[-1])
        assert close(figures.mean, sum(ordered) / len(ordered))
        for percent, figure in zip(PERCENTILES, figures.percentiles, strict=True):
            assert close(figure, ordered[rank_of(percent, len(ordered)) - 1])
        line = [figures.min, *figures.percentiles, figures.max]
        assert line == sorted(line)

    def test_nothing_recorded_has_no_figures(self) -> None:
        """There is no latency of no reply."""
        assert Measured().unmeasured == 0
        assert Latencies().summary() is None
        assert Latencies().count == 0

    def test_one_by_one_is_as_all_together(self) -> None:
        """`record` and `extend` tell the same, also beyond the size of a batch."""
        seconds = [0.001 * (1 + number % 7) for number in range(5000)]
        single = Latencies()
        for latency in seconds:
            single.record(latency)
        assert single.count == len(seconds)
        assert single.summary() == recorded(*seconds).summary()

    def test_what_differs_takes_bounded_memory(self) -> None:
        """However many different latencies there are."""
        record = Latencies()
        for number in range(3 * _FOLD_AT):
            record.record(number * MICROSECOND)
        assert len(record._counts) + len(record._fresh) < 2 * _FOLD_AT
        assert record.count == 3 * _FOLD_AT

    def test_looking_changes_nothing(self) -> None:
        """A summary may be asked for while more is recorded."""
        record = recorded(0.1)
        assert summary(record).count == 1
        record.record(0.2)
        assert summary(record).count == record.count == 2


class ClampingTests(unittest.TestCase):
    """What lies outside of the range."""

    def test_less_than_a_microsecond_counts_as_one(self) -> None:
        """Zero, and less than zero, is the least that can be told."""
        for seconds in (0.0, 1e-9, -1.0):
            with self.subTest(seconds=seconds):
                assert summary(recorded(seconds)).min == MICROSECOND
                assert summary(recorded(seconds)).max == MICROSECOND

    def test_more_than_an_hour_counts_as_one(self) -> None:
        """A day is told as an hour, and is not lost."""
        for seconds in (HOUR + 1, 86400.0, 1e12):
            with self.subTest(seconds=seconds):
                assert summary(recorded(seconds)).count == 1
                assert close(summary(recorded(seconds)).max, HOUR)


class AddTests(unittest.TestCase):
    """Two records in one."""

    @law
    @given(one=latencies, two=latencies)
    def test_adding_is_as_recording_both(self, one: list[float], two: list[float]) -> None:
        """The sum tells what a record of all latencies tells; the added one stays as it was."""
        total, part = recorded(*one), recorded(*two)
        total.add(part)
        assert total.summary() == recorded(*one, *two).summary()
        assert part.encode() == recorded(*two).encode()

    def test_adding_to_an_empty_one_is_a_copy(self) -> None:
        """What is added to nothing is all there is."""
        total = Latencies()
        total.add(recorded(0.5, 1.0))
        assert total.summary() == recorded(0.5, 1.0).summary()

    def test_adding_an_empty_one_changes_nothing(self) -> None:
        """Nothing was recorded there, so the least latency is not 0."""
        total = recorded(0.5, 1.0)
        total.add(Latencies())
        assert total.summary() == recorded(0.5, 1.0).summary()

    def test_not_yet_counted_batches_are_added_too(self) -> None:
        """Latencies recorded one by one are in the sum, on both sides."""
        total, part = Latencies(), Latencies()
        total.record(0.5)
        part.record(1.0)
        total.add(part)
        assert total.count == 2
        assert total.summary() == recorded(0.5, 1.0).summary()


class EncodeTests(unittest.TestCase):
    """The text form."""

    @law
    @given(seconds=latencies)
    def test_a_record_comes_back_from_its_text(self, seconds: list[float]) -> None:
        """Count and figures are the same, and so is the text."""
        record = recorded(*seconds)
        again = Latencies(record.encode())
        assert again.count == record.count
        assert again.summary() == record.summary()
        assert again.encode() == record.encode()

    def test_an_empty_record_comes_back(self) -> None:
        """It has a text, too, and is empty again."""
        again = Latencies(Latencies().encode())
        assert again.count == 0
        assert again.summary() is None

    def test_an_empty_record_that_came_back_records_on(self) -> None:
        """What is recorded later is as in a new record."""
        again = Latencies(Latencies().encode())
        again.record(0.5)
        assert again.summary() == recorded(0.5).summary()

    def test_a_record_that_came_back_records_on(self) -> None:
        """What is recorded later joins what there was."""
        again = Latencies(recorded(0.5).encode())
        again.record(1.0)
        assert again.summary() == recorded(0.5, 1.0).summary()

    def test_text_that_is_no_histogram_is_refused(self) -> None:
        """No base64, base64 of something else, half a histogram, other letters: ValueError."""
        good = recorded(0.5).encode()
        other = base64.b64encode(b"something else, long enough for a header").decode()
        for text in ("x", "====", "not a histogram", other, good[:-8], good[4:], "é" * 8, "\0"):
            with self.subTest(text=text), pytest.raises(ValueError, match="not a histogram"):
                Latencies(text)

    @law
    @given(text=st.text(min_size=1) | st.binary(min_size=1).map(base64.b64encode).map(bytes.decode))
    def test_any_text_is_refused_with_valueerror(self, text: str) -> None:
        """Nothing but a ValueError comes out of what was not written by `encode`."""
        with pytest.raises(ValueError, match="not a histogram"):
            Latencies(text)

    @law
    @given(at=st.integers(0, 10**4), letter=st.sampled_from("ABCxyz019+/=-é"))
    def test_a_damaged_text_is_refused_or_works(self, at: int, letter: str) -> None:
        """With one letter changed it is no histogram, or one whose figures can be told."""
        good = recorded(0.5, 0.7, 11.0).encode()
        at %= len(good)
        assume(good[at] != letter)
        try:
            record = Latencies(good[:at] + letter + good[at + 1 :])
        except ValueError:
            return
        assert record.count == 0 or summary(record).count == record.count


counts = st.integers(0, 2**40)
failures = st.dictionaries(
    st.sampled_from(["receive:reset", "connect:refused"]), st.integers(1, 2**30)
)


intervals = st.builds(
    Interval,
    start=st.just(3.0),
    connected=counts,
    answered=counts,
    bytes_returned=counts,
    failures=failures,
    latency=st.lists(st.floats(1e-6, 10.0), max_size=5).map(histogram_of),
)


class AddIntervalsTests(unittest.TestCase):
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
        assert decode(json.loads(json.dumps(interval.to_dict())), Interval, "a value") == interval

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
            with self.subTest(field=field), pytest.raises(ValueError, match=field):
                decode({**Interval(0.0).to_dict(), field: value}, Interval, "a value")

    def test_a_histogram_of_another_form_is_refused(self) -> None:
        """Of another range, of more bytes than one has, damaged, or no base64."""
        good = Latencies()
        good.record(0.5)
        text = good.encode()
        packed = base64.b64decode(text)
        wide = HdrHistogram(1, 2**60, 5).encode().decode()
        huge = base64.b64encode(packed[:8] + zlib.compress(bytes(1 << 24))).decode()
        header = zlib.decompress(packed[8:])[:40]
        long = base64.b64encode(packed[:8] + zlib.compress(header + bytes(1 << 24))).decode()
        for bad in (wide, huge, long, text[:-8], "x", "é", packed.hex()):
            data = {**Interval(0.0).to_dict(), "latency": bad}
            with self.subTest(text=bad[:20]), pytest.raises(ValueError, match="latency: not a his"):
                decode(data, Interval, "a value")
