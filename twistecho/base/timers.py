"""Many timers that share one timer of the reactor; and the choice of a clock.

Times that are set in order, as those of equal timeouts are, stand in a queue, others in a heap.
Due items are taken out of both and woken in order; items set meanwhile wait for the next round. A
discarded item leaves a dead entry, and dead entries are removed when they are the majority. So an
item needs neither an `IDelayedCall` of its own nor a search.
"""

import time
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from operator import itemgetter
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorCore, IReactorTime
from twisted.logger import Logger

from .reactor_types import is_for_tests

SWEEP_AT = 64
"""Up to this many dead entries are never removed."""

LATE, LONGEST_GRACE = 0.25, 1.0
"""Seconds: the delay of a deadline's timer that starts a grace period; the longest grace."""


def monotonic_for(clock: IReactorTime) -> Callable[[], float]:
    """Return the function that tells the time, in seconds, for timers on this clock.

    A reactor's own `seconds` is the wall clock, which can step, so `time.monotonic` is used. A
    test's clock has its own time, even if it is also a reactor, like `MemoryReactorClock`.
    """
    if IReactorCore.providedBy(clock) and not is_for_tests(clock):
        return time.monotonic
    return clock.seconds


def steady_epoch() -> Callable[[], float]:
    """Return a clock in seconds since the epoch that starts now and advances as monotonic time.

    So a step of the wall clock moves no timer, and `IDelayedCall.getTime` is still epoch time.
    """
    monotonic = time.monotonic
    offset = time.time() - monotonic()
    return lambda: monotonic() + offset


def count_monotonic(reactor: IReactorTime) -> None:
    """Switch a reactor that counts wall-clock time to monotonic time.

    Its timers would otherwise stall by as much as the wall clock is set back. Only entry points
    may do this, before anything is scheduled; a reactor that has timers is left as it is.
    """
    counts_wall_clock = abs(reactor.seconds() - time.time()) < 60
    if counts_wall_clock and not reactor.getDelayedCalls():
        reactor.seconds = steady_epoch()  # type: ignore[method-assign]


class Timed(Protocol):
    """An item that is woken at ``wake_at``, in seconds; `inf` while no time is set."""

    wake_at: float

    def wake(self, now: float) -> float | None:
        """Do the due work; return the next time to be woken at, or None."""


_Entry = tuple[float, Timed]


class Timers:
    """Calls ``wake(now)`` of items at their times; an item has one time, in one `Timers`.

    Times are those of ``now``, in seconds, which must run as fast as ``clock`` does; by default it
    is `monotonic_for` the clock. ``woken(now)`` is called after every round. An exception of
    ``wake`` is logged, and the other items are still woken.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        *,
        now: Callable[[], float] | None = None,
        woken: Callable[[float], object] = lambda _now: None,
    ) -> None:
        self.now = now or monotonic_for(clock)
        self._clock = clock
        self._woken = woken
        self._ordered: deque[_Entry] = deque()
        self._others: list[tuple[float, int, Timed]] = []
        self._due: deque[_Entry] = deque()  # a round's entries, until they are woken
        self._dead = 0  # entries whose item has another time, or none
        self._numbers = count()  # so that the heap never compares items
        self._timer: IDelayedCall | None = None
        self._timer_at = inf  # -inf while items are woken: the timer is armed afterwards

    def __len__(self) -> int:
        """Count the items that have a time."""
        return self._entries - self._dead

    @property
    def _entries(self) -> int:
        return len(self._ordered) + len(self._others) + len(self._due)

    def set(self, item: Timed, at: float) -> None:
        """Wake an item at ``at``, unless it will be woken earlier anyway."""
        before = item.wake_at
        if before <= at:
            return
        if before < inf:
            self._kill(item)
        item.wake_at = at
        ordered = self._ordered
        if not ordered or at >= ordered[-1][0]:
            ordered.append((at, item))
        else:
            heappush(self._others, (at, next(self._numbers), item))
        if at < self._timer_at:
            self._arm(at)

    def discard(self, item: Timed) -> None:
        """Forget an item's time, if it has one; with the last one, cancel the timer."""
        if item.wake_at < inf:
            self._kill(item)
            if not len(self):
                self._ordered.clear()
                self._others.clear()
                self._due.clear()
                self._dead = 0
                self._disarm()

    def _kill(self, item: Timed) -> None:
        """Mark an item's entry as dead; remove the dead entries when they are the majority."""
        item.wake_at = inf
        self._dead += 1
        entries = self._entries
        if 2 * self._dead > SWEEP_AT + entries:
            for queue in (self._ordered, self._due):
                living = [entry for entry in queue if entry[1].wake_at == entry[0]]
                queue.clear()
                queue.extend(living)
            self._others[:] = [entry for entry in self._others if entry[2].wake_at == entry[0]]
            heapify(self._others)
            self._dead -= entries - self._entries

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
        again: list[tuple[Timed, float]] = []
        try:
            self._gather(now)
            self._wake_due(now, again)
            self._woken(now)
        finally:  # after any exception, a signal handler's too, the others keep their times
            for item, at in again:
                self.set(item, at)
            self._timer_at = inf
            self._arm_next()

    def _gather(self, now: float) -> None:
        """Move all due entries to ``_due``, the earliest first.

        An entry is added before it leaves its queue: a signal's handler may raise in between.
        """
        ordered, others, due = self._ordered, self._others, self._due
        while ordered and ordered[0][0] <= now:
            due.append(ordered[0])
            ordered.popleft()
        if others and others[0][0] <= now:
            while others and others[0][0] <= now:
                at, _, item = others[0]
                due.append((at, item))
                heappop(others)
            self._due = deque(sorted(due, key=itemgetter(0)))

    def _wake_due(self, now: float, again: list[tuple[Timed, float]]) -> None:
        due = self._due
        waking: Timed | None = None
        try:
            while due:
                at, item = due[0]
                if item.wake_at == at:
                    waking, item.wake_at = item, inf
                else:
                    self._dead -= 1
                due.popleft()
                if waking is not None:
                    try:
                        following = item.wake(now)
                    except Exception:  # noqa: BLE001 - one item must not stop the others
                        self._log.failure("A timer failed")
                    else:
                        if following is not None:
                            again.append((item, following))
                    waking = None
        finally:
            # A signal's handler may raise: it is unknown whether this item has done its work.
            if waking is not None:
                again.append((waking, now))

    def _arm_next(self) -> None:
        """Set the timer, which must not be set already, for the earliest live entry."""
        ordered, others = self._ordered, self._others
        while ordered and ordered[0][1].wake_at != ordered[0][0]:
            ordered.popleft()
            self._dead -= 1
        while others and others[0][2].wake_at != others[0][0]:
            heappop(others)
            self._dead -= 1
        heads = [queue[0][0] for queue in (self._due, ordered, others) if queue]
        if heads:
            self._arm(min(heads))


class Deadlines(Timers):
    """Deadlines by which bytes, or other events, must have arrived.

    A timer that fires late means that this process was stopped or busy: bytes may have arrived that
    are not read yet, or the sender was stopped as well. So the items are woken after a grace period
    as long as the delay, at most one second, in which the sockets are read.
    """

    def _ring(self) -> None:
        late = self.now() - self._timer_at
        if late < LATE:
            super()._ring()
        else:
            self._timer = self._clock.callLater(min(late, LONGEST_GRACE), super()._ring)
