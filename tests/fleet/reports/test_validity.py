"""Validity: whether a report can be believed."""

import unittest
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import INTERRUPTED, RESET, client, measured, report, sound_reports
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.validity import invalid

law = settings(max_examples=20, deadline=None)  # a histogram takes milliseconds

COUNTED = (
    "sent", "messages", "failed", "outstanding",
    "bytes_sent", "bytes_returned", "bytes_failed", "bytes_outstanding",
)  # fmt: skip


def reason(found: Report) -> str:
    """Give the only reason why a report is invalid."""
    [only] = invalid(found)
    return only


class ConservationTests(unittest.TestCase):
    """A report adds up, for each client and in all."""

    @law
    @given(found=sound_reports())
    def test_a_report_that_adds_up_is_valid(self, found: Report) -> None:
        """Whether its clients were answered, failed or were interrupted."""
        assert invalid(found) == ()

    @law
    @given(found=sound_reports(), field=st.sampled_from(COUNTED), off=st.sampled_from([-1, 1]))
    def test_any_count_that_is_off_by_one_is_noticed(
        self, found: Report, field: str, off: int
    ) -> None:
        """Of any kind, in any client."""
        first, *others = found.outcomes
        fields: dict[str, Any] = {field: getattr(first, field) + off}
        wrong = replace(found, outcomes=(replace(first, **fields), *others))
        assert any("client 0 does not add up" in line for line in invalid(wrong))

    def test_the_client_and_what_is_missing_are_told(self) -> None:
        """In messages and in bytes."""
        found = report(client(0, 2), client(1, 2))
        wrong = replace(found, outcomes=(found.outcomes[0], client(1, 2, sent=5, bytes_sent=70)))
        assert reason(wrong).startswith("client 1 does not add up: of what it sent, 3 messages and")

    def test_an_answered_client_was_answered_everything(self) -> None:
        """What it still waits for, or never sent, makes it something else."""
        plan = Plan(clients=1, messages=(b"x" * 10,), repeat=3)
        assert "not all that it sent" in reason(report(client(0, 2, 1), plan=plan))
        assert reason(report(client(0, 2), plan=plan)) == "client 0 was answered 2 messages of 3"

    def test_under_a_duration_nobody_knows_how_many_messages_are_all(self) -> None:
        """A client that was answered two has been answered."""
        plan = Plan(clients=1, messages=(b"x" * 10,), duration=1.0)
        assert invalid(report(client(0, 2), plan=plan)) == ()

    def test_thousands_of_wrong_clients_are_a_few_lines(self) -> None:
        """The first of them, and how many more there are."""
        found = report(*(client(number, 1) for number in range(100)))
        wrong = [replace(one, sent=one.sent + 1) for one in found.outcomes]
        lines = invalid(replace(found, outcomes=tuple(wrong)))
        assert len(lines) == 6
        assert lines[-1] == "... and 95 more clients"

    def test_histograms_count_what_the_clients_count(self) -> None:
        """Each of the three that have a count of their own."""
        found = report(client(0, 2), client(1, 2))
        other = measured([client(0, 2)])
        for name, line in (
            ("latency", "latency was measured 2 times for 4 messages answered"),
            ("service", "service was measured 2 times for 4 messages answered"),
            ("connect", "connecting was measured 1 times for 2 clients connected"),
        ):
            changed: dict[str, Any] = {name: getattr(other, name)}
            with self.subTest(name=name):
                wrong = replace(found, measured=replace(found.measured, **changed))
                assert reason(wrong) == line

    def test_messages_of_the_warm_up_are_in_no_histogram(self) -> None:
        """They count as answered all the same."""
        found = report(client(0, 2), client(1, 2))
        less = measured([client(0, 2)])
        warm = replace(found.measured, latency=less.latency, service=less.service, unmeasured=2)
        assert invalid(replace(found, measured=warm)) == ()

    def test_intervals_sum_up_to_the_whole(self) -> None:
        """In connections, messages, latencies, failures and bytes."""
        found = report(client(0, 2), client(1, 0, 1, RESET))
        none = replace(found, measured=replace(found.measured, intervals=()))
        assert invalid(none) == (
            "the intervals have 0 clients connected in all, not 2",
            "the intervals have 0 messages answered in all, not 2",
            "the intervals have 0 latencies in all, not 2",
            "the intervals have 0 failures in all, not 1",
        )
        [one] = found.measured.intervals
        more = replace(one, bytes_returned=one.bytes_returned + 1)
        wrong = replace(found, measured=replace(found.measured, intervals=(more,)))
        assert reason(wrong) == "the intervals have 21 bytes returned in all, not 20"

    def test_bytes_of_a_reply_that_broke_off_are_in_no_interval(self) -> None:
        """They belong to the client whose conversation failed."""
        broken = client(0, 1, 1, RESET, bytes_returned=13, bytes_failed=7)
        measured_ = measured([client(0, 1, 1, RESET)])
        found = report(broken, plan=Plan(clients=1, repeat=2), measured=measured_)
        assert invalid(found) == ()


class MissingTests(unittest.TestCase):
    """What is not in a report."""

    def test_clients_that_are_missing_are_counted(self) -> None:
        """There is no outcome of them."""
        plan = Plan(clients=1000, messages=(b"x" * 10,))
        assert reason(report(client(0, 1), plan=plan)) == "clients missing: 999 of 1,000"

    def test_clients_that_are_listed_twice_are_counted(self) -> None:
        """And those that nobody planned."""
        found = report(client(0, 1), client(0, 1), plan=Plan(clients=1))
        assert reason(found) == "clients listed twice: 1"
        found = report(client(0, 1), client(7, 1), plan=Plan(clients=1))
        assert reason(found) == "clients that are not of the plan: 1"

    def test_a_part_that_died_is_named(self) -> None:
        """With what became of it."""
        parts = (Part("one", 1, 1, 0.3), Part("two", 1, 0, 0.0, "killed by SIGKILL"))
        found = report(client(0, 1), plan=Plan(clients=2), parts=parts)
        assert invalid(found) == (
            "part two: killed by SIGKILL",
            "clients missing: 1 of 2",
        )

    def test_an_interrupted_run_is_valid(self) -> None:
        """It is not complete, but what it found is true."""
        found = report(client(0, 1, 1, INTERRUPTED), interrupted=True)
        assert invalid(found) == ()
        assert not found.complete


class OpenLoadTests(unittest.TestCase):
    """Messages that are due on a schedule must be sent on it."""

    def offered(self, *, lag: float, unsent: int = 0, cause: Any = None) -> Report:
        """Make a report of an open load in which the fleet was so late."""
        one = client(0, 50, 1 if cause else 0, cause, unsent=unsent)
        plan = Plan(clients=1, messages=(b"x" * 10,), rate=10.0, duration=5.0)
        return report(one, plan=plan, measured=measured([one], lag=lag))

    def test_a_fleet_in_time_is_believed(self) -> None:
        """A few milliseconds are the scheduler's."""
        assert invalid(self.offered(lag=0.009)) == ()

    def test_a_fleet_that_is_late_itself_is_not(self) -> None:
        """The reason says how late."""
        line = reason(self.offered(lag=0.02))
        assert "by its own fault, 1 % of the messages were 20" in line

    def test_in_a_closed_load_nobody_can_be_late(self) -> None:
        """The server sets the pace."""
        one = client(0, 5)
        assert invalid(report(one, measured=measured([one], lag=5.0))) == ()

    def test_messages_that_were_due_and_not_sent_are_noticed(self) -> None:
        """Above one in a hundred: the latencies that they would have had are not there."""
        assert invalid(self.offered(lag=0.0, unsent=0)) == ()
        assert "50 of 75 messages due were sent" in reason(self.offered(lag=0.0, unsent=25))

    def test_what_a_failed_client_did_not_send_is_its_failure(self) -> None:
        """It is counted as that, and the report says so already."""
        assert invalid(self.offered(lag=0.0, unsent=25, cause=RESET)) == ()
