"""The echo protocol: one read becomes messages, and each message a reply in its time.

Replies are written (and stamped) when they leave the queue. The queue is not emptied into a
transport whose write buffer is full; see `connection`.
"""

from collections import deque

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from twistecho.base.reply_formats import MESSAGE_SIZE, messages_of

from .connection import NOTHING, ends_connection
from .draining import DrainingConnection
from .limits import GUARANTEED, MESSAGE_COST
from .open_connections import where

PAYLOAD_SHOWN = 80
"""How many bytes of a read are shown in the log, where payload is logged at all."""


class EchoProtocol(DrainingConnection):
    """One connection of the echo service: a lane of its factory's `DelayLine`."""

    __slots__ = ()

    @ends_connection
    def connectionMade(self) -> None:
        """Begin: hold the connection back if it is delayed, else read."""
        factory = self.factory
        self.number = factory.opened(self)
        # What the transport buffers before it calls pauseProducing, and what one read takes.
        if getattr(self.transport, "bufferSize", 0) > factory.write_buffer:
            self.transport.bufferSize = factory.write_buffer
        self.transport.registerProducer(self, True)
        self._quiet = factory.line.now()
        hold = factory.connection_delay(self.number)
        if hold:
            self._held = True
            self._due = self._quiet + hold
            self._gate()
            factory.line.add(self, self._due)
        self._look()

    def dataReceived(self, data: bytes) -> None:
        """Take what one read gave."""
        reply = self.replyEagerly(data) if data else None
        if reply:
            try:
                self.transport.write(reply)
            except Exception:  # noqa: BLE001 - as `ends_connection`
                self.release_failed()

    def replyEagerly(self, data: bytes) -> bytes | None:
        """Take what one read gave; give its reply if there is one at once. See `eagertransport`."""
        if self._plain:
            size = len(data)
            if size <= MESSAGE_SIZE:
                self._messages += 1
                self._echoed += size
                return data
        return self._take_read(data)

    def _take_read(self, data: bytes) -> bytes | None:
        size, factory = len(data), self.factory
        try:
            if self._plain and size <= factory.write_buffer:
                # A read of at most so many bytes is its own reply, however it is cut.
                self._messages += -(-size // MESSAGE_SIZE)
                self._echoed += size
                return data
            self._received += size
            if factory.log_payload:
                shown = data[:PAYLOAD_SHOWN]
                self._log.info("{peer} said {data!r}", peer=where(self.peer), data=shown)
            self._answer(self._allowed(data))
        except Exception:  # noqa: BLE001 - as `ends_connection`, without its call on every read
            self.release_failed()
        return None

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
            self._sent += len(reply)
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
        self._plain = False
        # Below these no bound is near: what all are guaranteed is less than any queue may hold.
        if self._cost > GUARANTEED or len(self._waiting) >= self.factory.limits.waiting_messages:
            self._gate()
        # Where others wait already, the line or the write buffer knows.
        if first and not self._full:
            line.add(self, self._waiting[0][0])

    def _next_message_due(self, now: float) -> float:
        """Say when the reply to the next message is due: never before its predecessor."""
        delay = self.factory.reply_delay(self.number, self._messages)
        self._messages += 1
        self._due = max(self._due, now + delay)
        return self._due

    def release(self, now: float) -> float | None:
        """Write the replies that are due; say when the next one is. See `delayline.Lane`."""
        self._held = self._held and now < self._due
        while not self._full:
            batch = self._take(now)
            if not batch:
                break
            replies = batch[0] if len(batch) == 1 else b"".join(batch)
            self._sent += len(replies)
            self.transport.write(replies)
        budget = self.factory.budget
        if budget:
            budget.give_turns()
        if self._waiting or not self._reading:
            self._gate()
        else:
            self._look()
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

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 - Twisted's
        """Leave nothing behind."""
        self._closing = True
        self._forget()
        self.factory.closed(self)
