"""Finds connections whose peers have been idle, or have not read, too long.

One timer checks all connections periodically, a slice at a time; it runs while there are any. If
the timer fires late, the event loop was held up.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .counters import Counts
from .limits import Limits
from .state import CLOSING, FULL, HELD, WAITING
from .transports import outgoing


class Swept(Protocol):
    """A connection that is checked periodically."""

    def sweep(self, now: float) -> None:
        """Check the connection at time ``now``, in seconds, and act."""


class Watched:
    """Checks whether the peer of a connection has been idle, or has not read, too long.

    A base class, not an object of its own: each additional object per connection is one more that
    Python's garbage collector visits again and again.
    """

    __slots__ = ("_quiet", "_seen", "_unread")

    _quiet: float  # time of the last progress
    _seen: int  # messages at the last check
    _unread: int  # bytes that the peer had not read at the last check

    def _look(
        self, now: float, limits: Limits, messages: int, state: int, transport: object
    ) -> str | None:
        """Return the reason to drop the connection: ``idle``, ``stalled``, or None.

        ``messages`` is the number of messages received; ``state`` is that of `state`.
        """
        if self._progressed(messages, state, transport):
            self._quiet = now
        if self._unread or state & (FULL | CLOSING):
            return "stalled" if 0 < limits.stall <= now - self._quiet else None
        return "idle" if 0 < limits.idle <= now - self._quiet else None

    def _progressed(self, messages: int, state: int, transport: object) -> bool:
        """Return whether there was progress since the last check, or a reply is pending."""
        if messages != self._seen:
            self._seen = messages
            self._unread = 1  # unknown until the next check
            return True
        if state & (WAITING | HELD) and not state & FULL:
            return True
        if not (self._unread or state & FULL):
            return False  # the peer has read all, and nothing was written since
        before, self._unread = self._unread, outgoing(transport)
        return self._unread != before


TICK = 0.1
"""Seconds between two slices; a round over all connections takes a second."""

SHORT_TICK = 0.01
"""The same, if with `TICK` a slice would have more than `MOST_AT_ONCE` connections."""

MOST_AT_ONCE = 50
"""Connections per slice: checking them takes less than 1 ms, during which replies wait."""

STALL = 0.1
"""Seconds by which a tick must be late to count as a stall of the event loop."""


class Sweep:
    """Calls ``sweep(now)`` of every connection about once per second, while there are any."""

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        connections: Collection[Swept],
        counts: Counts,
    ) -> None:
        self._clock = clock
        self._now = now
        self._connections = connections
        self._counts = counts
        self._round: list[Swept] = []
        self._timer: IDelayedCall | None = None
        self._expected = 0.0
        self._seconds = TICK

    def start(self) -> None:
        """Begin, unless it runs already."""
        if self._timer is None:
            self._next()

    def stop(self) -> None:
        """End: there are no connections to check."""
        self._round = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> None:
        few = len(self._connections) * TICK <= MOST_AT_ONCE
        self._seconds = TICK if few else SHORT_TICK
        self._expected = self._now() + self._seconds
        self._timer = self._clock.callLater(self._seconds, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._now()
        if now - self._expected > STALL:
            self._counts.stalls += 1
            self._counts.stalled += now - self._expected
            now = self._expected  # later bytes may still be unread: the next tick sees them
        if not self._round:
            self._round = list(self._connections)
        size = 1 + int(len(self._connections) * self._seconds)
        part, self._round = self._round[-size:], self._round[:-size]
        for connection in part:
            if connection in self._connections:  # it may have ended since the round began
                connection.sweep(now)
        if self._connections and self._timer is None:
            self._next()
