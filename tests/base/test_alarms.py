"""Alarms: many of them and one timer, on a clock set by hand."""

import unittest

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from twistecho.base.alarms import Alarms


class AlarmsTests(unittest.TestCase):
    """What rings when."""

    def setUp(self) -> None:
        """Make alarms that note what they ring for, and ring again where ``again`` says when."""
        self.clock = Clock()
        self.rung: list[tuple[str, float]] = []
        self.again: dict[str, float] = {}
        self.alarms: Alarms[str] = Alarms(self.clock, self.clock.seconds, self.ring)

    def ring(self, item: str, now: float) -> float | None:
        """Note an alarm."""
        self.rung.append((item, now))
        return self.again.pop(item, None)

    def test_items_ring_at_their_times_with_one_timer(self) -> None:
        """In whatever order they were set; with the last one the timer goes."""
        for item, at in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
            self.alarms.set(item, at)
            assert len(self.clock.getDelayedCalls()) == 1
        self.clock.pump([1.0] * 3)
        assert self.rung == [("a", 1.0), ("b", 2.0), ("c", 3.0)]
        assert self.clock.getDelayedCalls() == []

    def test_what_is_past_rings_in_the_next_turn_of_the_reactor(self) -> None:
        """Not from within ``set``."""
        self.clock.advance(5)
        self.alarms.set("late", 1.0)
        assert self.rung == []
        self.clock.advance(0)
        assert self.rung == [("late", 5.0)]

    def test_an_alarm_that_is_set_stays_as_it_is(self) -> None:
        """Setting it again, earlier or later, changes nothing."""
        self.alarms.set("a", 2.0)
        self.alarms.set("a", 1.0)
        self.alarms.set("a", 9.0)
        self.clock.pump([1.0] * 10)
        assert self.rung == [("a", 2.0)]

    def test_what_ringing_gives_is_the_next_time(self) -> None:
        """And there is no other; what gives a past time does not starve the rest."""
        self.again = {"a": 0.5, "b": 4.0}
        self.alarms.set("a", 1.0)
        self.alarms.set("b", 1.0)
        self.clock.pump([1.0] * 5)
        assert self.rung == [("a", 1.0), ("b", 1.0), ("a", 1.0), ("b", 4.0)]
        assert self.clock.getDelayedCalls() == []

    def test_what_is_discarded_does_not_ring(self) -> None:
        """Nor what was never known."""
        self.alarms.set("a", 1.0)
        self.alarms.set("b", 2.0)
        self.alarms.discard("a")
        self.alarms.discard("unknown")
        self.clock.pump([1.0, 1.0])
        assert self.rung == [("b", 2.0)]

    def test_ringing_can_discard_and_set_others(self) -> None:
        """Of the same moment too."""

        def ring(item: str, now: float) -> None:
            self.ring(item, now)
            alarms.discard("b")
            if item == "a":
                alarms.set("c", 3.0)

        alarms: Alarms[str] = Alarms(self.clock, self.clock.seconds, ring)
        alarms.set("a", 1.0)
        alarms.set("b", 1.0)
        self.clock.pump([1.0, 1.0, 1.0])
        assert self.rung == [("a", 1.0), ("c", 3.0)]
        assert self.clock.getDelayedCalls() == []

    def test_the_timer_goes_with_the_last_item(self) -> None:
        """Nothing is left in the reactor."""
        self.alarms.set("a", 1.0)
        self.alarms.discard("a")
        assert self.clock.getDelayedCalls() == []

    @settings(max_examples=60, deadline=None)
    @given(
        times=st.lists(st.integers(0, 50), min_size=1, max_size=200),
        gone=st.sets(st.integers(0, 199)),
    )
    def test_each_item_that_was_not_discarded_rings_once_in_time(
        self, times: list[int], gone: set[int]
    ) -> None:
        """Earliest first, however many were set and discarded."""
        self.setUp()
        for number, at in enumerate(times):
            self.alarms.set(str(number), float(at))
        for number in gone:
            self.alarms.discard(str(number))
        left = {str(n): float(at) for n, at in enumerate(times) if n not in gone}
        self.clock.pump([0.0] + [1.0] * 51)
        assert dict(self.rung) == left
        assert len(self.rung) == len(left)
        assert self.clock.getDelayedCalls() == []
