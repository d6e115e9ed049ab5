"""What is left of a run: the right stage, share, time and rate at every moment."""

from unittest import TestCase

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.remaining import (
    clients_asked,
    doing,
    rate_asked,
    share_done,
    stage_now,
    time_left,
)
from twistecho.fleet.reports.second import Second

PLAN = Plan(clients=20, repeat=100)


class TimeLeftTests(TestCase):
    """How long it will still take."""

    def test_a_barrier_is_where_counting_down_begins(self) -> None:
        """Until then all of it is left."""
        plan = Plan(duration=30.0, warmup=5.0, barrier=True)
        assert time_left(plan, Progress(took=9.0, measured_from=5.0)) == 35.0
        assert time_left(plan, Progress(took=9.0, measured_from=12.0)) == 33.0

    def test_a_duration_is_counted_down_with_the_warm_up_before_it(self) -> None:
        """Never below zero: what is outstanding is waited for."""
        plan = Plan(duration=30.0, warmup=5.0)
        assert time_left(plan, Progress(12.0)) == 23.0
        assert time_left(plan, Progress(40.0)) == 0.0

    def test_an_open_load_of_so_many_messages_takes_as_long_as_its_schedule(self) -> None:
        """20 clients with 100 messages each, at 100 a second: 20 seconds, from the barrier on."""
        plan = {"clients": 20, "repeat": 100, "rate": 100.0}
        assert time_left(Plan(**plan), Progress(5.0)) == 15.0  # type: ignore[arg-type]
        behind = Plan(**plan, barrier=True)  # type: ignore[arg-type]
        assert time_left(behind, Progress(5.0, measured_from=2.0)) == 17.0

    def test_a_closed_load_goes_on_as_it_went(self) -> None:
        """What failed clients would have sent is not waited for."""
        progress = Progress(10.0, answered=900, failures={"receive:reset": 2})
        assert time_left(PLAN, progress) == 10.0
        assert time_left(PLAN, Progress(10.0)) is None


class ShareTests(TestCase):
    """How much is done."""

    def test_a_duration_is_a_share_of_the_time_from_the_barrier_on(self) -> None:
        """Warm-up included; nobody knows at the barrier."""
        assert share_done(Plan(duration=30.0, warmup=10.0), Progress(10.0)) == 0.25
        plan = Plan(duration=30.0, warmup=10.0, barrier=True)
        assert share_done(plan, Progress(4.0, measured_from=10.0)) is None
        assert share_done(plan, Progress(14.0, measured_from=14.0)) == 0.25
        assert share_done(plan, Progress(99.0, measured_from=14.0)) == 1.0

    def test_stages_are_a_share_of_the_time_too(self) -> None:
        """Of all of them."""
        assert share_done(Plan(rate="10:4s,20:6s"), Progress(5.0)) == 0.5

    def test_so_many_messages_are_a_share_of_those_that_will_come(self) -> None:
        """Without those of failed clients; where all have failed nothing is known."""
        assert share_done(PLAN, Progress(1.0, answered=500)) == 0.25
        half = {"receive:reset": 10}
        assert share_done(PLAN, Progress(1.0, answered=500, failures=half)) == 0.5
        assert share_done(PLAN, Progress(1.0, answered=1500, failures=half)) == 1.0
        assert share_done(PLAN, Progress(1.0, failures={"connect:refused": 20})) is None


class NowTests(TestCase):
    """What runs."""

    def test_a_run_goes_through_its_parts(self) -> None:
        """The barrier, the warm-up, the stages, and the replies that are waited for."""
        plan = Plan(rate="10:4s,10..30:10s", warmup=2.0, barrier=True)
        assert doing(plan, Progress(9.0, measured_from=2.0)) == "connecting"
        passed = [Progress(at, measured_from=7.0) for at in (6.0, 7.0, 10.9, 11.0, 20.9, 21.0)]
        assert [doing(plan, one) for one in passed] == [
            "warm-up", "stage 1 of 2", "stage 1 of 2", "stage 2 of 2", "stage 2 of 2",
            "waiting for the last replies",
        ]  # fmt: skip
        assert [stage_now(plan, one) for one in passed] == [None, 1, 1, 2, 2, None]

    def test_a_load_that_does_not_change_has_no_name(self) -> None:
        """Nothing is to be said of it."""
        assert doing(PLAN, Progress(3.0)) == ""
        assert doing(Plan(duration=5.0), Progress(3.0)) == ""


class RateTests(TestCase):
    """What is asked for."""

    def test_an_open_load_asks_for_its_rate_while_it_sends(self) -> None:
        """Neither at the barrier nor afterwards; a closed one never."""
        plan = Plan(rate=100.0, duration=10.0, barrier=True)
        assert rate_asked(plan, Progress(3.0)) is None
        assert rate_asked(plan, Progress(3.0, measured_from=2.0)) == 100.0
        assert rate_asked(plan, Progress(13.0, measured_from=2.0)) is None
        assert rate_asked(PLAN, Progress(3.0)) is None

    def test_a_rate_that_changes_is_that_of_the_second_which_is_told_of(self) -> None:
        """In its middle; before there is one, that of the moment."""
        plan = Plan(rate="0..100:10s", warmup=2.0)
        assert rate_asked(plan, Progress(7.9, measured_from=2.0)) == 59.0
        told = Progress(7.9, measured_from=2.0, second=Second(6, {}))
        assert rate_asked(plan, told) == 45.0

    def test_clients_that_come_and_go_are_as_many_as_the_stage_says(self) -> None:
        """Else all of them."""
        assert clients_asked(PLAN, Progress(3.0)) == 20
        assert clients_asked(Plan(clients="10..20:10s"), Progress(5.0)) == 15
