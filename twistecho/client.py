"""One client of a fleet: the reactor's side of its conversation."""

import typing

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from .conversation import Conversation
from .deadlines import Deadlines
from .dial import reason_of_failure
from .oserrors import NotingSocket, errno_of, note_errors
from .outcome import Phase


class Clients(typing.Protocol):
    """What a client needs of its fleet."""

    deadlines: "Deadlines[Client]"

    def now(self) -> float:
        """Give the time since the run began, in seconds."""

    def ended(self, client: "Client") -> None:
        """Note that a client's connection has gone."""


class Client(Protocol):
    """One client's connection and its conversation."""

    transport: ITCPTransport

    def __init__(self, fleet: Clients, conversation: Conversation) -> None:
        self.fleet = fleet
        self.conversation = conversation
        self.dialing: Deferred[object] | None = None
        self._saying = 0  # bytes of the message that is under way
        self._noting: NotingSocket | None = None

    def connectionMade(self) -> None:
        """Send the first message."""
        self.dialing = None
        self._noting = note_errors(self.transport)
        now = self.fleet.now()
        self._say(self.conversation.connected(now), now)

    def dataReceived(self, data: bytes) -> None:
        """Check what came back; go on, close or give up."""
        conversation = self.conversation
        now = self.fleet.now()
        message = conversation.received(data, now)
        if message:
            self._say(message, now)
        elif conversation.outcome is not None:
            self.transport.abortConnection()
        elif conversation.finished:
            self.fleet.deadlines.renew(self, now)
            self._finish()

    def _say(self, message: bytes, now: float) -> None:
        self.fleet.deadlines.renew(self, now)
        self._saying = len(message)
        self.transport.write(message)

    def _sending(self) -> bool:
        """Say whether the system has taken a part of the message, and not all of it."""
        transport: typing.Any = self.transport
        unsent = len(getattr(transport, "dataBuffer", b"")) - getattr(transport, "offset", 0)
        return 0 < unsent < self._saying

    def _finish(self) -> None:
        """Say that no more messages come. TLS has no half-close: there it closes both ways."""
        if ISSLTransport.providedBy(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def expire(self) -> None:
        """Give up: a step took longer than the plan allows."""
        self.give_up("timeout")

    def give_up(self, reason: str) -> None:
        """End the conversation and the connection, whatever state it is in."""
        phase = Phase.SEND if self.connected and self._sending() else None
        self.conversation.failed(reason, self.fleet.now(), phase=phase)
        if self.connected:
            self.transport.abortConnection()
        elif self.dialing is not None:
            self.dialing.cancel()

    def not_connected(self, failure: Failure) -> None:
        """Note that no connection came about."""
        self.dialing = None
        reason, number = reason_of_failure(failure)
        if number is None:
            self.conversation.failed(reason, self.fleet.now())
        else:
            self.conversation.lost(number, self.fleet.now())
        self.fleet.ended(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end: the server's FIN, or what the system said of the connection."""
        now, sending = self.fleet.now(), self._sending()
        if reason.check(ConnectionDone):
            self.conversation.closed(now, sending=sending)
        else:
            self.conversation.lost(errno_of(reason, self._noting), now, sending=sending)
        self.fleet.ended(self)
