"""Many waiting replies that are all held equally long: the order of arrival is the order of dues.

So a plain queue of (due, lane) does what `delayline` needs a heap for: one entry for each reply,
and one timer for the first of them. An entry says when to look at a lane, no more: a lane that is
woken writes what is due, and one that has nothing to write by then does nothing. A lane that goes
takes its replies along at once; its entries are dead, and swept out when they are the majority.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .delayline import SWEEP_AT, DelayLine, Lane


class SteadyLane(Lane, Protocol):
    """One connection's waiting replies; ``hints`` is how many entries the line has for it."""

    hints: int

    def wake(self, now: float) -> bool:
        """Write the first reply if it is due; say whether the line is to count it as sent."""

    def release_failed(self) -> None:
        """Log the exception that `wake` raised and is being handled; end the connection."""


class SteadyLine(DelayLine):
    """Wakes lanes ``seconds`` after they asked for it; and at other times, as a `DelayLine` does.

    ``woken(now, dues)`` is called after every round, with the due times of the replies that were
    sent, in order.
    """

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        woken: Callable[[float, list[float]], object],
        now: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(clock, now)
        self._seconds = seconds
        self._woken = woken
        self._queue: deque[tuple[float, SteadyLane]] = deque()
        self._dead = 0
        self._next: IDelayedCall | None = None

    def __len__(self) -> int:
        """Count the lanes that wait, each as often as it does."""
        return super().__len__() + len(self._queue) - self._dead

    def expect(self, lane: SteadyLane) -> float:
        """Wake this lane when the time has passed; say when that is."""
        due = self.now() + self._seconds
        self._queue.append((due, lane))
        lane.hints += 1
        if self._next is None:
            self._wake_in(self._seconds)
        return due

    def discard(self, lane: SteadyLane) -> None:  # type: ignore[override]  # all of its lanes are such
        """Forget a lane, waiting or not."""
        super().discard(lane)
        self._dead += lane.hints
        lane.hints = 0
        if self._dead == len(self._queue):
            self._queue.clear()
            self._dead = 0
            if self._next is not None:
                self._next.cancel()
                self._next = None
        elif self._dead > max(SWEEP_AT, len(self._queue) // 2):
            self._queue = deque(entry for entry in self._queue if entry[1].hints)
            self._dead = 0

    def _wake_in(self, seconds: float) -> None:
        if self._next is not None:  # by a lane that asked while others were woken
            self._next.cancel()
        self._next = self._clock.callLater(seconds, self._wake_due)

    def _wake_due(self) -> None:
        """Wake every lane that is due, in order; then wait for the next one."""
        self._next = None
        now = self.now()
        dues: list[float] = []
        while self._queue and self._queue[0][0] <= now:
            due, lane = self._queue.popleft()
            if not lane.hints:
                self._dead -= 1
                continue
            lane.hints -= 1
            try:
                if lane.wake(now):
                    dues.append(due)
            except Exception:  # noqa: BLE001 - one connection must not stop the others
                lane.release_failed()
        if self._queue:
            self._wake_in(max(0.0, self._queue[0][0] - self.now()))
        self._woken(now, dues)
