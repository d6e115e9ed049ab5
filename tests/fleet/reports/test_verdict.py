"""Verdicts: whether a report can be believed, and is as required."""

import operator
import unittest
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import (
    INTERRUPTED,
    REFUSED,
    RESET,
    client,
    measured,
    report,
    sound_reports,
)
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.figures import unit_of
from twistecho.fleet.reports.histograms import Latencies, Measured
from twistecho.fleet.reports.own_limit import signs_of_own_limit
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import Verdict, invalid, judge

law = settings(max_examples=100, deadline=None)

OPERATORS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class ParseTests(unittest.TestCase):
    """The grammar."""

    def test_a_number_has_the_unit_of_its_figure(self) -> None:
        """Seconds, bytes and fractions are what it comes to."""
        for text, limit in {
            "p99 < 5ms": 0.005,
            "p99.9<=250us": 0.00025,
            " service.max  >  1.5 s ": 1.5,
            "makespan < 2min": 120.0,
            "makespan < 1h": 3600.0,
            "min >= 0": 0.0,
            "failed == 0": 0.0,
            "messages >= 10k": 10_000.0,
            "sent != 2.5M": 2_500_000.0,
            "rate > 10k/s": 10_000.0,
            "rate > 500": 500.0,
            "byte_rate > 1MiB/s": 2.0**20,
            "bytes_sent <= 3 KiB": 3072.0,
            "error_rate < 1%": 0.01,
            "error_rate < 0.5": 0.5,
            "receive:reset < 3": 3.0,
        }.items():
            with self.subTest(text=text):
                assert abs(parse_requirement(text).limit - limit) < 1e-12

    def test_it_is_shown_as_it_was_written(self) -> None:
        """But for spaces and line ends."""
        assert str(parse_requirement("  p99 <\n5ms ")) == "p99 < 5ms"

    def test_bad_requirements_are_refused_in_one_line(self) -> None:
        """Which says what is wrong."""
        for text, told in {
            "": "is not like",
            "p99": "is not like",
            "p99 <": "is not like",
            "p99 = 5ms": "is not like",
            "p99 < -5ms": "is not like",
            "p99 < 5ms 6ms": "is not like",
            "p99 < nan": "is not like",
            "p99 < 1e400s": "is not like",
            "5ms > p99": "is not like",
            "fail < 5": "'fail' is not a figure of a report: failed?",
            "p99 << 5ms": "is not like",
            "p99 < 5": "p99 is a time, and its unit is missing: us, ms, s",
            "p99 < 5k": "p99 is a time, and 'k' is not a unit of it: us, ms, s",
            "failed < 5ms": "failed is a number, and 'ms' is not a unit",
            "rate > 5ms": "rate is a number per second, and 'ms' is not a unit",
            "error_rate < 5k": "error_rate is a share, and 'k' is not a unit",
            "latency < 5ms": "'latency' is not a figure",
            "p99 < " + "9" * 400 + "s": "is not like",
            "x" * 10_000 + " < 5": "is not a figure",
        }.items():
            with self.subTest(text=text[:40]), pytest.raises(ValueError) as caught:
                parse_requirement(text)
            assert told in str(caught.value)
            assert "\n" not in str(caught.value)

    @law
    @given(st.text() | st.from_regex(r"[a-z.:0-9_]{1,12} ?[<>=!]{1,2} ?[0-9.]{1,5}[a-zA-Z%/]{0,4}"))
    def test_any_text_is_a_requirement_or_a_valueerror(self, text: str) -> None:
        """And what is one names a figure."""
        try:
            requirement = parse_requirement(text)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            unit_of(requirement.name)
            assert requirement.limit >= 0


class CheckTests(unittest.TestCase):
    """A requirement and a report."""

    @law
    @given(
        sign=st.sampled_from(sorted(OPERATORS)), limit=st.integers(0, 4), failed=st.integers(0, 4)
    )
    def test_the_comparison_is_the_one_that_was_written(
        self, sign: str, limit: int, failed: int
    ) -> None:
        """Whichever it is."""
        found = report(*(client(n, 0, 1, RESET) for n in range(failed)), plan=Plan(clients=9))
        result = parse_requirement(f"failed {sign} {limit}").check(found)
        assert result.met == OPERATORS[sign](failed, limit)

    def test_the_actual_figure_is_shown(self) -> None:
        """In a unit people would choose."""
        clients = [client(0, 1)]
        found = report(*clients, measured=measured(clients, took=0.05))
        met = parse_requirement("p99 < 60ms").check(found)
        missed = parse_requirement("p99 < 5ms").check(found)
        assert str(met) == "met: p99 < 60ms (is 50.0 ms)"
        assert str(missed) == "missed: p99 < 5ms (is 50.0 ms)"

    def test_nothing_to_tell_meets_no_requirement(self) -> None:
        """No reply has no latency: neither short nor long."""
        found = report(client(0, 1), measured=Measured())
        for text in ("p99 < 5ms", "p99 >= 0", "p99 != 5ms"):
            result = parse_requirement(text).check(found)
            assert str(result) == f"missed: {text} (is none)"


class UndecidedTests(unittest.TestCase):
    """A requirement of a figure that is marked."""

    def slow(self, **fields: Any) -> Report:
        """Make a report of responses of 100 ms, of which 60 are the fleet's own."""
        one = client(0, 2)
        found = measured([one], took=0.1)
        times = {"wire": Latencies(), "own": Latencies()}
        times["wire"].add_counts([(40_000, 2)])
        times["own"].add_counts([(60_000, 2)])
        texts: dict[str, Any] = {name: latencies.encode() for name, latencies in times.items()}
        return replace(
            report(one, measured=replace(found, **texts, timed=2, timed_squares=2)), **fields
        )

    def test_it_is_undecided_where_the_share_makes_the_difference(self) -> None:
        """The report is invalid then, and nothing was missed."""
        for text in ("p99 < 50ms", "max<=99ms", "mean < 0.05s", "response.p50 > 90ms"):
            verdict = judge(self.slow(), [parse_requirement(text)])
            [result] = verdict.results
            assert str(result).startswith(f"undecided: {text} (is 100 ms, of which 60.")
            assert verdict.invalid == (str(result),)
            assert (verdict.exit_code, verdict.passed, result.met, result.missed) == (
                3, False, False, False,
            )  # fmt: skip

    def test_else_it_is_decided(self) -> None:
        """What is met with the fleet's share is met without it, and what is missed without it."""
        for text, code in (
            ("p99 < 1s", 0),
            ("p99 < 30ms", 1),
            ("p99 > 30ms", 0),
            ("wire.max < 5ms", 1),
        ):
            verdict = judge(self.slow(), [parse_requirement(text)])
            assert (verdict.exit_code, verdict.invalid) == (code, ()), text

    def test_a_mark_alone_leaves_a_run_valid(self) -> None:
        """And requirements of other figures."""
        verdict = judge(self.slow(), [parse_requirement("rate > 0")])
        assert verdict.report.marks["response"].keys() >= {"p50", "p99"}
        assert verdict.exit_code == 0

    def test_what_is_allowed_is_no_doubt(self) -> None:
        """Then the figure is taken as it is."""
        verdict = judge(self.slow(allowed_lag=0.07), [parse_requirement("p99 < 50ms")])
        assert (verdict.exit_code, verdict.invalid) == (1, ())


slow_law = settings(max_examples=20, deadline=None)  # a histogram takes milliseconds

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

    @slow_law
    @given(found=sound_reports())
    def test_a_report_that_adds_up_is_valid(self, found: Report) -> None:
        """Whether its clients were answered, failed or were interrupted."""
        assert invalid(found) == ()

    @slow_law
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
        assert reason(wrong).startswith("client 1 does not add up: 3 sent messages and")

    def test_an_answered_client_was_answered_everything(self) -> None:
        """What it still waits for, or never sent, makes it something else."""
        plan = Plan(clients=1, messages=(b"x" * 10,), repeat=3)
        assert "not all its messages were" in reason(report(client(0, 2, 1), plan=plan))
        assert reason(report(client(0, 2), plan=plan)) == "client 0 got 2 replies to 3 messages"

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
            ("connect", "connecting was measured 1 times for 2 connections made"),
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
            "the intervals have 0 connections made in total, not 2",
            "the intervals have 0 messages answered in total, not 2",
            "the intervals have 0 latencies in total, not 2",
            "the intervals have 0 failures in total, not 1",
        )
        [one] = found.measured.intervals
        more = replace(one, bytes_returned=one.bytes_returned + 1)
        wrong = replace(found, measured=replace(found.measured, intervals=(more,)))
        assert reason(wrong) == "the intervals have 21 bytes returned in total, not 20"

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
        # More than memory has room for: they are counted, not listed.
        many = Plan(clients=10**15, messages=(b"x" * 10,))
        assert reason(report(client(0, 1), plan=many)).startswith("clients missing: 999,999,999,")

    def test_clients_that_are_listed_twice_are_counted(self) -> None:
        """And those that nobody planned."""
        found = report(client(0, 1), client(0, 1), plan=Plan(clients=1))
        assert reason(found) == "clients listed twice: 1"
        found = report(client(0, 1), client(7, 1), plan=Plan(clients=1))
        assert reason(found) == "clients that are not in the plan: 1"

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
        assert "the load generator fell behind: p99 send delay 20" in line

    def test_how_late_it_may_be_can_be_said(self) -> None:
        """Less than usual or more."""
        assert invalid(replace(self.offered(lag=0.02), allowed_lag=0.03)) == ()
        assert invalid(replace(self.offered(lag=0.009), allowed_lag=0.005)) != ()

    def test_in_a_closed_load_nobody_can_be_late(self) -> None:
        """The server sets the pace."""
        one = client(0, 5)
        assert invalid(report(one, measured=measured([one], lag=5.0))) == ()

    def test_messages_that_were_due_and_not_sent_are_noticed(self) -> None:
        """Above one in a hundred: the latencies that they would have had are not there."""
        assert invalid(self.offered(lag=0.0, unsent=0)) == ()
        assert "50 of 75 messages due were sent" in reason(self.offered(lag=0.0, unsent=25))

    def test_what_a_client_left_due_before_it_failed_counts_too(self) -> None:
        """What it no longer sent after that is its failure, and is not counted as unsent."""
        assert invalid(self.offered(lag=0.0, cause=RESET)) == ()
        assert "51 of 76 messages" in reason(self.offered(lag=0.0, unsent=25, cause=RESET))

    def test_whose_limit_it_was_is_said_where_it_is_known(self) -> None:
        """The clients' own, unless the fleet was late or they had failed."""
        busy = "more clients, or a deeper pipeline"
        assert busy in reason(self.offered(lag=0.0, unsent=25))
        assert busy not in reason(self.offered(lag=0.0, unsent=25, cause=RESET))
        assert "since clients failed" in reason(self.offered(lag=0.0, unsent=25, cause=RESET))
        for late in (
            self.offered(lag=1.0, unsent=25),
            replace(
                self.offered(lag=0.0, unsent=25), cpu_seconds=0.95 * self.offered(lag=0).makespan
            ),
        ):
            assert busy not in "".join(invalid(late))
            assert "the fleet was the limit, " in invalid(late)[-1]

    def test_what_shows_that_the_fleet_was_the_limit(self) -> None:
        """Its processor, its lag, or its share of most of a response."""
        idle = self.offered(lag=0.0)
        assert signs_of_own_limit(replace(idle, cpu_seconds=0.89 * idle.makespan)) == []
        assert signs_of_own_limit(replace(idle, cpu_seconds=0.9 * idle.makespan)) == [
            "it used 90 % of a processor"
        ]
        assert signs_of_own_limit(self.offered(lag=0.02)) == ["its p99 send delay was 20.0 ms"]
        [sign] = signs_of_own_limit(UndecidedTests().slow())
        assert sign == "60.0 ms of the median response, 100 ms, is its own"
        assert signs_of_own_limit(UndecidedTests().slow(allowed_lag=0.07)) == []

    def test_what_a_ramp_leaves_out_after_the_warm_up_was_due_too(self) -> None:
        """Two clients, the second of which begins after 2 of 5 s."""
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({"ramp": 0.5}, "40 of 50 messages due"), ({"ramp": 0.5, "warmup": 1.0}, "40 of 45 "),
            ({"ramp": 0.5, "warmup": 2.0}, ""), ({"ramp": 0.5, "barrier": True}, ""),
        )  # fmt: skip
        for fields, line in cases:
            plan = Plan(clients=2, messages=(b"x" * 10,), rate=10.0, duration=5.0)
            found = report(client(0, 25), client(1, 15), plan=replace(plan, **fields))
            with self.subTest(fields=fields):
                assert line in "".join(invalid(found))
                assert "clients failed" not in "".join(invalid(found))
                assert bool(line) == bool(invalid(found))

    def test_where_nobody_was_there_no_rate_was_missed(self) -> None:
        """Of a run that was lost only that is said."""
        plan = Plan(clients=2, messages=(b"x" * 10,), rate=10.0, duration=5.0, ramp=0.5)
        assert invalid(report(plan=plan)) == ("clients missing: 2 of 2",)

    def test_how_many_may_be_missing_is_the_user_s_to_say(self) -> None:
        """A share of those due, itself enough."""
        found = self.offered(lag=0.0, unsent=25)
        assert invalid(found, 50 / 75) == ()
        assert len(invalid(found, 0.67)) == 1

    def test_a_client_that_sent_nothing_took_no_part(self) -> None:
        """Where it could have: a schedule that had nothing for it is no fault of the run."""
        cases: tuple[tuple[dict[str, Any], int, bool], ...] = (
            ({}, 0, True), ({"rate": 9.0}, 1, True), ({"rate": 9.0}, 0, False),
            ({"rate": 9.0, "ramp": 5.0}, 0, True),
            ({"rate": 9.0, "ramp": 5.0, "barrier": True}, 0, False),
        )  # fmt: skip
        for fields, unsent, late in cases:
            plan = Plan(clients=2, messages=(b"x" * 10,), duration=5.0, **fields)
            found = report(client(0, 300), client(1, 0, unsent=unsent), plan=plan)
            with self.subTest(fields=fields, unsent=unsent):
                lines = [line for line in invalid(found) if "1 of 2 clients sent nothing" in line]
                assert bool(lines) == late


def verdict(found: Report, *required: str) -> Verdict:
    """Judge a report by these requirements."""
    return judge(found, [parse_requirement(text) for text in required])


class VerdictTests(unittest.TestCase):
    """What passes."""

    good = report(client(0, 1), client(1, 1))
    bad = report(client(0, 1), client(1, 0, 1, RESET))

    def test_all_answered_passes(self) -> None:
        """Without requirements, and with those that are met."""
        assert verdict(self.good).passed
        assert verdict(self.good, "failed == 0", "p99 < 1s").passed

    def test_a_missed_requirement_does_not_pass(self) -> None:
        """One is enough."""
        assert not verdict(self.good, "failed == 0", "p99 < 1us").passed

    def test_a_failure_does_not_pass(self) -> None:
        """Whatever the latencies are required to be."""
        assert not verdict(self.bad).passed
        assert not verdict(self.bad, "p99 < 1s").passed

    def test_failures_pass_where_a_requirement_allows_them(self) -> None:
        """Since otherwise it could require nothing but none."""
        assert verdict(self.bad, "error_rate < 60%").passed
        assert verdict(self.bad, "receive:reset <= 1").passed
        assert not verdict(self.bad, "failed == 0").passed

    def test_a_requirement_of_one_cause_allows_no_other(self) -> None:
        """Whoever failed by a cause that no requirement names fails the run."""
        assert not verdict(self.bad, "connect:refused == 0").passed
        assert verdict(self.bad, "connect:refused == 0", "receive:reset < 2").passed
        both = report(client(0, 0, 1, RESET), client(1, 0, cause=REFUSED, connected=None))
        assert verdict(both, "receive:reset <= 1").intolerable == {"connect:refused": 1}

    def test_who_was_interrupted_has_not_failed(self) -> None:
        """And was not answered: half a run passes only where that is said."""
        half = report(client(0, 1), client(1, 1, 1, INTERRUPTED), interrupted=True)
        assert half.failures == {}
        assert verdict(half, "failed == 0").results[0].met
        assert not verdict(half, "failed == 0").passed
        assert verdict(half, "answered >= 1").passed
        assert verdict(half, "receive:interrupted <= 1").passed
        assert not verdict(half, "receive:interrupted < 1").passed

    def test_an_invalid_report_never_passes(self) -> None:
        """Whatever it is required to find."""
        wrong = replace(self.good, outcomes=self.good.outcomes[:1])
        assert not verdict(wrong).passed
        assert not verdict(wrong, "failed == 0", "error_rate < 60%").passed
        assert verdict(wrong).invalid
