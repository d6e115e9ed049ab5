"""One periodic look at all connections, a slice at a time: who has been idle, who is stalled.

It costs one timer, which runs while there are connections. Its own lateness shows when the event
loop was held up.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

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


INTERVAL = 10.0
"""Seconds between two lines of one kind."""


class RateLimitedLog:
    """Warns about events of several kinds, each at most once in `INTERVAL` seconds.

    A line says how many of its kind went unsaid since the last one.
    """

    def __init__(self, log: Logger, now: Callable[[], float]) -> None:
        self._log = log
        self._now = now
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def warn(self, kind: str, peer: str) -> None:
        """Say that something of this kind happened to a peer, or count it for the next line."""
        now = self._now()
        if now - self._said.get(kind, -INTERVAL) < INTERVAL:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._said[kind] = now
        unsaid = self._unsaid.pop(kind, 0)
        self._log.warn(
            "{kind}: {peer}, and {unsaid} more since the last such line",
            kind=kind,
            peer=peer,
            unsaid=unsaid,
        )


def where(address: object) -> str:
    """Say where an address is: ``host:port``, ``[host]:port`` for IPv6, or a Unix socket's path."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        name = getattr(address, "name", None)
        return name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
