"""Timers: many times and one delayed call, on a clock set by hand."""

import random
import time
import unittest
from collections.abc import Callable
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.clocks import ShufflingClock
from twistecho.base.timers import LATE, LONGEST_GRACE, SWEEP_AT, Deadlines, Timers, steady_epoch

Wake = Callable[[str, float], "float | None"]


class Items(dict[str, "Item"]):
    """Items by name, made when they are first asked for, that all call one function."""

    def __init__(self, wake: Wake) -> None:
        super().__init__()
        self.wake = wake

    def __missing__(self, name: str) -> "Item":
        """Make an item."""
        return self.setdefault(name, Item(name, self.wake))


class Item:
    """An item that is woken."""

    def __init__(self, name: str, wake: Wake) -> None:
        self.wake_at = inf
        self._name, self._wake = name, wake

    def wake(self, now: float) -> float | None:
        """Report its name."""
        return self._wake(self._name, now)


class TimersTests(SynchronousTestCase):
    """Which items are woken, and when."""

    def setUp(self) -> None:
        """Make timers that record woken items; ``again`` has the next times to return."""
        self.clock = Clock()
        self.woken: list[tuple[str, float]] = []
        self.again: dict[str, float] = {}
        self.items = Items(self.wake)
        self.timers = Timers(self.clock)

    def wake(self, item: str, now: float) -> float | None:
        """Record an item."""
        self.woken.append((item, now))
        return self.again.pop(item, None)

    def test_items_are_woken_at_their_times_with_one_delayed_call(self) -> None:
        """Set in any order; with the last one the delayed call is cancelled."""
        for item, at in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
            self.timers.set(self.items[item], at)
            assert len(self.clock.getDelayedCalls()) == 1
        assert len(self.timers) == 3
        self.clock.pump([1.0] * 3)
        assert self.woken == [("a", 1.0), ("b", 2.0), ("c", 3.0)]
        assert (len(self.timers), self.clock.getDelayedCalls()) == (0, [])

    def test_nobody_is_woken_before_the_time(self) -> None:
        """Not even shortly before."""
        self.timers.set(self.items["a"], 5.0)
        self.clock.advance(4.999)
        assert self.woken == []
        self.clock.advance(0.001)
        assert self.woken == [("a", 5.0)]

    def test_a_thousand_equal_timeouts_need_one_delayed_call(self) -> None:
        """All are woken, in the order in which they were set."""
        for number in range(1000):
            self.timers.set(self.items[str(number)], 10.0)
            assert len(self.clock.getDelayedCalls()) == 1
        self.clock.advance(10)
        assert [item for item, _ in self.woken] == [str(number) for number in range(1000)]
        assert self.clock.getDelayedCalls() == []

    def test_a_past_time_comes_in_the_next_turn_of_the_reactor(self) -> None:
        """Not from within ``set``."""
        self.clock.advance(5)
        self.timers.set(self.items["late"], 1.0)
        assert self.woken == []
        self.clock.advance(0)
        assert self.woken == [("late", 5.0)]

    def test_the_earlier_of_two_times_counts(self) -> None:
        """Setting an item later changes nothing; setting it earlier moves it, once."""
        self.timers.set(self.items["a"], 2.0)
        self.timers.set(self.items["a"], 9.0)
        self.timers.set(self.items["b"], 5.0)
        self.timers.set(self.items["b"], 1.0)
        self.clock.pump([1.0] * 10)
        assert self.woken == [("b", 1.0), ("a", 2.0)]

    def test_what_waking_gives_is_the_next_time(self) -> None:
        """An item that returns a past time does not stop the others."""
        self.again = {"a": 0.5, "b": 4.0}
        self.timers.set(self.items["a"], 1.0)
        self.timers.set(self.items["b"], 1.0)
        self.clock.pump([1.0] * 5)
        assert self.woken == [("a", 1.0), ("b", 1.0), ("a", 1.0), ("b", 4.0)]
        assert self.clock.getDelayedCalls() == []

    def test_a_new_time_does_not_hide_an_earlier_one(self) -> None:
        """Also where the earlier one was set out of order."""
        self.again = {"a": 5.0}
        for item, at in (("c", 10.0), ("b", 3.0), ("a", 1.0)):
            self.timers.set(self.items[item], at)
        self.clock.pump([1.0] * 10)
        assert self.woken == [("a", 1.0), ("b", 3.0), ("a", 5.0), ("c", 10.0)]

    def test_those_that_are_left_of_many_are_woken(self) -> None:
        """Most were discarded, and their entries swept out."""
        for number in range(300):
            self.timers.set(self.items[str(number)], 1.0 + number)
        for number in range(250):
            self.timers.discard(self.items[str(number)])
        self.clock.pump([1.0] * 300)
        assert self.woken == [(str(number), 1.0 + number) for number in range(250, 300)]

    def test_what_is_discarded_is_not_woken(self) -> None:
        """Unknown items neither; with the last one the delayed call is cancelled."""
        self.timers.set(self.items["a"], 1.0)
        self.timers.set(self.items["b"], 2.0)
        self.timers.discard(self.items["a"])
        self.timers.discard(self.items["unknown"])
        self.clock.pump([1.0, 1.0])
        assert self.woken == [("b", 2.0)]
        self.timers.set(self.items["c"], 5.0)
        self.timers.discard(self.items["c"])
        assert self.clock.getDelayedCalls() == []

    def test_an_item_that_is_discarded_and_set_anew_is_woken_once(self) -> None:
        """At the same time as before, at an earlier and at a later one."""
        for again in (3.0, 2.0, 4.0):
            self.setUp()
            self.timers.set(self.items["a"], 3.0)
            self.timers.set(self.items["keeper"], 9.0)
            self.timers.discard(self.items["a"])
            self.timers.set(self.items["a"], again)
            self.clock.pump([1.0] * 8)
            assert self.woken == [("a", again)]

    def test_waking_can_discard_and_set_others(self) -> None:
        """Also items of the same time."""

        def wake(item: str, now: float) -> None:
            self.wake(item, now)
            timers.discard(items["b"])
            if item == "a":
                timers.set(items["c"], 3.0)

        items, timers = Items(wake), Timers(self.clock)
        for item, at in (("a", 1.0), ("b", 1.0), ("keeper", 2.0)):
            timers.set(items[item], at)
        self.clock.pump([1.0, 1.0, 1.0])
        assert self.woken == [("a", 1.0), ("keeper", 2.0), ("c", 3.0)]
        assert self.clock.getDelayedCalls() == []

    def test_items_that_come_and_go_do_not_pile_up(self) -> None:
        """Their entries are swept out, however far away their times are: in order or not."""
        for at in (2e6, 0.5e6):
            self.timers.set(self.items["keeper"], 1e6)
            for number in range(10_000):
                self.timers.set(self.items[str(number)], at)
                self.timers.discard(self.items[str(number)])
            entries = len(self.timers._ordered) + len(self.timers._others)
            assert entries <= SWEEP_AT + 3

    def test_an_item_that_is_moved_again_and_again_does_not_pile_up(self) -> None:
        """Each move leaves a dead entry."""
        for number in range(10_000):
            self.timers.set(self.items["a"], 1e6 - number)
        assert len(self.timers._ordered) + len(self.timers._others) <= SWEEP_AT + 3

    def test_an_item_that_raises_harms_no_other(self) -> None:
        """It is logged, the others are woken, and the timers go on."""

        def wake(item: str, now: float) -> None:
            self.wake(item, now)
            if item == "bad":
                raise ZeroDivisionError

        items, timers = Items(wake), Timers(self.clock)
        for item, at in (("bad", 1.0), ("good", 1.0), ("later", 2.0)):
            timers.set(items[item], at)
        self.clock.pump([1.0, 1.0])
        assert [item for item, _ in self.woken] == ["bad", "good", "later"]
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_an_exception_that_ends_the_round_loses_no_time(self) -> None:
        """A signal's handler may raise anywhere: all due items are woken, also the interrupted."""

        def wake(item: str, now: float) -> float | None:
            self.wake(item, now)
            if self.woken == [("bad", 1.0)]:
                raise KeyboardInterrupt
            return None

        items, timers = Items(wake), Timers(self.clock)
        for item, at in (("bad", 1.0), ("good", 1.0), ("later", 2.0)):
            timers.set(items[item], at)
        self.assertRaises(KeyboardInterrupt, self.clock.advance, 1)
        self.clock.pump([0.0, 1.0])
        assert [item for item, _ in self.woken] == ["bad", "good", "bad", "later"]

    def test_a_round_is_told_when_it_is_over(self) -> None:
        """Once for all items of one moment."""
        rounds: list[tuple[float, int]] = []
        items, timers = (
            self.items,
            Timers(self.clock, woken=lambda now: rounds.append((now, len(self.woken)))),
        )
        for item, at in (("a", 1.0), ("b", 1.0), ("c", 2.0)):
            timers.set(items[item], at)
        self.clock.pump([1.0, 1.0])
        assert rounds == [(1.0, 2), (2.0, 3)]

    def test_a_delayed_call_that_comes_early_wakes_nobody(self) -> None:
        """If the clock fires before the time by ``now``, the timers wait on."""
        now = [0.0]
        items, timers = self.items, Timers(self.clock, now=lambda: now[0])
        timers.set(items["a"], 5.0)
        now[0] = 1.0
        self.clock.advance(5)  # the wall clock stepped forward; only 1 s has really passed
        assert self.woken == []
        now[0] = 5.0
        self.clock.advance(5)
        assert self.woken == [("a", 5.0)]


class ClockTests(unittest.TestCase):
    """The clock that reactors go by."""

    def test_it_is_near_the_wall_clock_when_it_is_made(self) -> None:
        """Within the hour: a machine may be slow."""
        assert abs(steady_epoch()() - time.time()) < 3600


class DeadlinesTests(SynchronousTestCase):
    """Deadlines, with their grace period."""

    def setUp(self) -> None:
        """Make deadlines of two items."""
        self.clock = Clock()
        self.woken: list[str] = []
        self.deadlines = Deadlines(self.clock)
        self.items = Items(lambda name, _now: self.woken.append(name))
        for name in "ab":
            self.deadlines.set(self.items[name], 5.0)

    def test_they_are_kept(self) -> None:
        """If the timer fires in time, or nearly."""
        self.clock.advance(5.0 + LATE / 2)
        assert self.woken == ["a", "b"]

    def test_what_came_while_the_process_slept_is_read_first(self) -> None:
        """A sender is late only after the grace period; no delayed call is left."""
        self.clock.advance(60.0)
        assert self.woken == []
        self.deadlines.discard(self.items["a"])
        self.clock.advance(LONGEST_GRACE)
        assert self.woken == ["b"]
        assert self.clock.getDelayedCalls() == []

    def test_the_grace_ends_with_the_last_item(self) -> None:
        """As any timer does."""
        self.clock.advance(60.0)
        for name in "ab":
            self.deadlines.discard(self.items[name])
        assert self.clock.getDelayedCalls() == []
        self.deadlines.set(self.items["a"], 70.0)
        self.clock.advance(10.0)
        assert self.woken == ["a"]


class LawTests(unittest.TestCase):
    """Laws that hold for any times."""

    @settings(max_examples=60, deadline=None)
    @given(seed=st.integers(0, 2**32), ascending=st.booleans())
    def test_each_item_that_has_a_time_is_woken_once_in_time(
        self, seed: int, ascending: bool
    ) -> None:
        """Earliest first, however many were set, moved and discarded, in order or not."""
        clock, woken, chance = ShufflingClock(seed), [], random.Random(seed)  # noqa: S311 - a test's
        items = Items(lambda name, now: woken.append((now, name)))
        timers, times = Timers(clock), dict[str, float]()
        for step in range(1, 601):
            name, at = str(chance.randrange(100)), chance.randrange(1, 50)
            if step == 300:
                for each in items.values():
                    timers.discard(each)
                times.clear()
            elif chance.random() < 0.6:
                timers.discard(items[name])
                times.pop(name, None)
            else:
                timers.set(items[name], step if ascending else at)
                times[name] = min(times.get(name, inf), step if ascending else at)
            assert len(timers) == len(times)
        clock.pump([1.0] * 600)
        assert sorted(woken) == sorted((at, name) for name, at in times.items())
        assert [now for now, _ in woken] == sorted(now for now, _ in woken)
        assert (len(timers), clock.getDelayedCalls()) == (0, [])

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 2)), max_size=40),
        st.integers(0, 2**32),
    )
    def test_each_item_has_all_its_times_in_order(
        self, puts: list[tuple[int, int, int]], seed: int
    ) -> None:
        """Items that have a queue of times, each never before its predecessor, miss none."""
        clock = ShufflingClock(seed)
        waiting: list[list[float]] = [[] for _ in range(5)]
        came: list[list[float]] = [[] for _ in range(5)]
        due: list[list[float]] = [[] for _ in range(5)]

        def wake(name: str, now: float) -> float | None:
            item = int(name)
            while waiting[item] and waiting[item][0] <= now:
                waiting[item].pop(0)
                came[item].append(now)
            return waiting[item][0] if waiting[item] else None

        items, timers = Items(wake), Timers(clock)
        for item, delay, pause in puts:
            at = max(due[item][-1] if due[item] else 0.0, clock.seconds() + delay)
            waiting[item].append(at)
            due[item].append(at)
            timers.set(items[str(item)], waiting[item][0])
            clock.pump([0.0] + [1.0] * pause)
        clock.pump([1.0] * 5)
        assert came == due
        assert (len(timers), clock.getDelayedCalls()) == (0, [])
