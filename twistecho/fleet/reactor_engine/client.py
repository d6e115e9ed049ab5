"""One client of a fleet: the reactor's side of its conversation.

Why an established connection broke is what Twisted's own transports forget: they turn an OSError
of ``recv`` or ``send`` into one and the same `ConnectionLost`. A socket that notes what it raises
keeps the number. A transport of another make is left alone: it may say the number itself, as
``osError`` of the `ConnectionLost`.
"""

import socket
import typing
from collections.abc import Callable
from math import inf
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from twistecho.base.sockets import receive_stamped, stamp_arrivals, unsent
from twistecho.base.timers import Timers
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.wire_timing import WireTiming
from twistecho.fleet.reports.outcome import Phase

from .dial import reason_of_failure


class NotingSocket:
    """A socket that remembers the last OSError with which it did not receive or send."""

    def __init__(self, noted: socket.socket) -> None:
        self._socket = noted
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Give what the socket itself has."""
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        """Receive. Raises OSError."""
        try:
            return self._socket.recv(size)
        except OSError as error:
            self._note(error)
            raise

    def send(self, data: bytes) -> int:
        """Send. Raises OSError."""
        try:
            return self._socket.send(data)
        except OSError as error:
            self._note(error)
            raise

    def recvmsg(self, *arguments: int) -> Any:
        """Receive on a Unix socket. Raises OSError."""
        try:
            return self._socket.recvmsg(*arguments)
        except OSError as error:
            self._note(error)
            raise

    def _note(self, error: OSError) -> None:
        if not isinstance(error, BlockingIOError):
            self.error = error


class TimedSocket:
    """A socket that notes, for a `WireTiming`, when it sends and when what it receives arrived."""

    def __init__(self, timed: Any, timing: WireTiming, now: Callable[[], float]) -> None:
        self.socket = timed
        self._timing = timing
        self._now = now

    def __getattr__(self, name: str) -> Any:
        """Give what the socket itself has."""
        return getattr(self.socket, name)

    def send(self, data: bytes) -> int:
        """Send. Raises OSError."""
        self._timing.sent = self._now()
        return int(self.socket.send(data))

    def recv(self, size: int) -> bytes:
        """Receive. Raises OSError."""
        data, ago = receive_stamped(self.socket, size)
        self._timing.arrived = None if ago is None else self._now() - ago
        return data


def note_errors(transport: Any) -> NotingSocket | None:
    """Have a transport of Twisted's own keep its errors; give what keeps them, or None."""
    twisteds = type(transport).__module__.startswith("twisted.internet.")
    if not (twisteds and isinstance(getattr(transport, "socket", None), socket.socket)):
        return None
    noting = NotingSocket(transport.socket)
    transport.socket = noting
    return noting


def errno_of(reason: Failure, noting: NotingSocket | None) -> int | None:
    """Give the system's number for the loss of a connection, if anybody knows it."""
    error = getattr(reason.value, "osError", None) or (noting and noting.error)
    return error.errno if isinstance(error, OSError) else None


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
        """Note that a client's connection has gone."""


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

    def _now(self) -> float:
        return self._monotonic() - self._began

    def connectionMade(self) -> None:
        """Send the first message, where it is due."""
        self.dialing = None
        self._noting = note_errors(self.transport)
        self.conversation.pending = self._pending
        self._time_wire()
        self._go_on(self.conversation.connected(self._now()))
        self.fleet.settle(self.conversation.client)

    def _time_wire(self) -> None:
        """Have some messages timed, where the transport's socket is one that the kernel stamps."""
        noted = getattr(self.transport, "socket", None)
        real = getattr(noted, "_socket", noted)
        if not (isinstance(real, socket.socket) and stamp_arrivals(real)):
            return
        transport: Any = self.transport

        def begin() -> None:
            transport.socket = TimedSocket(transport.socket, timing, self._now)

        def end() -> None:
            timed = getattr(transport, "socket", None)  # a transport that is lost has none
            if isinstance(timed, TimedSocket):
                transport.socket = timed.socket

        timing = WireTiming(self.conversation.plan.clients, begin, end)
        self.conversation.time_wire(timing)

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
            self.transport.abortConnection()
        elif conversation.finished:
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
        """Say that no more messages come. TLS has no half-close: there it closes both ways."""
        limit = self.conversation.step_timeout
        if limit < self.conversation.plan.timeout:
            self.fleet.deadlines.set(self.deadline, self._now() + limit)
        if ISSLTransport.providedBy(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def give_up(self, reason: str) -> None:
        """End the conversation and the connection, whatever state it is in."""
        phase = Phase.SEND if self._sending() else None
        self.conversation.failed(reason, self._now(), phase=phase)
        if self.connected:
            self.transport.abortConnection()
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
