"""Many times to wake somebody at, one timer on the reactor; and which clock to go by.

Times that are set in order, as those of equal timeouts are, stand in a queue; others in a heap.
An item that is discarded leaves a dead entry, and dead entries are swept out when they are the
majority. So an item costs neither a `IDelayedCall` of its own nor a search.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorCore, IReactorTime
from twisted.logger import Logger

Item = TypeVar("Item")

SWEEP_AT = 64
"""Dead entries that are always left where they are."""


def monotonic_for(clock: IReactorTime) -> Callable[[], float]:
    """Choose how to tell the time, in seconds, beside this clock.

    A reactor's own `seconds` is the wall clock, which can step; a test's clock is its own time.
    """
    if IReactorCore.providedBy(clock):
        return time.monotonic
    return clock.seconds


def count_monotonic(reactor: IReactorTime) -> None:
    """Have a reactor that counts wall-clock time count monotonic time from now on.

    Its timers would otherwise stall for as long as the wall clock is set back. Only the edge of a
    process may do this, before anything was scheduled; a reactor with timers is left as it is.
    """
    counts_wall_clock = abs(reactor.seconds() - time.time()) < 60
    if counts_wall_clock and not reactor.getDelayedCalls():
        reactor.seconds = time.monotonic  # type: ignore[method-assign]


class Timers(Generic[Item]):
    """Calls ``wake(item, now)`` at an item's time; it gives the item's next time, or None.

    Times are those of ``now``, in seconds, which must run as fast as ``clock`` does; by default it
    is `monotonic_for` the clock. ``woken(now)`` is called after every round. What ``wake`` raises
    is logged, and the other items are woken all the same.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        wake: Callable[[Item, float], float | None],
        *,
        now: Callable[[], float] | None = None,
        woken: Callable[[float], object] = lambda _now: None,
    ) -> None:
        self.now = now or monotonic_for(clock)
        self._clock = clock
        self._wake = wake
        self._woken = woken
        self._times: dict[Item, float] = {}
        self._ordered: deque[tuple[float, Item]] = deque()
        self._others: list[tuple[float, int, Item]] = []
        self._numbers = count()  # so that the heap never compares items
        self._timer: IDelayedCall | None = None
        self._timer_at = inf  # below every time while items are woken: they arm afterwards

    def __len__(self) -> int:
        """Count the items that have a time."""
        return len(self._times)

    def set(self, item: Item, at: float) -> None:
        """Wake an item at ``at``, unless it is to be woken earlier anyway."""
        known = self._times.setdefault(item, at)
        if known is not at:  # it had a time before
            if known <= at:
                return
            self._times[item] = at
            self._sweep()
        ordered = self._ordered
        if not ordered or at >= ordered[-1][0]:
            ordered.append((at, item))
        else:
            heapq.heappush(self._others, (at, next(self._numbers), item))
        if at < self._timer_at:
            self._arm(at)

    def discard(self, item: Item) -> None:
        """Forget an item's time, if it has one; the timer goes with the last one."""
        if self._times.pop(item, None) is not None:
            self._sweep()

    def _sweep(self) -> None:
        """Take out the dead entries where they are the majority."""
        times, ordered, others = self._times, self._ordered, self._others
        if not times:
            ordered.clear()
            others.clear()
            self._disarm()
        elif len(ordered) + len(others) > SWEEP_AT + 2 * len(times):
            living = [entry for entry in ordered if times.get(entry[1]) == entry[0]]
            ordered.clear()
            ordered.extend(living)
            others[:] = [entry for entry in others if times.get(entry[2]) == entry[0]]
            heapq.heapify(others)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timer_at = inf

    def _arm(self, at: float) -> None:
        self._disarm()
        self._timer_at = at
        self._timer = self._clock.callLater(max(0.0, at - self.now()), self._ring)

    def _ring(self) -> None:
        """Wake every item that is due, the earliest first; then wait for the next one."""
        self._timer, self._timer_at = None, -inf
        now = self.now()
        again: list[tuple[Item, float]] = []
        try:
            self._wake_due(now, again)
            self._woken(now)
        finally:  # whatever is raised, by a signal's handler too, the others keep their times
            for item, at in again:
                self.set(item, at)
            self._timer_at = inf
            self._arm_next()

    def _wake_due(self, now: float, again: list[tuple[Item, float]]) -> None:
        times, wake, ordered, others = self._times, self._wake, self._ordered, self._others
        while ordered or others:
            if ordered and (not others or ordered[0][0] <= others[0][0]):
                if ordered[0][0] > now:
                    return
                at, item = ordered.popleft()
            else:
                if others[0][0] > now:
                    return
                at, _, item = heapq.heappop(others)
            if times.get(item) == at:
                del times[item]
                try:
                    following = wake(item, now)
                except Exception:  # noqa: BLE001 - what one item does must not stop the others
                    self._log.failure("A timer failed")
                else:
                    if following is not None:
                        again.append((item, following))

    def _arm_next(self) -> None:
        """Set the timer for the earliest entry that is alive."""
        times, ordered, others = self._times, self._ordered, self._others
        while ordered and times.get(ordered[0][1]) != ordered[0][0]:
            ordered.popleft()
        while others and times.get(others[0][2]) != others[0][0]:
            heapq.heappop(others)
        heads = [queue[0][0] for queue in (ordered, others) if queue]
        if heads and min(heads) < self._timer_at:
            self._arm(min(heads))
