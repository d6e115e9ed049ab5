"""TLS for a factory, with additions to Twisted's. Importing this needs the extra ``tls``.

A refused connection is closed, a handshake has a timeout, and a stopping service can see whether a
record has arrived only in part.
"""

from math import inf
from typing import Any

from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure

from twistecho.base.timers import Deadlines

HANDSHAKE_TIMEOUT = 10.0
"""Seconds within which a handshake must be done."""

_HEADER = 5  # bytes before the content of a record: type, version, length (RFC 8446, 5.1)


class Records:
    """Finds where the records of TLS begin and end in the received bytes."""

    __slots__ = ("_head", "_left")

    def __init__(self) -> None:
        self._head = b""  # the incomplete header of a record
        self._left = 0  # bytes missing of the last record

    @property
    def amid(self) -> bool:
        """Whether a record has arrived only in part."""
        return bool(self._left or self._head)

    def follow(self, data: bytes) -> None:
        """Take the bytes of one read."""
        data = self._head + data
        at, size = self._left, len(data)
        while at + _HEADER <= size:
            at += _HEADER + int.from_bytes(data[at + 3 : at + _HEADER], "big")
        self._head, self._left = (data[at:], 0) if at < size else (b"", at - size)


class TLSProtocol(BufferingTLSTransport):
    """One TLS connection."""

    factory: "TLSFactory"

    def __init__(self, factory: "TLSFactory", inner: Any) -> None:
        super().__init__(factory, inner)
        self.wake_at = inf  # see `Timed`
        self._records = Records()

    @property
    def amid_record(self) -> bool:
        """Whether a record has arrived only in part, so that it cannot be decrypted yet."""
        return self._records.amid

    def makeConnection(self, transport: Any) -> None:
        """Begin the handshake, and set its deadline."""
        deadlines = self.factory.deadlines
        deadlines.set(self, deadlines.now() + self.factory.handshake_timeout)
        super().makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted's

    def _checkHandshakeStatus(self) -> None:  # Twisted's: called until it is done
        super()._checkHandshakeStatus()  # type: ignore[no-untyped-call]  # Twisted's
        if self._handshakeDone:
            self.factory.deadlines.discard(self)

    def wake(self, _now: float) -> None:
        """Reset a connection whose handshake was not done in time. See `Timed`."""
        connections = getattr(self.factory.wrappedFactory, "connections", None)
        if connections is not None:
            connections.drop(self.wrappedProtocol, "no-tls-handshake")
        else:
            self.abortConnection()  # type: ignore[no-untyped-call]  # Twisted's

    def dataReceived(self, data: bytes) -> None:
        """Find the records, and decrypt them."""
        self._records.follow(data)
        super().dataReceived(data)  # type: ignore[no-untyped-call]  # Twisted's

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Cancel the deadline of the handshake."""
        self.factory.deadlines.discard(self)
        super().connectionLost(reason)


class TLSFactory(TLSMemoryBIOFactory):
    """Twisted's own fails during accept if the inner factory refuses by returning None."""

    protocol = TLSProtocol

    def __init__(self, clock: IReactorTime, context: Any, factory: IProtocolFactory) -> None:
        super().__init__(context, False, factory)
        self.deadlines = Deadlines(clock)

    @property
    def handshake_timeout(self) -> float:
        """How long the handshake of a connection that is accepted now may take, in seconds."""
        # Reading from a held connection is paused: its handshake begins after that.
        scenario = getattr(self.wrappedFactory, "scenario", None)
        held: float = scenario.delay.longest if scenario is not None and scenario.holds else 0.0
        return HANDSHAKE_TIMEOUT + held

    def buildProtocol(self, addr: Any) -> TLSProtocol | None:  # type: ignore[override]  # None refuses
        """Make the protocol of a new connection, or return None to have it closed at once."""
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)
