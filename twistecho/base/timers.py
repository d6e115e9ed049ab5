"""Many times to wake somebody at, one timer on the reactor; and which clock to go by.

Times that are set in order, as those of equal timeouts are, stand in a queue; others in a heap.
What is due is taken out of both and woken in order; what is set meanwhile waits for the next round.
An item that is discarded leaves a dead entry, and dead entries are swept out when they are the
majority. So an item costs neither a `IDelayedCall` of its own nor a search.
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
"""Dead entries that are always left where they are."""

LATE, LONGEST_GRACE = 0.25, 1.0
"""Seconds by which a deadline's timer must be late for a grace, and the most of that."""


def monotonic_for(clock: IReactorTime) -> Callable[[], float]:
    """Choose how to tell the time, in seconds, beside this clock.

    A reactor's own `seconds` is the wall clock, which can step; a test's clock is its own time,
    also where it is a reactor besides, as `MemoryReactorClock` is.
    """
    if IReactorCore.providedBy(clock) and not is_for_tests(clock):
        return time.monotonic
    return clock.seconds


def steady_epoch() -> Callable[[], float]:
    """Give a clock in seconds since the epoch, as it is now, that goes on as monotonic time does.

    So a step of the wall clock moves no timer, and `IDelayedCall.getTime` is what Twisted says.
    """
    monotonic = time.monotonic
    offset = time.time() - monotonic()
    return lambda: monotonic() + offset


def count_monotonic(reactor: IReactorTime) -> None:
    """Have a reactor that counts wall-clock time count monotonic time from now on.

    Its timers would otherwise stall for as long as the wall clock is set back. Only the edge of a
    process may do this, before anything was scheduled; a reactor with timers is left as it is.
    """
    counts_wall_clock = abs(reactor.seconds() - time.time()) < 60
    if counts_wall_clock and not reactor.getDelayedCalls():
        reactor.seconds = steady_epoch()  # type: ignore[method-assign]


class Timed(Protocol):
    """Something that is woken at a time, in seconds; at `inf` while it is not to be."""

    wake_at: float

    def wake(self, now: float) -> float | None:
        """Do what is due; give the next time to be woken at, or None."""


_Entry = tuple[float, Timed]


class Timers:
    """Calls ``wake(now)`` of items at their times; an item has one time, in one `Timers`.

    Times are those of ``now``, in seconds, which must run as fast as ``clock`` does; by default it
    is `monotonic_for` the clock. ``woken(now)`` is called after every round. What ``wake`` raises
    is logged, and the other items are woken all the same.
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
        self._due: deque[_Entry] = deque()  # those of a round, until they are woken
        self._dead = 0  # entries whose item has another time, or none
        self._numbers = count()  # so that the heap never compares items
        self._timer: IDelayedCall | None = None
        self._timer_at = inf  # below every time while items are woken: they arm afterwards

    def __len__(self) -> int:
        """Count the items that have a time."""
        return self._entries - self._dead

    @property
    def _entries(self) -> int:
        return len(self._ordered) + len(self._others) + len(self._due)

    def set(self, item: Timed, at: float) -> None:
        """Wake an item at ``at``, unless it is to be woken earlier anyway."""
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
        """Forget an item's time, if it has one; the timer goes with the last one."""
        if item.wake_at < inf:
            self._kill(item)
            if not len(self):
                self._ordered.clear()
                self._others.clear()
                self._due.clear()
                self._dead = 0
                self._disarm()

    def _kill(self, item: Timed) -> None:
        """Leave the entry of an item dead; take all such out where they are the majority."""
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
        finally:  # whatever is raised, by a signal's handler too, the others keep their times
            for item, at in again:
                self.set(item, at)
            self._timer_at = inf
            self._arm_next()

    def _gather(self, now: float) -> None:
        """Have all entries that are due stand in ``_due``, the earliest first.

        An entry leaves its queue after it has been added: a signal's handler may raise between.
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
            # A signal's handler may raise: whether this one has done what was due is not known.
            if waking is not None:
                again.append((waking, now))

    def _arm_next(self) -> None:
        """Set the timer, which is not set, for the earliest entry that is alive."""
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
    """Times by which something is to have come.

    A timer that rings late means that the process was stopped, or busy: what came meanwhile waits
    unread, or who sends was stopped with it. So before anybody is woken as long a grace is given,
    a second at most; the sockets are read in it.
    """

    def _ring(self) -> None:
        late = self.now() - self._timer_at
        if late < LATE:
            super()._ring()
        else:
            self._timer = self._clock.callLater(min(late, LONGEST_GRACE), super()._ring)
