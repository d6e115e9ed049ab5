"""Limits for every port other than the echo's: number of connections, and their idle time.

The echo limits its connections itself (see `Limits`). Another port, such as that of the metrics,
has few clients, but its connections take open files too, which the echo must not run out of.
`EchoService.listen` wraps every factory but the echo's in a `Guarded`.
"""

import os
from math import inf
from typing import Any

from twisted.internet.interfaces import (
    IFileDescriptorReceiver,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from twistecho.base.log_lines import RateLimitedLog, where
from twistecho.base.timers import Deadlines
from twistecho.service.echo.admission import Admission
from twistecho.service.echo.limits import Limits

BESIDE = Limits(connections=8, idle=30.0)
"""The limits of a port other than the echo's; at least 16 files are reserved for these ports."""


@implementer(IFileDescriptorReceiver)
class GuardedConnection(ProtocolWrapper):
    """A connection that is counted, and reset when no bytes arrive for its idle time."""

    factory: "Guarded"

    def __init__(self, factory: "Guarded", inner: Any, peer: object) -> None:
        super().__init__(factory, inner)  # type: ignore[arg-type]  # it is one
        self.peer = peer
        self.wake_at = inf  # see `Timed`
        self.dropped = False

    def connectionMade(self) -> None:
        """Begin to count the idle time."""
        self._wait()
        super().connectionMade()  # type: ignore[no-untyped-call]  # Twisted's

    def _wait(self) -> None:
        deadlines = self.factory.deadlines
        deadlines.discard(self)
        deadlines.set(self, deadlines.now() + (self.factory.limits.idle or inf))

    def dataReceived(self, data: bytes) -> None:
        """Restart the idle time, and pass the bytes on."""
        self._wait()
        super().dataReceived(data)  # type: ignore[no-untyped-call]  # Twisted's

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Close a descriptor passed over a Unix socket."""
        os.close(descriptor)
        self.factory.say("Descriptors closed", self.peer)

    def wake(self, _now: float) -> None:
        """Drop the idle connection. See `Timed`."""
        self.drop("idle")

    def drop(self, reason: str) -> None:
        """Reset the connection: its peer may not be reading either."""
        self.dropped = True
        self.factory.say(f"Dropped, {reason}", self.peer)
        transport: Any = self.transport
        transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Cancel the idle time."""
        self.factory.deadlines.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's


class Guarded(WrappingFactory):
    """Limits the number and the idle time of another factory's connections.

    One connection too many replaces the oldest; while that is still open, more are refused. The
    connections end with their port.

    ``what`` is the name of the factory's service in the log. ``limits`` gives ``connections``,
    ``connections_per_peer`` and ``idle``.
    """

    noisy = False
    _log = Logger()

    def __init__(
        self, clock: IReactorTime, inner: IProtocolFactory, what: str, limits: Limits = BESIDE
    ) -> None:
        super().__init__(inner)  # type: ignore[no-untyped-call]  # Twisted's
        self.deadlines = Deadlines(clock)
        self.limits = limits
        self._what = what
        self._admission = Admission(limits)
        self._occasionally = RateLimitedLog(self._log, clock.seconds)

    def logPrefix(self) -> str:
        """Return the name of the inner factory."""
        inner: Any = self.wrappedFactory
        return str(inner.logPrefix()) if hasattr(inner, "logPrefix") else type(inner).__name__

    def say(self, what: str, peer: object) -> None:
        """Log an event of a peer, at a limited rate."""
        self._occasionally.warn(f"{what}, of {self._what}", where(peer))

    def buildProtocol(self, addr: Any) -> GuardedConnection | None:  # type: ignore[override]  # None refuses
        """Make the protocol of a new connection, or return None to have it closed at once."""
        reason = self._admission.refusal(addr)
        if reason == "too-many-connections" and self._make_room():
            reason = None
        if reason is not None:
            self.say(f"Refused, {reason}", addr)
            return None
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else GuardedConnection(self, inner, addr)

    def _make_room(self) -> bool:
        """Drop the oldest connection; return False if it was dropped before and is still open.

        Otherwise clients that send slowly, without end, would keep all others out.
        """
        oldest: GuardedConnection = next(iter(self.protocols))
        room = not oldest.dropped
        if room:
            oldest.drop("the oldest of too many")
        return room

    def registerProtocol(self, p: GuardedConnection) -> None:
        """Count a new connection."""
        super().registerProtocol(p)  # type: ignore[no-untyped-call]  # Twisted's
        self._admission.enter(p.peer)

    def unregisterProtocol(self, p: GuardedConnection) -> None:
        """Stop counting a connection."""
        super().unregisterProtocol(p)  # type: ignore[no-untyped-call]  # Twisted's
        self._admission.leave(p.peer)

    def stopFactory(self) -> None:
        """Close the connections: their port is closed."""
        for connection in list(self.protocols):
            connection.loseConnection()
