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
    """The part of a fleet that its clients use."""

    deadlines: Timers
    due: Timers

    began: float
    """When the run began, on the clock that `monotonic` reads, in seconds."""

    monotonic: Callable[[], float]

    def settle(self, number: int) -> None:
        """Note that the client with this number has connected."""

    def ended(self, client: "Client") -> None:
        """Note that a client's connection is gone; begin its next connection, if there is one."""

    def keep(self, client: "Client") -> bool:
        """Keep a client's connection for the next run, if requested; return whether it was kept."""


class Deadline:
    """Checks a client when a step of its conversation may have taken too long."""

    __slots__ = ("_client", "wake_at")

    def __init__(self, client: "Client") -> None:
        self._client = client
        self.wake_at = inf

    def wake(self, now: float) -> float | None:
        """End the client if its step timed out, or return when to check again. See `Timed`."""
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
        """Send the first message, if it is due."""
        self.dialing = None
        self._noting = note_errors(self.transport)
        self.conversation.pending = self._pending
        self._time_wire(self._timed_transport())
        self._go_on(self.conversation.connected(self._now(), self._waited()))
        self.fleet.settle(self.conversation.client)

    def _timed_transport(self) -> object:
        """Return the transport whose socket sends and receives the bytes on the wire."""
        return self.transport

    def _waited(self) -> float | None:
        """Return how long connecting waited for the peer, if the system reports it."""
        return waited_for(self.transport)

    def _time_wire(self, transport: object) -> None:
        """Time some messages, if the kernel timestamps the bytes that this transport receives."""
        self._timed = timed = timed_socket(transport, self._now)
        if timed is not None:
            timed.timing = self.conversation.time_wire(timed.switch)

    def begin(self, opened: float) -> None:
        """Send the first message: all clients had connected at ``opened``."""
        if self.connected and self.conversation.outcome is None:
            self._go_on(self.conversation.begin(self._now(), opened))

    def dataReceived(self, data: bytes) -> None:
        """Check received bytes; send the next message, close, or abort."""
        message = self.replyEagerly(data) if data else None
        if message:
            self.transport.write(message)

    def replyEagerly(self, data: bytes) -> bytes | None:
        """Check received bytes; return the next message if nothing else follows.

        See `eagerreactor`.
        """
        conversation = self.conversation
        message = conversation.received(data, self._monotonic() - self._began)
        if message and conversation.next_due is None and len(message) <= len(data):
            return message
        self._go_on(message)
        return None

    def _go_on(self, message: bytes) -> None:
        """Send a message, if any, and do the next step of the conversation."""
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
        """Send the messages due by now; return when to wake it next. See `Timed`."""
        conversation = self.conversation
        if conversation.outcome is None and not conversation.finished:
            self._go_on(conversation.wake(now))
        return None if conversation.outcome is not None else conversation.next_due

    def expire(self, now: float) -> float | None:
        """Give up if a step has exceeded its timeout; otherwise return when to check again."""
        conversation = self.conversation
        if conversation.outcome is not None:
            return None
        # Without a pending step a message may be sent at any moment.
        due = (now if conversation.step == inf else conversation.step) + conversation.step_timeout
        if due > now:
            return due
        self.give_up("timeout")
        return None

    def _sending(self) -> bool:
        """Return whether the system has taken only a part of a message."""
        return self.conversation.is_cut(unsent(self.transport))

    def _pending(self) -> int:
        """Return the number of bytes that the system has not taken."""
        return unsent(self.transport)

    def _finish(self) -> None:
        """Send FIN; without half-close (TLS, and some endpoints' transports) close both ways."""
        limit = self.conversation.step_timeout
        if limit < self.conversation.plan.timeout:
            self.fleet.deadlines.set(self.deadline, self._now() + limit)
        half = None if ISSLTransport.providedBy(self.transport) else "loseWriteConnection"
        getattr(self.transport, half or "", self.transport.loseConnection)()

    def abort(self) -> None:
        """Abort the connection, or close it if the endpoint's transport cannot abort."""
        getattr(self.transport, "abortConnection", self.transport.loseConnection)()

    def leave(self) -> None:
        """End the conversation, whose replies are all in, without closing the connection."""
        if self._timed is not None:
            self._timed.switch(False)
        self.conversation.closed(self._now())

    def take_up(self, fleet: Clients, conversation: Conversation) -> None:
        """Begin another conversation, of a later run, over the existing connection."""
        self.fleet, self.conversation = fleet, conversation
        self.deadline, self.wake_at = Deadline(self), inf
        self._monotonic, self._began = fleet.monotonic, fleet.began

    def begin_anew(self) -> None:
        """Send the first message, if it is due, after `take_up`."""
        self.conversation.pending = self._pending
        self._time_wire(self._timed_transport())
        self._go_on(self.conversation.connected(self._now(), kept=True))
        self.fleet.settle(self.conversation.client)

    def close(self) -> None:
        """Close the connection between two conversations."""
        self.transport.loseConnection()

    def give_up(self, reason: str) -> None:
        """End the conversation and the connection, in any state."""
        phase = Phase.SEND if self._sending() else None
        self.conversation.failed(reason, self._now(), phase=phase)
        if self.connected:
            self.abort()
        elif self.dialing is not None:
            self.dialing.cancel()

    def not_connected(self, failure: Failure) -> None:
        """Note that connecting failed."""
        self.dialing = None
        reason, number = reason_of_failure(failure)
        if number is None:
            self.conversation.failed(reason, self._now())
        else:
            self.conversation.lost(number, self._now())
        self.fleet.ended(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end: the server's FIN, or the system's error."""
        now, sending = self._now(), self._sending()
        if reason.check(ConnectionDone):
            self.conversation.closed(now, sending=sending)
        else:
            self.conversation.lost(errno_of(reason, self._noting), now, sending=sending)
        self.fleet.ended(self)
