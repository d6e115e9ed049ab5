"""Many waiting replies, in order, one timer.

A *lane* is one connection's queue of replies, in the order in which they are owed and never due
before their predecessor. The line knows, of every lane that waits, only when its first reply is
due: one heap of (due, number) over all lanes, and one timer for the earliest. A lane that goes
takes its replies along at once; what is left of it here is one dead entry, and dead entries are
swept out when they are the majority.

Due times are monotonic: a step of the wall clock makes no reply early and no reply late.
"""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .timers import monotonic_for

SWEEP_AT = 64
"""Dead entries that are always left where they are."""


class Lane(Protocol):
    """One connection's waiting replies."""

    def release(self, now: float) -> float | None:
        """Deliver what is due; say when the next reply is due, or None to be left alone."""

    def release_failed(self) -> None:
        """Log the exception that `release` raised and is being handled; end the connection."""


_Entry = tuple[float, int]
"""Due, and the number of the wait: dead where no lane has it, and then it holds nothing of one."""


class DelayLine:
    """Wakes lanes when their first reply is due, with a single timer on ``clock``."""

    def __init__(self, clock: IReactorTime, now: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self.now = now or monotonic_for(clock)
        self._heap: list[_Entry] = []
        self._numbers: dict[Lane, int] = {}
        self._lanes: dict[int, Lane] = {}
        self._next_number = count()
        self._timer: IDelayedCall | None = None
        self._timer_due = 0.0

    def __len__(self) -> int:
        """Count the lanes that wait."""
        return len(self._numbers)

    def add(self, lane: Lane, due: float) -> None:
        """Wake this lane at ``due``, in seconds of `now`; leave one that waits already as it is."""
        if lane in self._numbers:
            return
        number = next(self._next_number)
        entry = (due, number)
        self._numbers[lane] = number
        self._lanes[number] = lane
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._arm()

    def discard(self, lane: Lane) -> None:
        """Forget a lane, waiting or not."""
        number = self._numbers.pop(lane, None)
        if number is None:
            return
        del self._lanes[number]
        if len(self._heap) > max(SWEEP_AT, 2 * len(self._numbers)):
            self._heap = [entry for entry in self._heap if entry[1] in self._lanes]
            heapq.heapify(self._heap)
        self._arm()

    def _arm(self) -> None:
        """Set the timer for the earliest entry, or put it away where nothing waits."""
        while self._heap and self._heap[0][1] not in self._lanes:
            heapq.heappop(self._heap)
        if self._timer is not None:
            if self._heap and self._timer_due == self._heap[0][0]:
                return
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer_due = self._heap[0][0]
            self._timer = self._clock.callLater(max(0.0, self._timer_due - self.now()), self._wake)

    def _wake(self) -> None:
        """Release every lane whose reply is due, earliest first; then wait for the next one."""
        self._timer = None
        now = self.now()
        again: list[tuple[Lane, float]] = []
        while self._heap and self._heap[0][0] <= now:
            lane = self._lanes.pop(heapq.heappop(self._heap)[1], None)
            if lane is None:
                continue
            del self._numbers[lane]
            due = self._release(lane, now)
            if due is not None:
                again.append((lane, due))
        for lane, due in again:
            self.add(lane, due)
        self._arm()

    def _release(self, lane: Lane, now: float) -> float | None:
        try:
            return lane.release(now)
        except Exception:  # noqa: BLE001 - whatever one connection does must not stop the others
            lane.release_failed()
            return None
