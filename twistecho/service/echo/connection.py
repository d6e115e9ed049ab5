"""One connection: what waits, what leaves, whether its peer is read from, and how it ends.

A connection's bytes pass through three states, all bounded by `Limits`:

    read -> queue of replies -> write buffer -> peer

A write buffer is charged once it is full, so that a message that leaves at once costs nothing more.
The more connections are open, the sooner it is full: see `write_buffer_of`.

A peer is not read from while the queue or the write buffer is full, while the connection is held
until a time, or while the budget that all connections share is spent. What is read becomes
messages, and these wait, in `protocol`.
"""

import sys
from collections.abc import Callable
from math import inf
from typing import TypeVar, cast

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twistecho.base.log_lines import where
from twistecho.base.sockets import unsent
from twistecho.service.scenario.cutters import Cutter
from twistecho.service.scenario.fault import Kind
from twistecho.service.scenario.faults import Bandwidth
from twistecho.service.scenario.framing import ReplyTooLongError

from .counters import Counts
from .limits import GUARANTEED
from .open_connections import Connections
from .pacing import Outflow, Pace, pace_of
from .reply_queue import ReplyQueue, Write
from .state import (
    ABORTED,
    BROKEN,
    CLOSING,
    ENDED,
    FRAMED,
    FULL,
    HELD,
    ONLY_WAITING,
    PACED,
    PAUSED,
    STEERED,
    STOPPING,
    UNCUT,
    WAITING,
    WRITTEN,
)
from .transports import (
    EchoTransport,
    amid_record,
    buffer_at_most,
    is_wrapped,
    read_little,
    reset_when_flushed,
    send_at_once,
    unread,
)
from .watching import Watched

FIRST_MESSAGE = 0.5
"""Seconds for which a stopping service waits for the first message of a new connection."""

_Method = TypeVar("_Method", bound=Callable[..., None])


def ends_connection(method: _Method) -> _Method:
    """Have whatever a method raises end its connection, and no other, with one line in the log."""

    def guarded(self: "Connection", *arguments: object) -> None:
        try:
            method(self, *arguments)
        except Exception:  # noqa: BLE001 - see the docstring
            self._fail()

    guarded.__doc__ = method.__doc__
    return cast("_Method", guarded)


@implementer(IHalfCloseableProtocol, IPushProducer)
class Connection(Watched, Protocol):
    """One connection among ``connections``, with the address of its ``peer``.

    It is the streaming producer of its own transport, which pauses and resumes it as the write
    buffer fills and empties.
    """

    # What every message asks for is found at once in a slot.
    __slots__ = (
        "_accounted", "_allowance", "_charged", "_connections", "_cutter", "_echoed", "_framing",
        "_held_until", "_inflow", "_messages", "_outflow", "_queue", "_received", "_sent", "_state",
        "_unfinished", "connected", "delays", "factory", "number", "peer", "transport", "turns",
        "wake_at",
    )  # fmt: skip

    transport: EchoTransport  # type: ignore[assignment]  # ITransport names too little

    _log = Logger()

    def __init__(self, connections: Connections, peer: object) -> None:
        self.connected = 0  # this and the next two are Twisted's
        self.transport = None  # type: ignore[assignment]  # until makeConnection
        self.factory = None
        self.number = 0  # counted from 0 in the order of accept
        self.peer = peer
        self.wake_at = inf  # see `Timed`
        self._connections = connections
        self._state = connections.state
        self._queue: ReplyQueue | None = None  # from when something first had to wait
        self._framing = connections.scenario.framing
        self._cutter: Cutter | None = None
        if self._state & FRAMED:
            self._cutter = self._framing.cutter(connections.limits.longest_message)
        self._inflow: Pace | None = None  # this and the next where the bandwidth is bounded
        self._outflow: Outflow | None = None
        self._unfinished = 0  # bytes of an unfinished message that the common budget counts
        self.turns: dict[int, int] | None = None  # see `Scenario.decide`
        self.delays: tuple[float, ...] | None = None  # see `scenario.deciding.Delayed`
        self._held_until = 0.0
        self._allowance = 0  # bytes still to be answered before stopping
        self._charged = 0  # bytes of the write buffer that the common budget is charged with
        self._quiet = 0.0  # this and the next two are those of `Watched`
        self._seen = 0
        self._unread = 0
        self._messages = 0
        # What the counts of all connections have not been told yet.
        self._accounted = 0  # messages that they have been
        self._echoed = 0  # bytes received and sent
        self._received = 0
        self._sent = 0

    # What leaves

    def wake(self, now: float) -> float | None:
        """Write the replies that are due; say when to be woken next. See `Timers`."""
        try:
            queue = self._queue
            if self._state == ONLY_WAITING and queue is not None:
                message = queue.take_only(now)
                if message is not None:
                    self._state = WRITTEN
                    reply = self._connections.write_reply(message)
                    self._sent += len(reply)
                    self.transport.write(reply)
                    return None
            self._release(now)
            if self._state & UNCUT:
                self._cut_on()
            return self._next_time()
        except Exception:  # noqa: BLE001 - as `ends_connection`
            self._fail()
            return None

    def _advance(self, now: float) -> None:
        """Write the replies that are due, and be woken for the next one."""
        self._release(now)
        at = self._next_time()
        if at is not None:
            self._connections.timers.set(self, at)

    def _release(self, now: float) -> None:
        """Write the replies that are due, no more at a time than the write buffer should hold."""
        connections, queue = self._connections, self._queue
        if now >= self._held_until:
            self._state &= ~HELD
        gone = self._outflow is None or self._flow(self._outflow, now)
        while queue is not None and gone and not self._state & (FULL | CLOSING):
            batch = queue.take(now, connections.write_buffer)
            if not batch:
                break
            gone = self._send(batch[0] if len(batch) == 1 else b"".join(batch), now)
        if queue is not None and gone and not self._state & CLOSING:
            if queue.ending is not None:
                self._end(queue.ending)
            elif not queue.entries:
                self._state &= ~WAITING
                if self._state & FRAMED:
                    connections.budget.finished(self)
        connections.give_turns()
        if self._state & (WAITING | PAUSED | UNCUT):
            self._gate()
        if self._state & (ENDED | STOPPING):
            self._close_if_done()

    def _send(self, replies: bytes, now: float) -> bool:
        """Write replies, at their pace if they have one; say whether all of them have gone."""
        self._sent += len(replies)
        if self._outflow is not None:
            self._outflow.write(replies)
            return self._flow(self._outflow, now)
        self.transport.write(replies)
        return True

    def _flow(self, outflow: Outflow, now: float) -> bool:
        """Write what may go now of what goes at a pace; say whether that was all."""
        if not self._state & (FULL | CLOSING):
            portion = outflow.portion(now)
            if portion:
                self.transport.write(portion)
        return not outflow

    def pace(self, bandwidth: Bandwidth) -> None:
        """Have no more than a bandwidth from now on; what is written already counts for it."""
        pending = b"" if self._outflow is None else self._outflow.pending
        self._outflow = None if bandwidth.outward is None else Outflow(bandwidth.outward, pending)
        if pending and self._outflow is None:
            self.transport.write(pending)
        self._inflow = pace_of(bandwidth.inward)
        bounded = self._inflow is not None or self._outflow is not None
        self._state = self._state | PACED if bounded else self._state & ~PACED
        self.fit_buffer()

    def _next_time(self) -> float | None:
        """Say when to be woken next: for no reply while the write buffer is full."""
        if self._state & UNCUT and self._may_cut():
            return self._connections.now()
        due = None
        if self._outflow and not self._state & (FULL | CLOSING):
            due = self._outflow.next_at
        elif self._queue is not None and not self._state & (FULL | CLOSING):
            due = self._queue.next_due
        if self._state & HELD and (due is None or self._held_until < due):
            return self._held_until
        return due

    def _cut_on(self) -> None:
        """Take more messages of what has been read, if there is room for them now."""

    def _may_cut(self) -> bool:
        """Say whether there may be more messages in what has been read, and room for them."""
        return False

    def _make_queue(self) -> ReplyQueue:
        """Make the queue: no reply is due before the connection's delay is over."""
        wrap = self._framing.wrap if self._framing.wraps else None
        self._queue = ReplyQueue(
            self._connections, self.number, self._held_until, self._writer(), wrap
        )
        return self._queue

    def _writer(self) -> Write:
        """Give what writes the reply to a message here."""
        write = self._connections.write_reply
        if not self._framing.wraps:
            return write
        wrap = self._framing.wrap
        return lambda message: wrap(write(message))

    def steer(self, *, rewrite: bool) -> None:
        """Treat the messages that come from now on as the service's scenario says now.

        ``rewrite`` says whether replies are written otherwise.
        """
        self._state = self._state & ~STEERED | self._connections.state & STEERED
        self.delays = None
        if self._queue is not None:
            self._queue.go_on(self._writer() if rewrite else None)
        if self._connections.may_fail:
            self._send_at_once()

    def _send_at_once(self) -> None:
        """Have the pieces of a reply leave one by one, and at their times."""
        send_at_once(self.transport)

    # Whether its peer is read from

    @ends_connection
    def pauseProducing(self) -> None:
        """Stop writing and reading: the transport's write buffer is full. See `IPushProducer`."""
        if not self._state & FULL:
            self._state |= FULL
            self._quiet = self._connections.now()
        self._charge_buffer(unsent(self.transport))
        self._gate()

    @ends_connection
    def resumeProducing(self) -> None:
        """Go on: the transport's write buffer is empty. See `IPushProducer`."""
        self._state &= ~FULL
        self._charge_buffer(0)
        self._advance(self._connections.now())

    def stopProducing(self) -> None:
        """Do nothing: `connectionLost` follows. See `IPushProducer`."""

    def fit_buffer(self) -> None:
        """Have the transport call pauseProducing, and read, at no more than may be buffered."""
        if self._inflow is None:
            buffer_at_most(self.transport, self._connections.write_buffer)
        else:
            read_little(self.transport, min(self._connections.write_buffer, self._inflow.bucket))

    def _charge_buffer(self, buffered: int) -> None:
        """Have the common budget know what stands in the write buffer."""
        self._connections.budget.used += buffered - self._charged
        self._charged = buffered

    def _charge_unfinished(self, held: int) -> None:
        """Have the common budget know what is held of an unfinished message."""
        self._connections.budget.used += held - self._unfinished
        self._unfinished = held

    def _hold(self, until: float, *, reading: bool = False) -> None:
        """Hold it until a time, or a later one that is set already; by default without reading."""
        self._state |= HELD
        self._held_until = max(self._held_until, until)
        if not reading:
            self._gate()
        self._connections.timers.set(self, self._held_until)

    def _gate(self) -> None:
        """Read from the peer exactly while there is room for what it says."""
        paused = bool(self._state & (HELD | FULL | BROKEN | UNCUT)) or not self._has_room()
        if paused == bool(self._state & PAUSED) or self._state & (ENDED | CLOSING):
            return
        if paused:
            self._state |= PAUSED
            self.transport.pauseProducing()
        else:
            self._state &= ~PAUSED
            self.transport.resumeProducing()

    def _has_room(self) -> bool:
        """Say whether one read more may wait; if only others are in its way, wait for a turn."""
        connections, queue = self._connections, self._queue
        # What is to be cut yet has been read: its messages take its place.
        unfinished = 0 if self._state & UNCUT else self._unfinished
        cost = unfinished
        if queue is not None:
            if queue.cost > connections.queue or len(queue.entries) >= connections.waiting_messages:
                return False
            cost += queue.cost
        budget = connections.budget
        if cost > GUARANTEED and budget.spent:
            return budget.wait(self, amid_message=unfinished > GUARANTEED)
        return True

    def take_turn(self) -> None:
        """Read again: the common budget has room. See `limits.Reader`."""
        self._gate()
        if self._state & UNCUT:
            self._connections.timers.set(self, self._connections.now())

    @ends_connection
    def sweep(self, now: float) -> None:
        """Drop a peer that has been idle, or has refused to read, for too long. See `Sweep`."""
        state = self._state
        if state & ABORTED:
            return
        limits = self._connections.limits
        if self._unread:  # what is buffered, also where it does not fill the buffer
            self._charge_buffer(unsent(self.transport))
        reason = self._look(now, limits, self._messages, state, self.transport)
        if state & FRAMED and not state & WAITING and limits.stall:
            held = self._connections.budget.unchanged(self, self._unfinished, now)
            reason = "unfinished" if held >= limits.stall else reason
        if reason is not None:
            self._connections.drop(self, reason)

    # How it ends

    @ends_connection
    def readConnectionLost(self) -> None:
        """Note the peer's FIN: answer what is pending, then close. See `IHalfCloseableProtocol`."""
        self._state |= ENDED
        self._close_if_done()

    def writeConnectionLost(self) -> None:
        """Do nothing: this side never closes half. See `IHalfCloseableProtocol`."""

    @ends_connection
    def drain(self) -> None:
        """Answer what has reached this host until now, then close."""
        if not self._state & STOPPING:
            self._state |= STOPPING
            most = self._connections.limits.waiting_bytes
            self._allowance = unread(self.transport, most)
            if is_wrapped(self.transport) and (self._allowance or amid_record(self.transport)):
                self._allowance = most  # a part of a record stands for all of it
            if not (self._allowance or self._messages or self._state & HELD):
                self._wait_for_first_message()
            self._close_if_done()

    def _wait_for_first_message(self) -> None:
        """Give a client that has only connected yet a moment: its message may be on its way."""
        self._allowance = self._connections.limits.waiting_bytes
        # Over TLS there would be no handshake without reading.
        until = self._connections.now() + FIRST_MESSAGE
        self._hold(until, reading=is_wrapped(self.transport))

    def _close_if_done(self) -> None:
        if self._state & (WAITING | HELD | CLOSING | UNCUT):
            return
        most = self._connections.limits.waiting_bytes
        if self._state & ENDED or not (unread(self.transport, most) or amid_record(self.transport)):
            self._close()
        elif is_wrapped(self.transport):
            # What is read may be no message, and then nobody would look again.
            self._connections.timers.set(self, self._connections.now() + FIRST_MESSAGE)

    def _close(self) -> None:
        """Flush what is written, then close. Queued replies are the caller's business."""
        self._state |= CLOSING
        # A transport with a producer waits for it before it closes.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _end(self, ending: Kind) -> None:
        """Drop what is still pending; end the connection once all before has been sent."""
        if ending is Kind.CLOSE and is_wrapped(self.transport):
            self.transport.resumeProducing()  # TLS waits until its peer has closed too
        else:
            self.transport.pauseProducing()
        if ending is Kind.CLOSE:
            self._close()
        else:
            self._state |= CLOSING
            reset_when_flushed(self.transport)
        self._forget()

    def _fail(self) -> None:
        """End the connection, from an exception handler."""
        if isinstance(sys.exception(), ReplyTooLongError):
            self._end_too_long()
            return
        self._log.failure("The connection of {peer} failed and is ended", peer=where(self.peer))
        self._connections.tally.dropped["failed"] += 1
        self.abort()

    def _end_too_long(self) -> None:
        """End the connection before a reply that cannot be: its peer chose how long."""
        if not self._state & CLOSING:
            self._connections.count_broken(self.peer, "reply-too-long")
            self._end(Kind.RESET)

    def abort(self) -> None:
        """End the connection with a reset, whatever is pending."""
        self._state |= CLOSING | ABORTED
        self.transport.abortConnection()

    def _forget(self) -> None:
        """Drop what is queued, and the wish to be woken for it."""
        self._state &= ~(HELD | WAITING | UNCUT)
        self._cutter = None
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.forget()
        if self._charged:
            self._charge_buffer(0)
        if self._unfinished:
            self._charge_unfinished(0)
        self._connections.forget(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 - Twisted's
        """Leave nothing behind."""
        self._state |= CLOSING
        self._forget()
        self._connections.leave(self)

    # What has been counted

    @property
    def messages(self) -> int:
        """How many messages have come."""
        return self._messages

    @property
    def waiting(self) -> int:
        """How many replies wait in the queue."""
        return 0 if self._queue is None else len(self._queue.entries)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes the queue counts for."""
        return 0 if self._queue is None else self._queue.cost

    def account(self) -> None:
        """Have the counts of all connections know what was done until now."""
        self.uncounted(self._connections.tally)
        self._accounted = self._messages
        self._echoed = self._received = self._sent = 0

    def uncounted(self, counts: Counts) -> None:
        """Add what was done since `account`."""
        counts.messages += self._messages - self._accounted
        counts.bytes_in += self._echoed + self._received
        counts.bytes_out += self._echoed + self._sent
