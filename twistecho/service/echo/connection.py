"""One connection: pending replies, writing, whether reading is paused, and how it ends.

A connection's bytes pass through three states, all bounded by `Limits`:

    read -> queue of replies -> write buffer -> peer

The shared budget counts a write buffer only once it is full, so that a reply that leaves at once
costs nothing more. The more connections are open, the less a full buffer holds: see
`write_buffer_of`.

Reading from a peer stops while the queue or the write buffer is full, while the connection is held
until a time, or while the budget that all connections share is spent. `protocol` turns the read
bytes into messages and queues their replies.
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
    """Wrap a method: an exception ends its connection alone, and is logged."""

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

    # Slots: every message reads these attributes, and slots are the fastest.
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
        self._queue: ReplyQueue | None = None  # made when a reply first has to wait
        self._framing = connections.scenario.framing
        self._cutter: Cutter | None = None
        if self._state & FRAMED:
            self._cutter = self._framing.cutter(connections.limits.longest_message)
        self._inflow: Pace | None = None  # this and the next only where the bandwidth is limited
        self._outflow: Outflow | None = None
        self._unfinished = 0  # bytes of an unfinished message that the shared budget counts
        self.turns: dict[int, int] | None = None  # see `Scenario.decide`
        self.delays: tuple[float, ...] | None = None  # see `scenario.deciding.Delayed`
        self._held_until = 0.0
        self._allowance = 0  # bytes still to be answered before stopping
        self._charged = 0  # bytes of the write buffer that the shared budget counts
        self._quiet = 0.0  # this and the next two belong to `Watched`
        self._seen = 0
        self._unread = 0
        self._messages = 0
        # Not yet added to the counts of all connections, except the accounted messages.
        self._accounted = 0  # messages that are added already
        self._echoed = 0  # bytes received and sent unchanged
        self._received = 0
        self._sent = 0

    # Writing

    def wake(self, now: float) -> float | None:
        """Write the replies that are due; return the next time to wake. See `Timers`."""
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
        """Write the replies that are due, and set the timer for the next one."""
        self._release(now)
        at = self._next_time()
        if at is not None:
            self._connections.timers.set(self, at)

    def _release(self, now: float) -> None:
        """Write the replies that are due, at most a write buffer at a time."""
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
        """Write replies, at their pace if they have one; return whether all were written."""
        self._sent += len(replies)
        if self._outflow is not None:
            self._outflow.write(replies)
            return self._flow(self._outflow, now)
        self.transport.write(replies)
        return True

    def _flow(self, outflow: Outflow, now: float) -> bool:
        """Write the paced bytes that may leave now; return whether none are left."""
        if not self._state & (FULL | CLOSING):
            portion = outflow.portion(now)
            if portion:
                self.transport.write(portion)
        return not outflow

    def pace(self, bandwidth: Bandwidth) -> None:
        """Limit the bandwidth from now on, also for paced bytes that have not left."""
        pending = b"" if self._outflow is None else self._outflow.pending
        self._outflow = None if bandwidth.outward is None else Outflow(bandwidth.outward, pending)
        if pending and self._outflow is None:
            self.transport.write(pending)
        self._inflow = pace_of(bandwidth.inward)
        bounded = self._inflow is not None or self._outflow is not None
        self._state = self._state | PACED if bounded else self._state & ~PACED
        self.fit_buffer()

    def _next_time(self) -> float | None:
        """Return the next time to wake; no reply is due while the write buffer is full."""
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
        """Take more messages from the read bytes, if there is room for them now."""

    def _may_cut(self) -> bool:
        """Return whether the read bytes may hold more messages, and there is room for them."""
        return False

    def _make_queue(self) -> ReplyQueue:
        """Make the queue: no reply is due before the connection's delay is over."""
        wrap = self._framing.wrap if self._framing.wraps else None
        self._queue = ReplyQueue(
            self._connections, self.number, self._held_until, self._writer(), wrap
        )
        return self._queue

    def _writer(self) -> Write:
        """Return the function that writes the reply to a message."""
        write = self._connections.write_reply
        if not self._framing.wraps:
            return write
        wrap = self._framing.wrap
        return lambda message: wrap(write(message))

    def steer(self, *, rewrite: bool) -> None:
        """Apply the service's new scenario to the messages that arrive from now on.

        ``rewrite`` is whether the function that writes replies has changed.
        """
        self._state = self._state & ~STEERED | self._connections.state & STEERED
        self.delays = None
        if self._queue is not None:
            self._queue.go_on(self._writer() if rewrite else None)
        if self._connections.may_fail:
            self._send_at_once()

    def _send_at_once(self) -> None:
        """Send each piece of a reply by itself and at once."""
        send_at_once(self.transport)

    # Whether to read from the peer

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
        """Set the buffer size of the transport, which also bounds one read."""
        if self._inflow is None:
            buffer_at_most(self.transport, self._connections.write_buffer)
        else:
            read_little(self.transport, min(self._connections.write_buffer, self._inflow.bucket))

    def _charge_buffer(self, buffered: int) -> None:
        """Count the bytes in the write buffer in the shared budget."""
        self._connections.budget.used += buffered - self._charged
        self._charged = buffered

    def _charge_unfinished(self, held: int) -> None:
        """Count the bytes of an unfinished message in the shared budget."""
        self._connections.budget.used += held - self._unfinished
        self._unfinished = held

    def _hold(self, until: float, *, reading: bool = False) -> None:
        """Hold the connection until a time, or a later one already set; pause reading meanwhile.

        ``reading`` leaves reading on.
        """
        self._state |= HELD
        self._held_until = max(self._held_until, until)
        if not reading:
            self._gate()
        self._connections.timers.set(self, self._held_until)

    def _gate(self) -> None:
        """Pause or resume reading: read exactly while there is room for more messages."""
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
        """Return whether there is room for one more read; wait for a turn if only others use it."""
        connections, queue = self._connections, self._queue
        # Bytes still to be cut count already: their messages will take their place.
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
        """Read again: the shared budget has room. See `admission.Reader`."""
        self._gate()
        if self._state & UNCUT:
            self._connections.timers.set(self, self._connections.now())

    @ends_connection
    def sweep(self, now: float) -> None:
        """Drop the connection of a peer that was idle, or did not read, too long. See `Sweep`."""
        state = self._state
        if state & ABORTED:
            return
        limits = self._connections.limits
        if self._unread:  # count a buffer that is not full too
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
        """Handle the peer's FIN: send pending replies, then close. See `IHalfCloseableProtocol`."""
        self._state |= ENDED
        self._close_if_done()

    def writeConnectionLost(self) -> None:
        """Do nothing: this side never half-closes. See `IHalfCloseableProtocol`."""

    @ends_connection
    def drain(self) -> None:
        """Answer the bytes that have reached this host until now, then close."""
        if not self._state & STOPPING:
            self._state |= STOPPING
            most = self._connections.limits.waiting_bytes
            self._allowance = unread(self.transport, most)
            if is_wrapped(self.transport) and (self._allowance or amid_record(self.transport)):
                self._allowance = most  # how many bytes a record decrypts to is not known yet
            if not (self._allowance or self._messages or self._state & HELD):
                self._wait_for_first_message()
            self._close_if_done()

    def _wait_for_first_message(self) -> None:
        """Wait a moment for a client without a message: its first one may be on its way."""
        self._allowance = self._connections.limits.waiting_bytes
        # TLS cannot finish its handshake without reading.
        until = self._connections.now() + FIRST_MESSAGE
        self._hold(until, reading=is_wrapped(self.transport))

    def _close_if_done(self) -> None:
        if self._state & (WAITING | HELD | CLOSING | UNCUT):
            return
        most = self._connections.limits.waiting_bytes
        if self._state & ENDED or not (unread(self.transport, most) or amid_record(self.transport)):
            self._close()
        elif is_wrapped(self.transport):
            # The bytes may decrypt to no message, and then nothing else would check again.
            self._connections.timers.set(self, self._connections.now() + FIRST_MESSAGE)

    def _close(self) -> None:
        """Flush the write buffer, then close. The caller deals with queued replies."""
        self._state |= CLOSING
        # A transport with a producer waits for it before it closes.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _end(self, ending: Kind) -> None:
        """Drop the pending replies; end the connection once the written ones have been sent."""
        if ending is Kind.CLOSE and is_wrapped(self.transport):
            self.transport.resumeProducing()  # TLS waits for its peer to close too
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
        self._log.failure("Ending the connection of {peer} after an error", peer=where(self.peer))
        self._connections.tally.dropped["failed"] += 1
        self.abort()

    def _end_too_long(self) -> None:
        """End the connection before a reply that is too long: its peer chose the length."""
        if not self._state & CLOSING:
            self._connections.count_broken(self.peer, "reply-too-long")
            self._end(Kind.RESET)

    def abort(self) -> None:
        """End the connection with a reset, without sending pending replies."""
        self._state |= CLOSING | ABORTED
        self.transport.abortConnection()

    def _forget(self) -> None:
        """Drop the queue, and the timer set for it."""
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
        """Release all that the connection holds."""
        self._state |= CLOSING
        self._forget()
        self._connections.leave(self)

    # Counts

    @property
    def messages(self) -> int:
        """The number of messages received."""
        return self._messages

    @property
    def waiting(self) -> int:
        """The number of replies in the queue."""
        return 0 if self._queue is None else len(self._queue.entries)

    @property
    def waiting_bytes(self) -> int:
        """The number of bytes that the queue counts for."""
        return 0 if self._queue is None else self._queue.cost

    def account(self) -> None:
        """Add this connection's traffic until now to the counts of all connections."""
        self.uncounted(self._connections.tally)
        self._accounted = self._messages
        self._echoed = self._received = self._sent = 0

    def uncounted(self, counts: Counts) -> None:
        """Add this connection's traffic since `account`."""
        counts.messages += self._messages - self._accounted
        counts.bytes_in += self._echoed + self._received
        counts.bytes_out += self._echoed + self._sent
