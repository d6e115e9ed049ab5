"""Who has been idle, or has refused to read, too long.

One periodic look at all connections, a slice at a time, finds them. It costs one timer, which runs
while there are connections. Its own lateness shows when the event loop was held up.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .counters import Counts
from .limits import Limits
from .state import CLOSING, FULL, HELD, WAITING
from .transports import outgoing


class Swept(Protocol):
    """What is looked at."""

    def sweep(self, now: float) -> None:
        """Look at the time, in seconds, and act."""


class Watched:
    """Judges whether its peer has been idle, or has refused to read, too long.

    A base class, not an object of its own: each object more that lives with a connection is one
    more that Python's garbage collector goes through, time and again, where connections are many.
    """

    __slots__ = ("_quiet", "_seen", "_unread")

    _quiet: float  # since when nothing has happened that is waited for
    _seen: int  # messages at the last look
    _unread: int  # bytes that the peer had not taken at the last look

    def _look(
        self, now: float, limits: Limits, messages: int, state: int, transport: object
    ) -> str | None:
        """Give the reason to drop the connection: ``idle``, ``stalled``, or None.

        ``messages`` is how many have come, ``state`` what is in the way of the next: see `state`.
        """
        if self._progressed(messages, state, transport):
            self._quiet = now
        if self._unread or state & (FULL | CLOSING):
            return "stalled" if 0 < limits.stall <= now - self._quiet else None
        return "idle" if 0 < limits.idle <= now - self._quiet else None

    def _progressed(self, messages: int, state: int, transport: object) -> bool:
        """Say whether anything happened since the last look, or a reply is on its way."""
        if messages != self._seen:
            self._seen = messages
            self._unread = 1  # as long as nobody has looked
            return True
        if state & (WAITING | HELD) and not state & FULL:
            return True
        if not (self._unread or state & FULL):
            return False  # all was taken by the peer, and nothing was written since
        before, self._unread = self._unread, outgoing(transport)
        return self._unread != before


TICK = 0.1
"""Seconds between two slices; a round over all connections takes a second."""

SHORT_TICK = 0.01
"""The same where a slice of the longer would be more than `MOST_AT_ONCE` connections."""

MOST_AT_ONCE = 50
"""Looking at so many takes less than a millisecond, by which replies are late meanwhile."""

STALL = 0.1
"""Seconds by which a tick must be late to count as a stall of the event loop."""


class Sweep:
    """Calls ``sweep(now)`` of every connection once a second or so, while there are any."""

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
        """End: there is nothing to look at."""
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
            now = self._expected  # what has come since may wait unread: it is seen at the next tick
        if not self._round:
            self._round = list(self._connections)
        size = 1 + int(len(self._connections) * self._seconds)
        part, self._round = self._round[-size:], self._round[:-size]
        for connection in part:
            if connection in self._connections:  # it may have gone since the round began
                connection.sweep(now)
        if self._connections and self._timer is None:
            self._next()
