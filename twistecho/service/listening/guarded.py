"""What stands before every port beside the echo's own: bounds on connections, and their idle time.

The echo bounds its connections itself (see `Limits`). A port beside it, such as the metrics', has
few clients, but takes open files like any other: what connects there must not leave the echo
without. `EchoService.listen` puts this before whatever is not the echo.
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
"""The bounds of a port beside the echo's. Besides the echo there are 16 files at least."""


@implementer(IFileDescriptorReceiver)
class GuardedConnection(ProtocolWrapper):
    """A connection that is counted, and reset once nothing has moved on it for its idle time."""

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
        """Hand bytes on; they are no idleness."""
        self._wait()
        super().dataReceived(data)  # type: ignore[no-untyped-call]  # Twisted's

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Close what a peer of a Unix socket passes along."""
        os.close(descriptor)
        self.factory.say("Descriptors closed", self.peer)

    def wake(self, _now: float) -> None:
        """End the connection that is idle. See `Timed`."""
        self.drop("idle")

    def drop(self, reason: str) -> None:
        """End the connection, at once: its peer may not read either."""
        self.dropped = True
        self.factory.say(f"Dropped, {reason}", self.peer)
        transport: Any = self.transport
        transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count it out."""
        self.factory.deadlines.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's


class Guarded(WrappingFactory):
    """Lets another factory have so many connections, each for so long without a byte.

    One too many takes the place of the oldest, more at the same moment are refused. Connections end
    with their port.

    ``what`` is what is served, for the log. ``limits`` gives ``connections``,
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
        """Go by the name of what is guarded."""
        inner: Any = self.wrappedFactory
        return str(inner.logPrefix()) if hasattr(inner, "logPrefix") else type(inner).__name__

    def say(self, what: str, peer: object) -> None:
        """Log what has befallen a peer, now and then."""
        self._occasionally.warn(f"{what}, of {self._what}", where(peer))

    def buildProtocol(self, addr: Any) -> GuardedConnection | None:  # type: ignore[override]  # None refuses
        """Make the protocol of a new connection, or None, upon which it is closed at once."""
        reason = self._admission.refusal(addr)
        if reason == "too-many-connections" and self._make_room():
            reason = None
        if reason is not None:
            self.say(f"Refused, {reason}", addr)
            return None
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else GuardedConnection(self, inner, addr)

    def _make_room(self) -> bool:
        """Drop the oldest connection; say whether it went. Until it has gone it keeps its file.

        Those who send slowly, for ever, would keep all others out.
        """
        oldest: GuardedConnection = next(iter(self.protocols))
        room = not oldest.dropped
        if room:
            oldest.drop("the oldest of too many")
        return room

    def registerProtocol(self, p: GuardedConnection) -> None:
        """Count a connection in."""
        super().registerProtocol(p)  # type: ignore[no-untyped-call]  # Twisted's
        self._admission.enter(p.peer)

    def unregisterProtocol(self, p: GuardedConnection) -> None:
        """Count a connection out."""
        super().unregisterProtocol(p)  # type: ignore[no-untyped-call]  # Twisted's
        self._admission.leave(p.peer)

    def stopFactory(self) -> None:
        """End the connections: their port has gone."""
        for connection in list(self.protocols):
            connection.loseConnection()
