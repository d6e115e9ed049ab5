"""The echo protocol: one read becomes messages, and each message a reply in its time.

A connection's bytes pass through three states, all bounded by `Limits`:

    read -> queue of (due, message) -> write buffer -> peer

Replies are written (and stamped) when they leave the queue. The queue is not emptied into a
transport whose write buffer is full, and a peer is not read from while either is full.
"""

import socket
import typing
from collections import deque
from functools import wraps

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ISystemHandle
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .limits import GUARANTEED, MESSAGE_COST
from .outgoing import outgoing, unsent
from .peer import where
from .wire import MESSAGE_SIZE, messages_of

if typing.TYPE_CHECKING:
    from .factory import EchoFactory


FIRST_MESSAGE = 0.5
"""Seconds for which a stopping service waits for the first message of a new connection."""

PAYLOAD_SHOWN = 80
"""How many bytes of a read are shown in the log, where payload is logged at all."""


class EchoTransport(typing.Protocol):
    """What the protocol needs of its transport: Twisted's own stream transports all have it."""

    bufferSize: int

    def write(self, data: bytes, /) -> None: ...  # noqa: D102 - see ITransport
    def loseConnection(self) -> None: ...  # noqa: D102 - see ITransport
    def abortConnection(self) -> None: ...  # noqa: D102 - see ITCPTransport
    def registerProducer(self, producer: object, streaming: bool, /) -> None: ...  # noqa: D102 - see IConsumer
    def unregisterProducer(self) -> None: ...  # noqa: D102 - see IConsumer
    def pauseProducing(self) -> None: ...  # noqa: D102 - see IPushProducer
    def resumeProducing(self) -> None: ...  # noqa: D102 - see IPushProducer


# An empty deque takes 600 bytes: connections on which nothing waits share one.
NOTHING: deque[typing.Any] = deque(maxlen=0)

_Method = typing.TypeVar("_Method", bound=typing.Callable[..., None])


def ends_connection(method: _Method) -> _Method:
    """Have whatever a method raises end its connection, and no other, with one line in the log."""

    @wraps(method)
    def guarded(self: "EchoProtocol", *arguments: object) -> None:
        try:
            method(self, *arguments)
        except Exception:  # noqa: BLE001 - see the docstring
            self.release_failed()

    return typing.cast("_Method", guarded)


@implementer(IHalfCloseableProtocol, IPushProducer)
class EchoProtocol(Protocol):
    """One connection of the echo service.

    It is a lane of its factory's `DelayLine`, and the streaming producer of its own transport:
    the transport pauses and resumes it as the write buffer fills and empties.
    """

    factory: "EchoFactory"
    transport: EchoTransport  # type: ignore[assignment]  # ITransport names too little

    _log = Logger()

    def __init__(self) -> None:
        self.number = 0  # counted from 0 in the order of accept
        self.peer: object = None  # the address of the client
        self._waiting: deque[tuple[float, bytes]] = NOTHING
        self._cost = 0  # bytes that the queue counts for
        self._messages = 0
        self._due = 0.0  # of the last reply queued; none is due before its predecessor
        self._held = False  # waits for the delay of the connection
        self._full = False  # the transport's write buffer is full
        self._reading = True
        self._ended = False  # the peer's FIN has come
        self._closing = False
        self._aborted = False
        self._allowance: int | None = None  # bytes still to be answered before stopping
        self._charged = 0  # bytes of the write buffer that the common budget is charged with
        self._quiet = 0.0  # since when nothing happened that a sweep waits for
        self._swept = 0  # messages at the last sweep
        self._unread_by_peer = 0  # bytes at the last sweep

    @ends_connection
    def connectionMade(self) -> None:
        """Begin: hold the connection back if it is delayed, else read."""
        factory = self.factory
        self.number = factory.opened(self)
        # What the transport buffers before it calls pauseProducing, and what one read takes.
        if getattr(self.transport, "bufferSize", 0) > factory.limits.write_buffer:
            self.transport.bufferSize = factory.limits.write_buffer
        self.transport.registerProducer(self, True)
        self._quiet = factory.line.now()
        hold = factory.connection_delay(self.number)
        if hold:
            self._held = True
            self._due = self._quiet + hold
            self._gate()
            factory.line.add(self, self._due)

    def dataReceived(self, data: bytes) -> None:
        """Take what one read gave."""
        factory = self.factory
        counts = factory.counts
        size = len(data)
        counts.bytes_in += size
        try:
            if (
                0 < size <= factory.echoed
                and self._allowance is None
                and not (self._full or self._ended or self._waiting or self._held)
            ):
                messages = 1 if size <= MESSAGE_SIZE else -(-size // MESSAGE_SIZE)
                self._messages += messages
                counts.messages += messages
                counts.bytes_out += size
                self.transport.write(data)
                return
            if self._allowance is not None or self.factory.log_payload:
                data = self._look_at(data)
            self._answer(data)
        except Exception:  # noqa: BLE001 - as `ends_connection`, without its call on every read
            self.release_failed()

    def _look_at(self, data: bytes) -> bytes:
        """Log a read where that is asked for; cut off what came after the order to stop."""
        if self.factory.log_payload:
            self._log.info("{peer} said {data!r}", peer=where(self.peer), data=data[:PAYLOAD_SHOWN])
        if self._allowance is not None:
            data = data[: self._allowance]
            self._allowance -= len(data)
        return data

    def _answer(self, data: bytes) -> None:
        """Answer at once where nothing is delayed or in the way; queue the messages otherwise."""
        factory = self.factory
        if (
            self._waiting
            or self._full
            or self._held  # what came with a PROXY header was read before the delay
            or not factory.immediate
            or len(data) > MESSAGE_SIZE
        ):
            self._enqueue(data)
        elif data:
            self._messages += 1
            reply = factory.write_reply(data)
            factory.counts.messages += 1
            factory.counts.bytes_out += len(reply)
            self.transport.write(reply)
        if self._ended or self._allowance is not None:
            self._close_if_done()

    def _enqueue(self, data: bytes) -> None:
        line = self.factory.line
        now = line.now()
        first = not self._waiting
        if self._waiting is NOTHING:
            self._waiting = deque()
        cost = 0
        for message in messages_of(data):
            cost += len(message) + MESSAGE_COST
            self._waiting.append((self._next_message_due(now), message))
        self._charge(cost)
        if not self._waiting or self._waiting[0][0] <= now:
            self._wait(self.release(now))
            return
        # Below these no bound is near: what all are guaranteed is less than any queue may hold.
        if self._cost > GUARANTEED or len(self._waiting) >= self.factory.limits.waiting_messages:
            self._gate()
        # Where others wait already, the line or the write buffer knows.
        if first and not self._full:
            line.add(self, self._waiting[0][0])

    @property
    def waiting(self) -> int:
        """How many replies wait for their time."""
        return len(self._waiting)

    def _charge(self, cost: int) -> None:
        """Count bytes into the queue, or out of it."""
        self._cost += cost
        self.factory.budget.used += cost

    def _next_message_due(self, now: float) -> float:
        """Say when the reply to the next message is due: never before its predecessor."""
        factory = self.factory
        delay = factory.reply_delay(self.number, self._messages)
        self._messages += 1
        factory.counts.messages += 1
        self._due = max(self._due, now + delay)
        return self._due

    def _wait(self, due: float | None) -> None:
        """Be woken when the first reply is due."""
        if due is not None:
            self.factory.line.add(self, due)

    def release(self, now: float) -> float | None:
        """Write the replies that are due; say when the next one is. See `delayline.Lane`."""
        self._held = self._held and now < self._due
        while not self._full:
            batch = self._take(now)
            if not batch:
                break
            replies = batch[0] if len(batch) == 1 else b"".join(batch)
            self.factory.counts.bytes_out += len(replies)
            self.transport.write(replies)
        budget = self.factory.budget
        if budget:
            budget.give_turns()
        if self._waiting or not self._reading:
            self._gate()
        if self._ended or self._allowance is not None:
            self._close_if_done()
        return self._next_due()

    def _next_due(self) -> float | None:
        """Say when to be woken next: not at all while the write buffer is full."""
        return self._waiting[0][0] if self._waiting and not self._full else None

    def _take(self, now: float) -> list[bytes]:
        """Take replies that are due off the queue: no more than the write buffer should hold."""
        batch: list[bytes] = []
        factory, waiting = self.factory, self._waiting
        size, cost, room = 0, 0, factory.write_buffer
        while waiting and waiting[0][0] <= now and size < room:
            due, message = waiting.popleft()
            factory.sent_late(now - due)
            cost += len(message) + MESSAGE_COST
            reply = factory.write_reply(message)
            size += len(reply)
            batch.append(reply)
        self._charge(-cost)
        return batch

    def release_failed(self) -> None:
        """End the connection, from an exception handler. See `delayline.Lane`."""
        self._log.failure("The connection of {peer} failed and is ended", peer=where(self.peer))
        self.factory.counts.dropped["failed"] += 1
        self.abort()

    def abort(self) -> None:
        """End the connection with a reset, whatever it is owed."""
        self._aborted = self._closing = True
        self.transport.abortConnection()

    @ends_connection
    def pauseProducing(self) -> None:
        """Stop writing and reading: the transport's write buffer is full. See `IPushProducer`."""
        if not self._full:
            self._full = True
            self._quiet = self.factory.line.now()
        self._charge_buffer(unsent(self.transport))
        self._gate()

    def _charge_buffer(self, buffered: int) -> None:
        """Have the common budget know what stands in the write buffer."""
        self.factory.budget.used += buffered - self._charged
        self._charged = buffered

    @ends_connection
    def resumeProducing(self) -> None:
        """Go on: the transport's write buffer is empty. See `IPushProducer`."""
        self._full = False
        self._charge_buffer(0)
        self._wait(self.release(self.factory.line.now()))

    def stopProducing(self) -> None:
        """Do nothing: `connectionLost` follows. See `IPushProducer`."""

    def _gate(self) -> None:
        """Read from the peer exactly while there is room for what it says."""
        factory = self.factory
        budget = factory.budget
        reading = not (
            self._held
            or self._full
            or self._cost > factory.queue
            or len(self._waiting) >= factory.limits.waiting_messages
        )
        if reading and self._cost > GUARANTEED and budget.spent:
            reading = False
            budget.wait(self)
        if reading == self._reading or self._ended or self._closing:
            return
        self._reading = reading
        if reading:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def take_turn(self) -> None:
        """Read again: the common budget has room. See `budget.Reader`."""
        self._gate()

    @ends_connection
    def readConnectionLost(self) -> None:
        """Note the peer's FIN: answer what is owed, then close. See `IHalfCloseableProtocol`."""
        self._ended = True
        self._close_if_done()

    def writeConnectionLost(self) -> None:
        """Do nothing: this side never closes half. See `IHalfCloseableProtocol`."""

    @ends_connection
    def sweep(self, now: float) -> None:
        """Drop a peer that has been idle, or has refused to read, for too long. See `sweep`."""
        if self._aborted:
            return
        if self._progressed():
            self._quiet = now
        limits, quiet = self.factory.limits, now - self._quiet
        if self._unread_by_peer or self._full or self._closing:
            if limits.stall and quiet >= limits.stall:
                self.factory.drop(self, "stalled")
        elif limits.idle and quiet >= limits.idle:
            self.factory.drop(self, "idle")

    def _progressed(self) -> bool:
        """Say whether anything happened since the last sweep, or a reply is on its way."""
        if self._messages != self._swept:
            self._swept = self._messages
            self._unread_by_peer = 1  # as long as nobody has looked
            return True
        if (self._waiting or self._held) and not self._full:
            return True
        if not (self._unread_by_peer or self._full):
            return False  # all was taken by the peer, and nothing was written since
        before, self._unread_by_peer = self._unread_by_peer, outgoing(self.transport)
        return self._unread_by_peer != before

    @ends_connection
    def drain(self) -> None:
        """Answer what has reached this host until now, then close."""
        if self._allowance is None:
            self._allowance = self._unread()
            if not (self._allowance or self._messages or self._held):
                self._wait_for_first_message()
            self._close_if_done()

    def _wait_for_first_message(self) -> None:
        """Give a client that has only connected yet a moment: its message may be on its way."""
        self._allowance = self.factory.limits.waiting_bytes
        self._held = True
        self._due = self.factory.line.now() + FIRST_MESSAGE
        self._gate()
        self.factory.line.add(self, self._due)

    def _unread(self) -> int:
        """Count the bytes that the system holds for us, up to what one connection may wait for."""
        if not ISystemHandle.providedBy(self.transport):
            return 0
        handle = self.transport.getHandle()
        if not isinstance(handle, socket.socket):
            return 0  # TLS: what has not been read has not been decrypted
        try:
            peeked = handle.recv(self.factory.limits.waiting_bytes, socket.MSG_PEEK)
        except OSError:
            return 0
        return len(peeked)

    def _close_if_done(self) -> None:
        if self._waiting or self._held or self._closing:
            return
        if self._ended or (self._allowance is not None and not self._unread()):
            self._close()

    def _close(self) -> None:
        """Flush what is written, then close. Queued replies are the caller's business."""
        self._closing = True
        # A transport with a producer waits for it before it closes.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 - Twisted's
        """Leave nothing behind."""
        self._closing = True
        self._forget()
        self.factory.closed(self)

    def _forget(self) -> None:
        """Drop what is queued, and the wish to be woken for it."""
        self._held = False
        self._waiting = NOTHING
        self._charge(-self._cost)
        self._charge_buffer(0)
        self.factory.line.discard(self)
        self.factory.budget.leave(self)
        self.factory.budget.give_turns()
