"""The line on which all replies are held equally long: order, one timer, nothing left."""

import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from tests.support.clocks import ShufflingClock
from twistecho.base.steadyline import SteadyLine


class FakeLane:
    """A lane whose replies are numbers; it notes what is delivered, and when."""

    def __init__(self, line: SteadyLine) -> None:
        self.line = line
        self.hints = 0
        self.waiting: list[tuple[float, int]] = []
        self.delivered: list[tuple[float, int]] = []
        self.failed: type[BaseException] | None = None

    def put(self, reply: int) -> None:
        """Queue a reply, as a connection does."""
        self.waiting.append((self.line.expect(self), reply))

    def wake(self, now: float) -> bool:
        """Deliver the first."""
        due, reply = self.waiting.pop(0)
        assert due <= now
        self.delivered.append((now, reply))
        return True

    def release(self, _now: float) -> float | None:
        """Note that the other way of waking was used."""
        self.delivered.append((-1.0, -1))
        return None

    def release_failed(self) -> None:
        """Note what the line gave this lane up for."""
        self.failed = sys.exc_info()[0]


def line_on(clock: Clock, woken: list[tuple[float, list[float]]] | None = None) -> SteadyLine:
    """Make a line of five seconds that notes its rounds."""
    rounds = [] if woken is None else woken
    return SteadyLine(clock, 5.0, lambda now, dues: rounds.append((now, dues)))


class SteadyLineTests(TestCase):
    """Lanes on one line."""

    def test_delivers_when_due_and_not_before(self) -> None:
        """Each reply by itself, and says so round by round."""
        clock = Clock()
        rounds: list[tuple[float, list[float]]] = []
        lane = FakeLane(line_on(clock, rounds))
        lane.put(1)
        clock.advance(1)
        lane.put(2)
        clock.advance(3.5)
        assert lane.delivered == []
        clock.advance(0.5)
        assert lane.delivered == [(5.0, 1)]
        clock.advance(1)
        assert lane.delivered == [(5.0, 1), (6.0, 2)]
        assert rounds == [(5.0, [5.0]), (6.0, [6.0])]

    def test_uses_one_timer_for_many_lanes(self) -> None:
        """A thousand waiting replies cost one DelayedCall; none waits, none is left."""
        clock = Clock()
        line = line_on(clock)
        lanes = [FakeLane(line) for _ in range(1000)]
        for number, lane in enumerate(lanes):
            lane.put(number)
            clock.advance(0.001)
        assert len(clock.getDelayedCalls()) == 1
        assert len(line) == 1000
        clock.advance(5)
        assert all(lane.delivered for lane in lanes)
        assert clock.getDelayedCalls() == []

    def test_a_lane_that_goes_leaves_no_timer(self) -> None:
        """With all that it waits for."""
        clock = Clock()
        line = line_on(clock)
        lane = FakeLane(line)
        lane.put(1)
        lane.put(2)
        line.discard(lane)
        assert clock.getDelayedCalls() == []
        assert len(line) == 0

    def test_a_lane_that_has_gone_is_not_woken(self) -> None:
        """Others are, when they are due."""
        clock = Clock()
        line = line_on(clock)
        gone, other = FakeLane(line), FakeLane(line)
        gone.put(1)
        other.put(2)
        line.discard(gone)
        clock.advance(5)
        assert (gone.delivered, other.delivered) == ([], [(5.0, 2)])
        assert clock.getDelayedCalls() == []

    def test_lanes_that_come_and_go_do_not_pile_up(self) -> None:
        """Their entries are swept out, however far away the due time is."""
        clock = Clock()
        line = line_on(clock)
        keeper = FakeLane(line)
        keeper.put(0)
        for number in range(10_000):
            lane = FakeLane(line)
            lane.put(number)
            line.discard(lane)
        assert len(line._queue) < 200
        clock.advance(5)
        assert keeper.delivered == [(5.0, 0)]

    def test_a_lane_that_raises_harms_no_other(self) -> None:
        """It is told while its exception is being handled; the others are served."""
        clock = Clock()
        line = line_on(clock)
        bad, good = FakeLane(line), FakeLane(line)
        bad.put(1)
        good.put(2)
        bad.waiting.clear()
        clock.advance(5)
        assert bad.failed is IndexError
        assert good.delivered == [(5.0, 2)]

    def test_a_lane_may_ask_again_and_go_while_it_is_woken(self) -> None:
        """What it asks for then comes in its time; nothing is left of one that goes then."""
        clock = Clock()
        line = line_on(clock)

        class Busy(FakeLane):
            def wake(self, now: float) -> bool:
                super().wake(now)
                if len(self.delivered) == 1:
                    self.put(7)
                else:
                    self.line.discard(self)
                return True

        lane, other = Busy(line), FakeLane(line)
        lane.put(1)
        clock.advance(1)
        other.put(2)
        clock.pump([4, 1])
        assert (lane.delivered, other.delivered) == ([(5.0, 1)], [(6.0, 2)])
        clock.advance(4)
        assert lane.delivered == [(5.0, 1), (10.0, 7)]
        assert clock.getDelayedCalls() == []

    def test_an_early_timer_wakes_nobody(self) -> None:
        """If the clock fires before the due time in monotonic time, the line waits on."""
        clock = Clock()
        now = [0.0]
        lane = FakeLane(SteadyLine(clock, 5.0, lambda *_: None, now=lambda: now[0]))
        lane.put(1)
        now[0] = 1.0
        clock.advance(5)
        assert lane.delivered == []
        now[0] = 5.0
        clock.advance(5)
        assert lane.delivered == [(5.0, 1)]

    def test_it_is_a_delay_line_too(self) -> None:
        """For what is held otherwise; both ways know when a lane goes."""
        clock = Clock()
        line = line_on(clock)
        lane = FakeLane(line)
        lane.put(1)
        line.add(lane, 2.0)
        assert len(line) == 2
        clock.advance(2)
        assert lane.delivered == [(-1.0, -1)]
        line.add(lane, 9.0)
        line.discard(lane)
        assert (len(line), clock.getDelayedCalls()) == (0, [])

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=40),
        st.integers(0, 2**32),
    )
    def test_order_is_kept_for_any_pauses(self, puts: list[tuple[int, int]], seed: int) -> None:
        """Each lane gets all its replies, in order, none early, none late."""
        clock = ShufflingClock(seed)
        line = line_on(clock)
        lanes = [FakeLane(line) for _ in range(4)]
        expected: dict[int, list[tuple[float, int]]] = {number: [] for number in range(4)}
        for reply, (number, pause) in enumerate(puts):
            lanes[number].put(reply)
            expected[number].append((clock.seconds() + 5.0, reply))
            clock.pump([1.0] * pause)
        clock.pump([1.0] * 6)
        for number, lane in enumerate(lanes):
            assert lane.delivered == expected[number]
        assert clock.getDelayedCalls() == []
