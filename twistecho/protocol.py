"""The echo protocol: one read becomes messages, and each message a reply in its time.

A connection's bytes pass through three states, all bounded by `Limits`:

    read -> queue of (due, message) -> write buffer -> peer

Replies are written (and stamped) when they leave the queue. The queue is not emptied into a
transport whose write buffer is full, and a peer is not read from while either is full.
"""

import socket
import typing
from collections import deque

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ISystemHandle
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from .limits import MESSAGE_COST
from .wire import MESSAGE_SIZE, messages_of

if typing.TYPE_CHECKING:
    from .factory import EchoFactory


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


@implementer(IHalfCloseableProtocol, IPushProducer)
class EchoProtocol(Protocol):
    """One connection of the echo service.

    It is a lane of its factory's `DelayLine`, and the streaming producer of its own transport:
    the transport pauses and resumes it as the write buffer fills and empties.
    """

    factory: "EchoFactory"
    transport: EchoTransport  # type: ignore[assignment]  # ITransport names too little

    def __init__(self) -> None:
        self.number = 0  # counted from 0 in the order of accept
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._cost = 0  # bytes that the queue counts for
        self._messages = 0
        self._due = 0.0  # of the last reply queued; none is due before its predecessor
        self._held = False  # waits for the delay of the connection
        self._full = False  # the transport's write buffer is full
        self._reading = True
        self._ended = False  # the peer's FIN has come
        self._closing = False
        self._allowance: int | None = None  # bytes still to be answered before stopping

    def connectionMade(self) -> None:
        """Begin: hold the connection back if it is delayed, else read."""
        factory = self.factory
        self.number = factory.opened(self)
        # What the transport buffers before it calls pauseProducing, and what one read takes.
        if getattr(self.transport, "bufferSize", 0) > factory.limits.write_buffer:
            self.transport.bufferSize = factory.limits.write_buffer
        self.transport.registerProducer(self, True)
        hold = factory.connection_delay(self.number)
        if hold:
            self._held = True
            self._gate()
            factory.line.add(self, factory.line.now() + hold)

    def dataReceived(self, data: bytes) -> None:
        """Answer at once where nothing is delayed or in the way; queue the messages otherwise."""
        if self._allowance is not None:
            data = data[: self._allowance]
            self._allowance -= len(data)
        if self._waiting or self._full or not self.factory.immediate or len(data) > MESSAGE_SIZE:
            self._enqueue(data)
        elif data:
            self._messages += 1
            self.transport.write(self.factory.write_reply(data))
        if self._ended or self._allowance is not None:
            self._close_if_done()

    def _enqueue(self, data: bytes) -> None:
        now = self.factory.line.now()
        for message in messages_of(data):
            self._cost += len(message) + MESSAGE_COST
            self._waiting.append((self._next_message_due(now), message))
        self._wait(self.release(now))

    def _next_message_due(self, now: float) -> float:
        """Say when the reply to the next message is due: never before its predecessor."""
        delay = self.factory.reply_delay(self.number, self._messages)
        self._messages += 1
        self._due = max(self._due, now + delay)
        return self._due

    def _wait(self, due: float | None) -> None:
        """Be woken when the first reply is due."""
        if due is not None:
            self.factory.line.add(self, due)

    def release(self, now: float) -> float | None:
        """Write the replies that are due; say when the next one is. See `delayline.Lane`."""
        self._held = False
        while not self._full:
            batch = self._take(now)
            if not batch:
                break
            self.transport.write(b"".join(batch))
        self._gate()
        self._close_if_done()
        return self._next_due()

    def _next_due(self) -> float | None:
        """Say when to be woken next: not at all while the write buffer is full."""
        return self._waiting[0][0] if self._waiting and not self._full else None

    def _take(self, now: float) -> list[bytes]:
        """Take replies that are due off the queue: no more than the write buffer should hold."""
        batch: list[bytes] = []
        size, room = 0, self.factory.limits.write_buffer
        while self._waiting and self._waiting[0][0] <= now and size < room:
            message = self._waiting.popleft()[1]
            self._cost -= len(message) + MESSAGE_COST
            reply = self.factory.write_reply(message)
            size += len(reply)
            batch.append(reply)
        return batch

    def release_failed(self) -> None:
        """End the connection: releasing a reply raised. See `delayline.Lane`."""
        self.transport.abortConnection()

    def pauseProducing(self) -> None:
        """Stop writing and reading: the transport's write buffer is full. See `IPushProducer`."""
        self._full = True
        self._gate()

    def resumeProducing(self) -> None:
        """Go on: the transport's write buffer is empty. See `IPushProducer`."""
        self._full = False
        self._wait(self.release(self.factory.line.now()))

    def stopProducing(self) -> None:
        """Do nothing: `connectionLost` follows. See `IPushProducer`."""

    def _gate(self) -> None:
        """Read from the peer exactly while there is room for what it says."""
        reading = not (self._held or self._full or self._cost > self.factory.limits.queue)
        if reading == self._reading or self._ended or self._closing:
            return
        self._reading = reading
        if reading:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def readConnectionLost(self) -> None:
        """Note the peer's FIN: answer what is owed, then close. See `IHalfCloseableProtocol`."""
        self._ended = True
        self._close_if_done()

    def writeConnectionLost(self) -> None:
        """Do nothing: this side never closes half. See `IHalfCloseableProtocol`."""

    def drain(self) -> None:
        """Answer what has reached this host until now, then close."""
        if self._allowance is None:
            self._allowance = self._unread()
            self._close_if_done()

    def _unread(self) -> int:
        """Count the bytes that the system holds for us, up to what one connection may wait for."""
        if not ISystemHandle.providedBy(self.transport):
            return 0
        try:
            handle = typing.cast(socket.socket, self.transport.getHandle())
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
        self._waiting.clear()
        self._cost = 0
        self.factory.line.discard(self)
