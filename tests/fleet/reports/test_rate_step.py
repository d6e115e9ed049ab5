"""A step of the search for the highest rate: whether it passed, and whose limit it was."""

import unittest
from dataclasses import replace

from tests.support.rate_steps import QUICK, failing, offered, random_latencies, step
from tests.support.reports import INTERRUPTED, REFUSED, RESET, client, report
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.figures import read
from twistecho.fleet.reports.outcome import Cause, Phase
from twistecho.fleet.reports.rate_step import Limit, judge_step
from twistecho.fleet.reports.requirements import parse_requirement


class PassedTests(unittest.TestCase):
    """What a step must be."""

    def test_it_passes_where_all_is_as_required(self) -> None:
        """Then there is no reason to name."""
        one = step()
        assert (one.passed, one.reasons, one.short_reason) == (True, (), "")
        assert one.unreachable is None

    def test_a_requirement_that_is_missed(self) -> None:
        """Is named, with what the figure was."""
        one = step(latency=0.008)
        assert not one.passed
        assert one.reasons == ("p99 was 8.01 ms",)
        assert one.short_reason == "missed p99 < 5ms"
        assert one.limit(step(50)) is Limit.TARGET

    def test_clients_that_failed(self) -> None:
        """Unless a requirement says how many may."""
        one = failing(100, RESET, RESET, answered=1)
        assert not one.passed
        assert one.reasons[0] == "2 of 2 clients failed: receive:reset"
        assert one.short_reason == "2 clients failed"
        assert failing(100, RESET).short_reason == "1 client failed"
        assert one.limit() is Limit.TARGET
        allowed = judge_step(100, one.report, [parse_requirement("failed < 5")])
        assert allowed.short_reason != "2 clients failed"

    def test_the_fleet_was_late(self) -> None:
        """By its own fault: the figures say nothing of the target then, whatever they are."""
        for latency in (0.001, 0.008):
            one = step(latency=latency, lag=0.02)
            assert not one.passed
            assert one.limit(step(50)) is Limit.FLEET
        assert step(lag=0.02).short_reason == "fleet was late"

    def test_the_fleets_own_share_may_leave_it_undecided(self) -> None:
        """Where the requirement would be met without it."""
        one = step(latency=0.006, own=0.002)
        assert (one.passed, one.short_reason) == (False, "undecided")
        assert one.limit(step(50)) is Limit.FLEET
        assert step(latency=0.008, own=0.002).limit(step(50)) is Limit.TARGET

    def test_nothing_was_due(self) -> None:
        """Nothing is known of the target then, so that the step does not pass."""
        silent = client(0, 0, replied=None, first_byte=None)
        plan = Plan(clients=1, messages=(b"x" * 10,), rate=0.01, duration=5.0)
        one = judge_step(0.01, report(silent, plan=plan))
        assert not one.passed
        assert one.reasons == ("no message was due after the warm-up",)
        assert one.short_reason == "no message was due"
        assert one.limit() is Limit.FLEET


class BusyTests(unittest.TestCase):
    """Messages that waited since all clients waited for replies."""

    def test_clients_were_busy(self) -> None:
        """The target took no longer for each message than before: more clients might do more."""
        one = step(200, latency=0.1, service=0.001, unsent=50)
        assert one.limit(step(100)) is Limit.CLIENTS
        assert one.limit() is Limit.CLIENTS
        assert step(200, unsent=50).short_reason == "rate not held"

    def test_that_comes_before_what_is_undecided(self) -> None:
        """A message that waits for another one waits for what the fleet took for that, too."""
        one = step(200, latency=0.006, service=0.001, own=0.002, unsent=50)
        assert one.limit(step(100)) is Limit.CLIENTS

    def test_clients_that_failed_were_not_busy(self) -> None:
        """What they no longer sent was not waiting for anything."""
        one = step(200)
        failed = client(1, 1, 1, RESET, unsent=50)
        outcomes = (*one.report.outcomes, failed)
        plan = replace(one.report.plan, clients=2)
        both = replace(one.report, outcomes=outcomes, plan=plan)
        assert judge_step(200, both).limit(step(100)) is Limit.TARGET

    def test_the_target_had_slowed_down(self) -> None:
        """It took many times as long for each message: more clients would wait as well."""
        one = step(110, latency=0.1, service=0.04, unsent=50)
        assert one.limit(step(100, latency=0.001)) is Limit.TARGET

    def test_a_much_higher_rate_explains_more(self) -> None:
        """A target that takes three times as long for twice the rate may take more at once."""
        one = step(200, latency=0.1, service=0.003, unsent=50)
        assert one.limit(step(100)) is Limit.CLIENTS
        assert one.limit(step(190)) is Limit.TARGET
        assert one.limit(step(190, latency=0.1, service=0.003), step(180)) is Limit.TARGET


class GrowthTests(unittest.TestCase):
    """Replies that come later and later."""

    def test_replies_fell_behind(self) -> None:
        """By a tenth of the time that passes, though no requirement was missed."""
        behind = [0.1, 0.2, 0.3, 0.4, 0.5]
        one = judge_step(100, offered(latencies=behind))
        assert one.verdict.passed
        assert not one.passed
        assert 0.09 < (one.growth or 0.0) < 0.11
        assert one.short_reason == "fell behind"
        assert one.reasons == ("response times grew by 100 ms per second",)
        assert judge_step(100, offered(latencies=[0.01] * 5)).passed
        assert judge_step(100, offered(latencies=behind[::-1])).passed

    def test_chance_is_no_growth(self) -> None:
        """Replies that take up to a second at random: medians differ, but not for certain."""
        for seed in range(50):
            assert judge_step(100, random_latencies(seed)).passed

    def test_of_one_second_nothing_is_known(self) -> None:
        """There is nothing to compare."""
        one = judge_step(100, offered(latencies=[0.1]))
        assert one.growth is None
        assert one.passed


class AnsweredTests(unittest.TestCase):
    """How many were answered each second."""

    def test_replies_that_came_after_the_load_do_not_count(self) -> None:
        """They are owed still when the step is over."""
        made = offered(latencies=[0.01] * 5)
        [outcome] = made.outcomes
        until = (outcome.offered_until or 0.0) - 2.0
        early = replace(made, outcomes=(replace(outcome, offered_until=until),))
        every = judge_step(100, made).answered
        assert every is not None
        assert judge_step(100, early).answered == every
        assert (read(early, "rate").value or 0.0) > 1.5 * every

    def test_of_no_whole_second(self) -> None:
        """The messages answered, by the time in which load was offered."""
        made = report(client(0, 4, ended=0.5), plan=Plan(clients=1, rate=8.0, repeat=4))
        assert judge_step(8.0, made).answered == read(made, "rate").value


class FailedTests(unittest.TestCase):
    """Clients that failed by themselves, or that were never connected."""

    def test_nobody_could_connect(self) -> None:
        """That is another thing than clients that were connected and failed."""
        assert failing(100, REFUSED, REFUSED).unreachable == "connect:refused"
        assert failing(100, REFUSED, REFUSED).short_reason == "not reached"
        assert failing(100, REFUSED, RESET).unreachable is None
        assert failing(100, RESET).unreachable is None

    def test_who_failed_between_two_runs_was_reached(self) -> None:
        """Something came over a kept connection that nobody had asked for."""
        extra = Cause(Phase.RECEIVE, "extra")
        found = [client(0, 0, cause=extra, connected=None, replied=None, first_byte=None)]
        assert judge_step(100, report(*found)).unreachable is None

    def test_a_machine_that_is_used_up(self) -> None:
        """Is no limit of the target."""
        for reason in ("no-local-port", "too-many-files"):
            one = failing(100, Cause(Phase.CONNECT, reason), RESET)
            assert one.limit() is Limit.FLEET

    def test_who_was_interrupted(self) -> None:
        """Neither passed nor was unreachable."""
        one = judge_step(100, report(client(0, 1, 1, INTERRUPTED), interrupted=True))
        assert not one.passed
        assert (one.short_reason, one.unreachable) == ("interrupted", None)
        early = client(0, 0, cause=INTERRUPTED, connected=None, replied=None)
        assert judge_step(100, report(early, interrupted=True)).unreachable is None


class JsonTests(unittest.TestCase):
    """What others read."""

    def test_all_of_it(self) -> None:
        """The verdict, the requirements' values, and the figures, but no seconds."""
        told = step(latency=0.008).to_dict()
        assert told["rate"] == 100
        assert (told["passed"], told["reasons"]) == (False, ["p99 was 8.01 ms"])
        [requirement] = told["requirements"]
        assert requirement["requirement"] == str(QUICK)
        assert requirement["answer"] == "missed"
        assert abs(requirement["value"] - 0.008) < 1e-4
        assert 99 < told["rate_answered"] <= 100
        assert told["measured"]["intervals"] == []
        assert told["summary"]["failures"] == {}
        assert told["interrupted"] is False

    def test_a_tolerance_of_its_own(self) -> None:
        """Of how much must be sent."""
        one = step(unsent=20)
        assert not one.passed
        assert judge_step(100, one.report, [QUICK], 0.9).passed
