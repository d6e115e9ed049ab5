"""Many alarms, one timer.

An alarm rings at its time, for one item; what it is told to do then may be to ring again later. So
a timeout that is renewed with every message costs nothing while messages come: its alarm looks,
once a timeout, at when the last one was, and rings again when that one's timeout is over.
"""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

Item = TypeVar("Item")

_SWEEP_AT = 64


class Alarms(Generic[Item]):
    """Calls ``ring(item, now)`` at an item's time; it gives the next time, or None.

    Times are those of ``now``, in seconds, which must run as fast as ``clock`` does.
    """

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        ring: Callable[[Item, float], float | None],
    ) -> None:
        self._clock = clock
        self._now = now
        self._ring = ring
        self._heap: list[tuple[float, int]] = []
        self._numbers: dict[Item, int] = {}
        self._items: dict[int, Item] = {}
        self._next_number = count()
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0

    def set(self, item: Item, at: float) -> None:
        """Ring for an item at ``at``, unless it has an alarm already, which then stays."""
        if item in self._numbers:
            return
        number = next(self._next_number)
        self._numbers[item] = number
        self._items[number] = item
        heapq.heappush(self._heap, (at, number))
        if self._timer is None or at < self._timer_at:
            self._arm()

    def discard(self, item: Item) -> None:
        """Forget an item; the timer goes with the last one."""
        number = self._numbers.pop(item, None)
        if number is None:
            return
        del self._items[number]
        if not self._items:
            self._heap.clear()
            self._disarm()
        elif len(self._heap) > max(_SWEEP_AT, 2 * len(self._items)):
            self._heap = [entry for entry in self._heap if entry[1] in self._items]
            heapq.heapify(self._heap)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        """Set the timer for the earliest alarm."""
        while self._heap and self._heap[0][1] not in self._items:
            heapq.heappop(self._heap)
        self._disarm()
        if self._heap:
            self._timer_at = self._heap[0][0]
            self._timer = self._clock.callLater(max(0.0, self._timer_at - self._now()), self._wake)

    def _wake(self) -> None:
        """Ring what is due, the earliest first."""
        self._timer = None
        now = self._now()
        again: list[tuple[Item, float]] = []
        while self._heap and self._heap[0][0] <= now:
            item = self._items.pop(heapq.heappop(self._heap)[1], None)
            if item is not None:
                del self._numbers[item]
                at = self._ring(item, now)
                if at is not None:
                    again.append((item, at))
        for item, at in again:
            self.set(item, at)
        if self._timer is None:
            self._arm()
