"""One client of a fleet: the reactor's side of its conversation."""

import typing
from collections.abc import Callable
from math import inf

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from twistecho.base.sockets import unsent
from twistecho.base.timers import Timers
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.reports.outcome import Phase

from .dial import reason_of_failure
from .sockets import (
    NotingSocket,
    TimedSocket,
    errno_of,
    note_errors,
    timed_socket,
    waited_for,
)


class Clients(typing.Protocol):
    """What a client needs of its fleet."""

    deadlines: Timers
    due: Timers

    began: float
    """When the run began, on the clock that `monotonic` reads, in seconds."""

    monotonic: Callable[[], float]

    def settle(self, number: int) -> None:
        """Note that the client with this number has connected."""

    def ended(self, client: "Client") -> None:
        """Note that a client's connection has gone; have it make its next one, if it is to."""

    def keep(self, client: "Client") -> bool:
        """Keep a client's connection for the next run, where that is wanted; say whether it is."""


class Deadline:
    """Looks at a client when a step of its conversation may have taken too long."""

    __slots__ = ("_client", "wake_at")

    def __init__(self, client: "Client") -> None:
        self._client = client
        self.wake_at = inf

    def wake(self, now: float) -> float | None:
        """Have the client give up, or say when to look again. See `Timed`."""
        return self._client.expire(now)


class Client(Protocol):
    """One client's connection and its conversation."""

    transport: ITCPTransport

    def __init__(self, fleet: Clients, conversation: Conversation) -> None:
        self.fleet = fleet
        self.conversation = conversation
        self.dialing: Deferred[object] | None = None
        self.deadline = Deadline(self)
        self.wake_at = inf  # see `Timed`
        self._monotonic, self._began = fleet.monotonic, fleet.began
        self._noting: NotingSocket | None = None
        self._timed: TimedSocket | None = None

    def _now(self) -> float:
        return self._monotonic() - self._began

    def connectionMade(self) -> None:
        """Send the first message, where it is due."""
        self.dialing = None
        self._noting = note_errors(self.transport)
        self.conversation.pending = self._pending
        self._time_wire(self._timed_transport())
        self._go_on(self.conversation.connected(self._now(), self._waited()))
        self.fleet.settle(self.conversation.client)

    def _timed_transport(self) -> object:
        """Give the transport whose socket has the bytes as they go and come."""
        return self.transport

    def _waited(self) -> float | None:
        """Say how much of connecting was the other side's, where the system tells."""
        return waited_for(self.transport)

    def _time_wire(self, transport: object) -> None:
        """Have some messages timed, where the kernel stamps what this transport's socket gets."""
        self._timed = timed = timed_socket(transport, self._now)
        if timed is not None:
            timed.timing = self.conversation.time_wire(timed.switch)

    def begin(self, opened: float) -> None:
        """Send the first message: all clients had connected at ``opened``."""
        if self.connected and self.conversation.outcome is None:
            self._go_on(self.conversation.begin(self._now(), opened))

    def dataReceived(self, data: bytes) -> None:
        """Check what came back; go on, close or give up."""
        message = self.replyEagerly(data) if data else None
        if message:
            self.transport.write(message)

    def replyEagerly(self, data: bytes) -> bytes | None:
        """Check what came back; give the next message where that is all. See `eagerreactor`."""
        conversation = self.conversation
        message = conversation.received(data, self._monotonic() - self._began)
        if message and conversation.next_due is None and len(message) <= len(data):
            return message
        self._go_on(message)
        return None

    def _go_on(self, message: bytes) -> None:
        """Send what is to be sent, and see what comes then."""
        conversation = self.conversation
        if message:
            self.transport.write(message)
        if conversation.outcome is not None:
            self.abort()
        elif conversation.finished:
            if not self.fleet.keep(self):
                self._finish()
        elif conversation.next_due is not None:
            self.fleet.due.set(self, conversation.next_due)

    def wake(self, now: float) -> float | None:
        """Send what is due by now; say when to be woken next. See `Timed`."""
        conversation = self.conversation
        if conversation.outcome is None and not conversation.finished:
            self._go_on(conversation.wake(now))
        return None if conversation.outcome is not None else conversation.next_due

    def expire(self, now: float) -> float | None:
        """Give up if a step has taken longer than the plan allows; else say when to look again."""
        conversation = self.conversation
        if conversation.outcome is not None:
            return None
        # While nothing is waited for, a message may be sent the next moment.
        due = (now if conversation.step == inf else conversation.step) + conversation.step_timeout
        if due > now:
            return due
        self.give_up("timeout")
        return None

    def _sending(self) -> bool:
        """Say whether the system has taken a part of a message, and not all of it."""
        return self.conversation.is_cut(unsent(self.transport))

    def _pending(self) -> int:
        """Count the bytes that the system has not taken."""
        return unsent(self.transport)

    def _finish(self) -> None:
        """Say that no more messages come; it closes both ways where there is no half-close.

        TLS has none, nor have the transports of some endpoints.
        """
        limit = self.conversation.step_timeout
        if limit < self.conversation.plan.timeout:
            self.fleet.deadlines.set(self.deadline, self._now() + limit)
        half = None if ISSLTransport.providedBy(self.transport) else "loseWriteConnection"
        getattr(self.transport, half or "", self.transport.loseConnection)()

    def abort(self) -> None:
        """End the connection at once; not every endpoint's transport can."""
        getattr(self.transport, "abortConnection", self.transport.loseConnection)()

    def leave(self) -> None:
        """End the conversation, whose replies are all in, without closing the connection."""
        if self._timed is not None:
            self._timed.switch(False)
        self.conversation.closed(self._now())

    def take_up(self, fleet: Clients, conversation: Conversation) -> None:
        """Begin another conversation, of a later run, over the connection as it stands."""
        self.fleet, self.conversation = fleet, conversation
        self.deadline, self.wake_at = Deadline(self), inf
        self._monotonic, self._began = fleet.monotonic, fleet.began

    def begin_anew(self) -> None:
        """Send the first message, where it is due, after `take_up`."""
        self.conversation.pending = self._pending
        self._time_wire(self._timed_transport())
        self._go_on(self.conversation.connected(self._now(), kept=True))
        self.fleet.settle(self.conversation.client)

    def close(self) -> None:
        """Close the connection between two conversations."""
        self.transport.loseConnection()

    def give_up(self, reason: str) -> None:
        """End the conversation and the connection, whatever state it is in."""
        phase = Phase.SEND if self._sending() else None
        self.conversation.failed(reason, self._now(), phase=phase)
        if self.connected:
            self.abort()
        elif self.dialing is not None:
            self.dialing.cancel()

    def not_connected(self, failure: Failure) -> None:
        """Note that no connection came about."""
        self.dialing = None
        reason, number = reason_of_failure(failure)
        if number is None:
            self.conversation.failed(reason, self._now())
        else:
            self.conversation.lost(number, self._now())
        self.fleet.ended(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end: the server's FIN, or what the system said of the connection."""
        now, sending = self._now(), self._sending()
        if reason.check(ConnectionDone):
            self.conversation.closed(now, sending=sending)
        else:
            self.conversation.lost(errno_of(reason, self._noting), now, sending=sending)
        self.fleet.ended(self)
