"""One periodic look at all connections, a slice at a time: who has been idle, who is stalled.

It costs one timer, which runs while there are connections. Its own lateness shows when the event
loop was held up.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .counters import Counts

TICK = 0.1
"""Seconds between two slices; a round over all connections takes a second."""

SHORT_TICK = 0.01
"""The same where a slice of the longer would be more than `MOST_AT_ONCE` connections."""

MOST_AT_ONCE = 50
"""Looking at so many takes less than a millisecond, by which replies are late meanwhile."""

STALL = 0.1
"""Seconds by which a tick must be late to count as a stall of the event loop."""


class Swept(Protocol):
    """What is looked at."""

    def sweep(self, now: float) -> None:
        """Look at the time, in seconds, and act."""


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
        if not self._round:
            self._round = list(self._connections)
        size = 1 + int(len(self._connections) * self._seconds)
        part, self._round = self._round[-size:], self._round[:-size]
        for connection in part:
            if connection in self._connections:  # it may have gone since the round began
                connection.sweep(now)
        if self._connections and self._timer is None:
            self._next()
