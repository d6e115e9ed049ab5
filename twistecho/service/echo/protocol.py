"""One connection of the echo service: read bytes become messages, and each gets a reply.

The state of a connection is one number, see `state`. At 0 a message is its own reply and is sent
back at once. Otherwise the scenario decides, and the reply is written at once if no reply is
pending, or waits in the queue until it is due.
"""

from collections import deque

from twisted.internet.interfaces import IFileDescriptorReceiver, IHandshakeListener
from twisted.python.failure import Failure
from zope.interface import implementer

from twistecho.base.log_lines import where
from twistecho.base.reply_formats import MESSAGE_SIZE, messages_of
from twistecho.service.scenario.cutters import Cutter
from twistecho.service.scenario.decision import BANNER, Decision
from twistecho.service.scenario.fault import IN_ONE_PIECE, Fault, Kind
from twistecho.service.scenario.framing import ReplyTooLongError

from .connection import Connection, ends_connection
from .limits import GUARANTEED
from .pacing import Pace
from .reply_queue import Reply, ReplyQueue
from .state import (
    BROKEN,
    CLOSING,
    ENDED,
    FULL,
    HELD,
    IN_THE_WAY,
    LAST,
    LOGGED,
    ONLY_WAITING,
    PAUSED,
    RECORDED,
    STOPPING,
    UNCUT,
    WAITING,
    WRITTEN,
)
from .transports import close_passed, shakes_hands

PAYLOAD_SHOWN = 80
"""How many bytes of each read are logged, where payload is logged."""

MESSAGES_OF_READ = 64
"""How many messages are cut before room is checked again: those of 1024 bytes in one full read.

One read may hold as many messages as bytes. Cut all at once, they would take many times its memory.
"""

MESSAGES_AT_ONCE = 512
"""How many messages of a connection are cut before others are served."""


@implementer(IFileDescriptorReceiver, IHandshakeListener)
class EchoProtocol(Connection):
    """One connection of the echo service: read bytes become messages, and each gets a reply."""

    __slots__ = ()

    @ends_connection
    def connectionMade(self) -> None:
        """Begin: hold the connection if it is delayed, else read; send the banner."""
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
        if connections.scenario.banner and not shakes_hands(transport):
            self._greet()

    @ends_connection
    def handshakeCompleted(self) -> None:
        """Send the banner: TLS cannot send it before the handshake. See `IHandshakeListener`."""
        if self._connections.scenario.banner:
            self._greet()

    def _prepare_to_fail(self) -> None:
        self._send_at_once()
        if self._connections.refuses(self):
            self.abort()
        elif self._connections.scenario.bandwidths:
            self._connections.bound(self)

    def _greet(self) -> None:
        """Send the banner, with its delay and fault."""
        connections = self._connections
        if self._state & CLOSING:
            return
        now, scenario, decision = connections.now(), connections.scenario, connections.greet(self)
        reply = self._reply(decision, BANNER)
        queue = self._queue or self._make_queue()
        queue.put(now + decision.delay, scenario.banner, reply)
        self._begin_replies([(scenario.banner, reply)], now)

    def replyEagerly(self, data: bytes) -> bytes | None:
        """Take one read; return its reply if that is to be sent at once. See `eagerreactor`."""
        try:
            state, size, connections = self._state, len(data), self._connections
            if not state and size <= connections.write_buffer:
                # The reply is the same bytes, however they are cut into messages.
                self._messages += -(-size // MESSAGE_SIZE)
                self._echoed += size
                return data
            self._received += size
            if state & IN_THE_WAY or not 0 < size <= MESSAGE_SIZE:
                self._take_read(data)
            else:
                number = self._messages
                delay = connections.plain_delay(self, number, data)
                if delay and state == WRITTEN and connections.several_may_wait:
                    self._messages = number + 1
                    self._wait_alone(data, connections.now() + delay)
                else:
                    return self._take_message(data, delay)
        except Exception:  # noqa: BLE001 - as `ends_connection`, without its call on every read
            self._fail()
        return None

    @ends_connection
    def dataReceived(self, data: bytes) -> None:
        """Take one read: reply at once if no reply is pending, else queue."""
        reply = EchoProtocol.replyEagerly(self, data)
        if reply is not None:
            self.transport.write(reply)

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Close a descriptor passed over a Unix socket. See `IFileDescriptorReceiver`."""
        close_passed(descriptor, self._connections.occasionally, self.peer)

    def _take_message(self, message: bytes, delay: float | None) -> bytes | None:
        """Take one message, in a state where only earlier messages can delay it.

        Return the reply if it is to be sent at once. ``delay`` is the message's `plain_delay`.
        """
        connections, number = self._connections, self._messages
        if delay is None:
            decision = connections.decide(self, number, message)
            if self._changes_at_once(decision):
                self._messages = number + 1
                return self._changed(message, decision.fault, number)
            if not decision.is_plain or connections.answer is not None:
                self._queue_up([message], decision)
                return None
            delay = decision.delay
        self._messages = number + 1
        if self._state == WRITTEN:
            if not (delay or connections.delays_replies):
                reply = connections.write_reply(message)
                self._sent += len(reply)
                return reply
            if delay and connections.several_may_wait:
                self._wait_alone(message, connections.now() + delay)
                return None
        now, queue = connections.now(), self._queue or self._make_queue()
        queue.put(now + delay, message, None)
        self._queued(queue, now)
        return None

    def _changes_at_once(self, decision: Decision) -> bool:
        """Return whether a fault only changes the bytes of a reply that is sent at once."""
        fault, connections = decision.fault, self._connections
        return (
            fault is not None
            and fault.kind in IN_ONE_PIECE
            and self._state == WRITTEN
            and not (decision.delay or connections.delays_replies)
            and not (decision.close or decision.content is not None or connections.answer)
        )

    def _changed(self, message: bytes, fault: Fault | None, number: int) -> bytes:
        """Return the reply to a message, changed by its fault."""
        connections = self._connections
        reply = connections.write_reply(message)
        if fault is not None:
            [reply] = connections.scenario.pieces(fault, reply, self.number, number)
        self._sent += len(reply)
        return reply

    def _wait_alone(self, message: bytes, due: float) -> None:
        """Queue a reply where no other is pending, so that no limit can be reached."""
        self._state = ONLY_WAITING
        (self._queue or self._make_queue()).put_only(due, message)
        self._connections.timers.set(self, due)

    def _take_read(self, data: bytes) -> None:
        """Take one read in any state."""
        if self._state & LOGGED:
            shown = data[:PAYLOAD_SHOWN]
            self._log.info("{peer} sent {data!r}", peer=where(self.peer), data=shown)
        if self._inflow is not None:
            self._await_more(self._inflow, len(data))
        if self._state & STOPPING:
            data = data[: self._allowance]
            self._allowance -= len(data)
        if data and not self._state & (CLOSING | BROKEN):
            if self._cutter is not None:
                self._cut(self._cutter, data)
            else:
                self._queue_up(messages_of(data), self._connections.same_for_all)
        elif self._state & STOPPING:
            self._close_if_done()

    def _await_more(self, inflow: Pace, size: int) -> None:
        """Pause reading until the bandwidth allows more bytes."""
        now = self._connections.now()
        inflow.take(size, now)
        after = inflow.next_at(1)
        if after > now:
            if self._queue is None:
                self._make_queue()  # before the hold, which must not delay replies
            self._hold(after)

    def _cut(self, cutter: Cutter, data: bytes) -> None:
        """Take the messages that the data completes, as long as there is room for them."""
        connections, left = self._connections, MESSAGES_AT_ONCE
        count = min(MESSAGES_OF_READ, connections.waiting_messages)
        while True:
            messages = cutter.feed(data, count)
            data = b""
            self._charge_unfinished(cutter.pending)
            self._state = self._state & ~UNCUT | (UNCUT if cutter.more else 0)
            if messages:
                self._queue_up(messages, connections.same_for_all)
            left -= len(messages)
            if left <= 0 or not self._may_cut():
                break
        if self._state & CLOSING:
            return
        if cutter.broken is not None:
            self._end_broken(cutter.broken)
        elif self._state & (UNCUT | PAUSED | ENDED | STOPPING):
            self._advance(connections.now())
        elif self._unfinished > GUARANTEED:
            self._gate()

    def _cut_on(self) -> None:
        """Take more messages from the read bytes, if there is room for them now."""
        if self._cutter is not None and self._may_cut():
            self._cut(self._cutter, b"")

    def _may_cut(self) -> bool:
        """Return whether the read bytes may hold more messages, and there is room for them."""
        state = self._state
        return bool(state & UNCUT) and not state & (HELD | FULL | CLOSING) and self._has_room()

    def _end_broken(self, reason: str) -> None:
        """Answer the messages before the bytes that cannot be cut, then end the connection."""
        now, queue = self._connections.now(), self._queue or self._make_queue()
        self._state |= BROKEN
        self._connections.count_broken(self.peer, reason)
        reply = Reply(self._messages, content=b"", ending=Kind.RESET)
        reply.pieces = deque()  # nothing is sent, not even the length of an empty reply
        queue.put(now, b"", reply)
        self._begin_replies([(b"", reply)], now)

    def _queue_up(self, messages: list[bytes], decided: Decision | None) -> None:
        """Queue messages; decide about each one, unless ``decided`` is given for all."""
        connections, begun, first = self._connections, [], self._messages
        now, queue = connections.now(), self._queue or self._make_queue()
        for number, message in enumerate(messages, first):
            if self._state & LAST:
                break
            decision = decided or connections.decide(self, number, message)
            said, reply = message, None
            if not decision.is_plain or connections.answer is not None:
                said = message if decision.content is None else decision.content
                reply = self._reply(decision, number)
                begun.append((message, reply))
            queue.put(now + decision.delay, said, reply)
        self._messages += len(messages)
        if self._state & RECORDED:  # last: a listener may change the scenario
            for number, message in enumerate(messages, first):
                connections.received.add(self.number, number, message)
        if begun:
            self._begin_replies(begun, now)
        else:
            self._queued(queue, now)

    def _reply(self, decision: Decision, number: int) -> Reply:
        """Make a `Reply` by a decision that is not plain."""
        pieces, ending = self._connections.scenario.pieces, Kind.CLOSE if decision.close else None
        reply = Reply(number, decision.fault, pieces, decision.content, ending=ending)
        if reply.ending is not None:
            self._state |= LAST
        return reply

    def _queued(self, queue: ReplyQueue, now: float) -> None:
        """Write the queued replies that are due, or set the timer for the first one."""
        due, first = queue.entries[0][0], not self._state & WAITING
        self._state |= WAITING
        if due <= now:
            self._advance(now)
            return
        # Below this no limit can be reached: every queue may hold more than is guaranteed.
        connections = self._connections
        if queue.cost > GUARANTEED or len(queue.entries) >= connections.waiting_messages:
            self._gate()
        if first:
            connections.timers.set(self, due)

    def _begin_replies(self, begun: list[tuple[bytes, Reply]], now: float) -> None:
        """Start the stalls and the user's answers of messages that have just been queued.

        All must be queued before: an answer that returns at once may write replies.
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
        if failure.check(ReplyTooLongError):
            self._end_too_long()
        elif not self._state & CLOSING:
            self._log.failure(
                "Closing a connection: the answer to a message failed", failure=failure
            )
            # Close first: answers that are then cancelled fail without a log line.
            self._close()
            self._forget()
