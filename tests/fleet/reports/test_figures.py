"""Readings: the figures of a report, by name."""

import errno
import unittest
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.reports import (
    REFUSED,
    RESET,
    client,
    histogram_of,
    measured,
    report,
    sound_reports,
)
from twistecho.fleet.output.causes import REASONS
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.figures import TIMES, Reading, Unit, is_of_failures, read, unit_of
from twistecho.fleet.reports.histograms import Interval, Measured
from twistecho.fleet.reports.outcome import reason_of_errno
from twistecho.fleet.reports.report import Report

law = settings(max_examples=20, deadline=None)  # a histogram takes milliseconds


class CountTests(unittest.TestCase):
    """What is counted."""

    def setUp(self) -> None:
        """Make a report of three clients, answered, reset and refused."""
        found = [
            client(0, 2, ended=2.0),
            client(1, 1, 1, RESET, unsent=5),
            client(2, 0, cause=REFUSED, connected=None, replied=None, started=0.5, ended=0.6),
        ]
        self.report = report(*found, plan=Plan(clients=4, messages=(b"x" * 10,), repeat=2))

    def values(self, *names: str) -> list[float | None]:
        """Give the values of these figures."""
        return [read(self.report, name).value for name in names]

    def test_clients_messages_and_bytes_are_counted(self) -> None:
        """Each by its name."""
        assert self.values("clients", "answered", "failed") == [4, 1, 2]
        assert self.values("messages", "sent", "outstanding", "unsent") == [3, 4, 0, 5]
        assert self.values("bytes_sent", "bytes_returned") == [40, 30]

    def test_causes_are_counted_by_their_own_names(self) -> None:
        """One that did not happen, happened to nobody."""
        assert self.values("receive:reset", "connect:refused", "close:timeout") == [1, 1, 0]

    def test_a_run_of_no_time_has_no_rate(self) -> None:
        """Nor has one of less time than can be measured: it would be no number."""
        found = replace(client(0, 2), connected=None, replied=None, ended=5e-324)
        for name in ("rate", "byte_rate"):
            assert str(read(report(found), name)) == "none"

    def test_rates_are_over_the_makespan(self) -> None:
        """Messages and bytes a second; failures are a share of the clients planned."""
        assert self.values("makespan", "rate", "byte_rate", "error_rate") == [2.0, 1.5, 15.0, 0.5]

    def test_rates_are_over_the_time_in_which_load_was_offered(self) -> None:
        """By any client, counted once, where it is known; gaps between them are none of it."""
        times = ((3.0, 5.0), (3.5, 5.25), (8.0, 8.75))
        found = [
            replace(one, offered_from=begin, offered_until=end)
            for one, (begin, end) in zip(self.report.outcomes, times, strict=True)
        ]
        self.report = replace(self.report, outcomes=tuple(found))
        assert self.values("rate", "byte_rate") == [1.0, 10.0]

    def test_rates_leave_the_warm_up_out(self) -> None:
        """Its time, its messages and its bytes."""
        seconds = (Interval(0.0, answered=2, bytes_returned=20), Interval(1.0, 0, 1, 10))
        self.report = replace(
            self.report,
            plan=replace(self.report.plan, warmup=1.0),
            measured=Measured(unmeasured=2, intervals=seconds),
        )
        rate, byte_rate = self.values("rate", "byte_rate")
        assert rate == 1.0
        self.assertAlmostEqual(byte_rate or 0.0, 10.0)

    def test_a_warm_up_that_ends_within_a_second_takes_only_its_own_bytes(self) -> None:
        """One of three messages, and so a third of the bytes."""
        self.report = replace(
            self.report,
            plan=replace(self.report.plan, warmup=0.5),
            measured=Measured(unmeasured=1, intervals=(Interval(0.0, 0, 3, 30),)),
        )
        self.assertAlmostEqual(self.values("byte_rate")[0] or 0, 20 / 1.5)

    def test_no_time_has_no_rate(self) -> None:
        """Of a report without clients, or one that ended as it began."""
        for found in (report(plan=Plan()), report(client(0, 1, ended=0.0))):
            assert read(found, "rate") == Reading(None, Unit.RATE)
            assert read(found, "byte_rate") == Reading(None, Unit.BYTE_RATE)


class TimeTests(unittest.TestCase):
    """How long things took."""

    def setUp(self) -> None:
        """Make a report with times of each kind."""
        fields: dict[str, Any] = {
            field: histogram_of([n, n, n + 1]) for n, field in enumerate(TIMES.values(), 1)
        }
        self.report = replace(report(client(0, 1)), measured=Measured(**fields))

    def close(self, name: str, value: float) -> bool:
        """Tell whether a figure is this, to three digits."""
        found = read(self.report, name).value
        return found is not None and abs(found - value) < value / 1000

    def test_each_kind_has_its_own_name(self) -> None:
        """The response time goes without."""
        for n, name in enumerate(TIMES, 1):
            assert self.close(f"{name}.min", n)
            assert self.close(f"{name}.p50", n)
            assert self.close(f"{name}.p99.9", n + 1)
            assert self.close(f"{name}.max", n + 1)
            assert self.close(f"{name}.mean", n + 1 / 3)
        assert read(self.report, "p99") == read(self.report, "response.p99")

    @law
    @given(percent=st.integers(0, 10000))
    @example(percent=10000)
    def test_any_percentile_can_be_asked_for(self, percent: int) -> None:
        """To hundredths and beyond; the last is the greatest."""
        assert self.close(f"p{percent / 100:.6f}", 1 if percent <= 6666 else 2)

    def test_nothing_measured_is_none(self) -> None:
        """Not zero."""
        found = replace(self.report, measured=Measured())
        assert read(found, "p99") == read(found, "lag.max") == Reading(None, Unit.SECONDS)
        assert str(read(found, "p99")) == "none"


class NameTests(unittest.TestCase):
    """Which names there are."""

    def test_other_names_are_refused(self) -> None:
        """With what may have been meant."""
        for name in ("", "p", "p101", "p-1", "p99.", "latency", "P99", "service.rate", "lag",
                     "receive:", "teleport:reset", "p99 ", "service.", "mean.max"):  # fmt: skip
            with self.subTest(name=name), pytest.raises(ValueError, match="is not a figure"):
                unit_of(name)
        for name, meant in {
            "faild": "failed",
            "receive:rest": "receive:reset",
            "recieve:reset": "receive:reset",
            "connect:refusd": "connect:refused",
        }.items():
            with self.subTest(name=name), pytest.raises(ValueError, match=f": {meant}\\?"):
                unit_of(name)

    def test_every_cause_that_a_report_may_hold_has_a_name(self) -> None:
        """The system's own words too, where a number has none of ours."""
        for reason in (*REASONS, *map(reason_of_errno, (None, *errno.errorcode, 9999))):
            assert unit_of(f"receive:{reason}") is Unit.COUNT

    @law
    @given(found=sound_reports(), data=st.data())
    def test_every_name_can_be_read_from_every_report(
        self, found: Report, data: st.DataObject
    ) -> None:
        """A number or nothing, and a text of it."""
        names = st.sampled_from(
            ["clients", "failed", "rate", "byte_rate", "error_rate", "makespan", "p99", "max",
             "lag.mean", "receive:reset", "unsent", "bytes_sent"]
        )  # fmt: skip
        name = data.draw(names)
        reading = read(found, name)
        assert reading.unit is unit_of(name)
        assert reading.value is None or reading.value >= 0
        assert 0 < len(str(reading)) < 20

    def test_figures_of_failures_are_known(self) -> None:
        """By counts, shares and causes."""
        for name in ("failed", "answered", "error_rate", "receive:reset"):
            assert is_of_failures(name, "receive:reset"), name
        for name in ("p99", "rate", "messages", "unsent", "connect:reset", "receive:timeout"):
            assert not is_of_failures(name, "receive:reset"), name

    def test_who_was_interrupted_is_not_among_those_that_failed(self) -> None:
        """But among those that were not answered."""
        for name, among in (("failed", False), ("error_rate", False), ("answered", True)):
            assert is_of_failures(name, "receive:interrupted") is among, name


class WrittenTests(unittest.TestCase):
    """Figures for people."""

    def test_figures_are_written_in_the_unit_people_would_choose(self) -> None:
        """Three digits, but for counts, which are exact."""
        written: list[tuple[Any, Unit, str]] = [
            (12345, Unit.COUNT, "12,345"),
            (0.00123, Unit.SECONDS, "1.23 ms"),
            (22, Unit.BYTES, "22 B"),
            (15 * 2**20, Unit.BYTES, "15.0 MiB"),
            (123.4, Unit.RATE, "123/s"),
            (12345.0, Unit.RATE, "12.3k/s"),
            (99_940.0, Unit.RATE, "99.9k/s"),
            (100_400.0, Unit.RATE, "100k/s"),
            (1.5, Unit.RATE, "1.50/s"),
            (2.5e9, Unit.RATE, "2,500M/s"),
            (2048.0, Unit.BYTE_RATE, "2.00 KiB/s"),
            (0.0125, Unit.SHARE, "1.25 %"),
            (0, Unit.SHARE, "0 %"),
        ]
        for value, unit, text in written:
            with self.subTest(text=text):
                assert str(Reading(value, unit)) == text

    def test_measured_times_are_those_that_were_recorded(self) -> None:
        """From the recording to the figure."""
        found = [client(0, 1)]
        took = report(*found, measured=measured(found, took=0.05))
        assert str(read(took, "p99")) == "50.0 ms"
