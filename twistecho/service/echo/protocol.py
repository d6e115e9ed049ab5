"""One connection of the echo service: what is read becomes messages, each message a reply.

What is in the way of a message is one number, see `state`. At 0 nothing is, and a message is its
own reply. Everything else goes the general way: the scenario decides, and the reply is written at
once where nothing is pending, or stands in the queue until its time.
"""

from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from twistecho.base.log_lines import where
from twistecho.base.reply_formats import MESSAGE_SIZE, messages_of
from twistecho.service.scenario.fault import Kind
from twistecho.service.scenario.framing import Cutter
from twistecho.service.scenario.scenario import BANNER, Decision

from .connection import Connection, ends_connection
from .limits import GUARANTEED
from .pacing import Pace
from .reply_queue import Reply, ReplyQueue
from .state import (
    BROKEN,
    CLOSING,
    IN_THE_WAY,
    LOGGED,
    ONLY_WAITING,
    RECORDED,
    STOPPING,
    WAITING,
    WRITTEN,
)
from .transports import close_passed, send_at_once

PAYLOAD_SHOWN = 80
"""How many bytes of a read are shown in the log, where payload is logged at all."""


@implementer(IFileDescriptorReceiver)
class EchoProtocol(Connection):
    """One connection of the echo service: what is read becomes messages, each message a reply."""

    __slots__ = ()

    @ends_connection
    def connectionMade(self) -> None:
        """Begin: hold the connection back if it is delayed, else read."""
        connections, transport = self._connections, self.transport
        self.number = connections.enter(self)
        if getattr(transport, "bufferSize", None) != connections.write_buffer:
            self.fit_buffer()
        transport.registerProducer(self, True)
        now = connections.now()
        self._quiet = now
        if connections.holds:
            self._hold(now + connections.scenario.hold(self.number))
        if connections.may_fail:
            self._prepare_to_fail()
        if connections.scenario.banner and not self._state & CLOSING:
            self._greet(now)

    def _prepare_to_fail(self) -> None:
        send_at_once(self.transport)
        if self._connections.refuses(self):
            self.abort()
        elif self._connections.scenario.bandwidths:
            self._connections.bound(self)

    def _greet(self, now: float) -> None:
        """Send the banner, as late and as wrongly as is asked."""
        scenario = self._connections.scenario
        decision = self._connections.greet(self)
        banner = self._framing.wrap(scenario.banner)
        reply = Reply(BANNER, decision.fault, scenario.pieces, banner)
        queue = self._queue or self._make_queue()
        queue.put(now + decision.delay, banner, reply)
        self._begin_replies([(banner, reply)], now)

    def replyEagerly(self, data: bytes) -> bytes | None:
        """Take what one read gave; give its reply if that is the same. See `eagerreactor`."""
        try:
            state, size, connections = self._state, len(data), self._connections
            if not state and size <= connections.write_buffer:
                # It is its own reply, however it is cut.
                self._messages += -(-size // MESSAGE_SIZE)
                self._echoed += size
                return data
            self._received += size
            if state & IN_THE_WAY or not 0 < size <= MESSAGE_SIZE:
                self._take_read(data)
            elif state == WRITTEN and connections.constant_delay:
                # As below, with nothing to decide, and no bound near.
                self._messages += 1
                self._state = ONLY_WAITING
                due = connections.now() + connections.constant_delay
                (self._queue or self._make_queue()).put_only(due, data)
                connections.timers.set(self, due)
            else:
                self._take_message(data)
        except Exception:  # noqa: BLE001 - as `ends_connection`, without its call on every read
            self._fail()
        return None

    @ends_connection
    def dataReceived(self, data: bytes) -> None:
        """Take what one read gave: reply at once where nothing is pending, else queue."""
        reply = EchoProtocol.replyEagerly(self, data)
        if reply is not None:
            self.transport.write(reply)

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Close what a peer of a Unix socket passes along. See `IFileDescriptorReceiver`."""
        close_passed(descriptor, self._connections.occasionally, self.peer)

    def _take_message(self, message: bytes) -> None:
        """Take one message, which nothing but those before it is in the way of."""
        connections = self._connections
        decision = connections.same_for_all
        if decision is None:
            decision = connections.decide(self, self._messages, message)
            if not decision.is_plain or connections.answer is not None:
                self._queue_up([message], decision)
                return
        self._messages += 1
        if self._state == WRITTEN and not (decision.delay or connections.delays_replies):
            reply = connections.write_reply(message)
            self._sent += len(reply)
            self.transport.write(reply)
            return
        now, queue = connections.now(), self._queue or self._make_queue()
        queue.put(now + decision.delay, message, None)
        self._queued(queue, now)

    def _take_read(self, data: bytes) -> None:
        """Take what one read gave, whatever is in its way."""
        if self._state & LOGGED:
            shown = data[:PAYLOAD_SHOWN]
            self._log.info("{peer} said {data!r}", peer=where(self.peer), data=shown)
        if self._inflow is not None:
            self._await_more(self._inflow, len(data))
        if self._state & STOPPING:
            data = data[: self._allowance]
            self._allowance -= len(data)
        messages: list[bytes] = []
        if data and not self._state & (CLOSING | BROKEN):
            messages = messages_of(data) if self._cutter is None else self._cut(self._cutter, data)
        if messages:
            self._queue_up(messages, self._connections.same_for_all)
        if self._cutter is not None and self._cutter.broken and not self._state & BROKEN:
            self._end_broken(self._cutter.broken)
        elif not messages and self._state & STOPPING:
            self._close_if_done()

    def _await_more(self, inflow: Pace, size: int) -> None:
        """Read no more until the bytes that have come are as old as their bandwidth asks."""
        now = self._connections.now()
        inflow.take(size, now)
        after = inflow.next_at(1)
        if after > now:
            if self._queue is None:
                self._make_queue()  # no reply waits for this
            self._hold(after)

    def _cut(self, cutter: Cutter, data: bytes) -> list[bytes]:
        """Give the messages that the data completes."""
        messages = cutter.feed(data)
        self._charge_unfinished(cutter.pending)
        if self._unfinished > GUARANTEED:
            self._gate()
        return messages

    def _end_broken(self, reason: str) -> None:
        """Answer what came before the bytes that are no message, then end the connection."""
        now, queue = self._connections.now(), self._queue or self._make_queue()
        self._state |= BROKEN
        self._connections.count_broken(self.peer, reason)
        reply = Reply(self._messages, content=b"")
        reply.ending = Kind.RESET
        queue.put(now, b"", reply)
        self._begin_replies([(b"", reply)], now)

    def _queue_up(self, messages: list[bytes], decided: Decision | None) -> None:
        """Queue messages, about which is decided one by one unless it is already."""
        connections, begun = self._connections, []
        now, queue = connections.now(), self._queue or self._make_queue()
        if self._state & RECORDED:
            for number, message in enumerate(messages, self._messages):
                connections.received.add(self.number, number, message)
        for message in messages:
            decision = decided or connections.decide(self, self._messages, message)
            said, reply = message, None
            if decision.content is not None:
                said = self._framing.wrap(decision.content)
            if not decision.is_plain or connections.answer is not None:
                reply = self._reply(decision, None if decision.content is None else said)
                begun.append((message, reply))
            self._messages += 1
            queue.put(now + decision.delay, said, reply)
        if begun:
            self._begin_replies(begun, now)
        else:
            self._queued(queue, now)

    def _reply(self, decision: Decision, content: bytes | None) -> Reply:
        """Make the reply to the next message, which is not just written from it."""
        pieces = self._connections.scenario.pieces
        return Reply(self._messages, decision.fault, pieces, content, close=decision.close)

    def _queued(self, queue: ReplyQueue, now: float) -> None:
        """Go on after messages have been queued: with those that are due, if any are."""
        due, first = queue.entries[0][0], not self._state & WAITING
        self._state |= WAITING
        if due <= now:
            self._advance(now)
            return
        # Below these no bound is near: what all are guaranteed is less than any queue may hold.
        connections = self._connections
        if queue.cost > GUARANTEED or len(queue.entries) >= connections.waiting_messages:
            self._gate()
        if first:
            connections.timers.set(self, due)

    def _begin_replies(self, begun: list[tuple[bytes, Reply]], now: float) -> None:
        """Begin what begins with its message: a stall, and the user's answer.

        All are queued before: an answer that is there at once may release.
        """
        answer = self._connections.answer
        self._state |= WAITING
        for _, reply in begun:
            reply.awaited = answer is not None and reply.content is None
            if reply.fault is not None and reply.fault.kind is Kind.STALL:
                self._hold(now + reply.fault.seconds)
        for message, reply in begun:
            if reply.awaited and answer is not None and self._queue is not None:
                self._queue.ask(answer, message, reply).addCallbacks(
                    lambda _: self._advance(self._connections.now()), self._not_answered
                ).addErrback(self._not_answered)
        if not self._state & CLOSING:
            self._advance(now)

    def _not_answered(self, failure: Failure) -> None:
        if not self._state & CLOSING:
            self._log.failure("answering a message; its connection is closed", failure=failure)
            # Closing first: the answers that are cancelled then fail without a word.
            self._close()
            self._forget()
