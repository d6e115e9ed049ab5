"""The delay line: order, one timer, nothing left."""

import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from tests.support.clocks import ShufflingClock
from twistecho.base.delayline import DelayLine


class FakeLane:
    """A lane whose replies are numbers; it notes what is delivered, and when."""

    def __init__(self, line: DelayLine) -> None:
        self.line = line
        self.waiting: list[tuple[float, int]] = []
        self.delivered: list[tuple[float, int]] = []
        self.failed: type[BaseException] | None = None

    def put(self, due: float, reply: int) -> None:
        """Queue a reply, as a connection does."""
        self.waiting.append((due, reply))
        self.line.add(self, self.waiting[0][0])

    def release(self, now: float) -> float | None:
        """Deliver what is due."""
        while self.waiting and self.waiting[0][0] <= now:
            self.delivered.append((now, self.waiting.pop(0)[1]))
        return self.waiting[0][0] if self.waiting else None

    def release_failed(self) -> None:
        """Note what the line gave this lane up for."""
        self.failed = sys.exc_info()[0]


class RaisingLane(FakeLane):
    """A lane that raises when it is woken."""

    def release(self, _now: float) -> float | None:
        """Raise."""
        raise ZeroDivisionError


class DelayLineTests(TestCase):
    """Lanes on one line."""

    def test_delivers_when_due_and_not_before(self) -> None:
        """A reply waits for its due time, to the tick."""
        clock = Clock()
        lane = FakeLane(DelayLine(clock))
        lane.put(5.0, 1)
        clock.advance(4.999)
        assert lane.delivered == []
        clock.advance(0.001)
        assert lane.delivered == [(5.0, 1)]

    def test_uses_one_timer_for_many_lanes(self) -> None:
        """A thousand waiting lanes cost one DelayedCall; none waits, none is left."""
        clock = Clock()
        line = DelayLine(clock)
        lanes = [FakeLane(line) for _ in range(1000)]
        for number, lane in enumerate(lanes):
            lane.put(1.0 + number % 7, number)
        assert len(clock.getDelayedCalls()) == 1
        clock.advance(10)
        assert all(lane.delivered for lane in lanes)
        assert clock.getDelayedCalls() == []

    def test_an_earlier_lane_moves_the_timer(self) -> None:
        """A lane that is due before those that wait is woken first."""
        clock = Clock()
        line = DelayLine(clock)
        late, early = FakeLane(line), FakeLane(line)
        late.put(5.0, 1)
        early.put(1.0, 2)
        clock.advance(1)
        assert (late.delivered, early.delivered) == ([], [(1.0, 2)])

    def test_a_lane_that_goes_leaves_no_timer(self) -> None:
        """Discarding the only lane takes the timer along."""
        clock = Clock()
        line = DelayLine(clock)
        lane = FakeLane(line)
        lane.put(5.0, 1)
        line.discard(lane)
        assert clock.getDelayedCalls() == []
        assert len(line) == 0

    def test_lanes_that_come_and_go_do_not_pile_up(self) -> None:
        """Entries of lanes that have gone are swept out, however far away their due time is."""
        clock = Clock()
        line = DelayLine(clock)
        keeper = FakeLane(line)
        keeper.put(1e6, 0)
        for number in range(10_000):
            lane = FakeLane(line)
            lane.put(2e6, number)
            line.discard(lane)
        assert len(line._heap) < 200

    def test_a_lane_that_raises_harms_no_other(self) -> None:
        """The lane is told while its exception is being handled; the others are served."""
        clock = Clock()
        line = DelayLine(clock)
        bad, good = RaisingLane(line), FakeLane(line)
        bad.put(1.0, 1)
        good.put(1.0, 2)
        clock.advance(1)
        assert bad.failed is ZeroDivisionError
        assert good.delivered == [(1.0, 2)]

    def test_an_early_timer_wakes_nobody(self) -> None:
        """If the clock fires before the due time in monotonic time, the line waits on."""
        clock = Clock()
        now = [0.0]
        lane = FakeLane(DelayLine(clock, now=lambda: now[0]))
        lane.put(5.0, 1)
        clock.advance(5)  # the wall clock stepped forward; only 1 s has really passed
        now[0] = 1.0
        assert lane.delivered == []
        now[0] = 5.0
        clock.advance(5)
        assert lane.delivered == [(5.0, 1)]

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 2)), max_size=40),
        st.integers(0, 2**32),
    )
    def test_order_is_kept_for_any_delays_and_ties(
        self, puts: list[tuple[int, int, int]], seed: int
    ) -> None:
        """Whatever is due when, each lane gets all its replies, in order, none early, none late."""
        clock = ShufflingClock(seed)
        line = DelayLine(clock)
        lanes = [FakeLane(line) for _ in range(5)]
        due: dict[int, list[float]] = {number: [] for number in range(5)}
        for reply, (number, delay, pause) in enumerate(puts):
            last = due[number][-1] if due[number] else 0.0
            due[number].append(max(last, clock.seconds() + delay))
            lanes[number].put(due[number][-1], reply)
            clock.pump([0.0] + [1.0] * pause)
        while clock.getDelayedCalls():
            clock.advance(1)
        for number, lane in enumerate(lanes):
            sent = [reply for reply, put in enumerate(puts) if put[0] == number]
            assert [reply for _, reply in lane.delivered] == sent
            assert [at for at, _ in lane.delivered] == due[number]
