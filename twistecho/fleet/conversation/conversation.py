"""One client's side of the talk: what to send next, and is what came back right.

No input or output happens here. An engine reports what happened, with the time in seconds since
the run began, and does what it is told:

    connecting(now)                 before it connects
    connected(now)       -> bytes   to send
    begin(now)           -> bytes   to send, where the plan has a barrier: all have connected
    received(data, now)  -> bytes   to send next; none while there is nothing to send yet
    next_due                        when the next message is due, or None: wake it then
    wake(now)            -> bytes   to send: what is due by now
    finished                        all replies are in: send FIN, then wait for the other's; one
                                    who keeps the connection reports ``closed`` at once
    closed(now)                     the other side's FIN came
    reconnects                      that was a connection's end, and not the last one's: begin anew
                                    with ``connecting``
    lost(errno, now)                the system says that the connection broke, or was not made
    failed(reason, now)             a timeout and the like
    pending              -> int     to be set: how many bytes the system has not taken yet
    over                            the connection is: close it, or abort where it failed
    outcome                         set once the conversation is over

Each step (connecting, the oldest reply owed, closing) began at `step`; an engine that sees it last
longer than `step_timeout` reports ``failed("timeout", now)``. While nothing is waited for but
the time of the next message, `step` is infinite.

What happens while the system has taken only a part of a message is of the phase *send*: the engine
asks whether what it has not sent ``is_cut``, and says so with ``sending``. All else from the
connection on is of the phase *receive*, whichever call noticed it: whether a reset is found by
sending the next message or by waiting for its reply is a matter of microseconds.
"""

import errno
from collections.abc import Callable
from math import inf

from twistecho.fleet.plans.load import Load, LoadOf, load_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import (
    INTERRUPTED,
    Cause,
    Difference,
    Outcome,
    Phase,
    reason_of_errno,
)
from twistecho.fleet.reports.recorder import Recording

from .expected import ReplyReader, WireError
from .in_flight import InFlight, ReplyObserver
from .wire_timing import WireTiming

CLOSING = 2.0
"""Seconds, at most, to wait for the other side's FIN where a duration bounds the run."""

_RESET = (errno.ECONNRESET, errno.ECONNABORTED)


class Conversation:
    """One client's talk with the server, under a plan.

    ``recording`` is told how long everything took. ``on_reply`` sees each reply; where several
    were in flight, those that came in one piece with the first. ``reader`` checks the replies, by
    default as the plan's format has them; one of a dialogue gives the messages too. ``load`` gives
    what says when messages are due, by default as the plan has it.
    """

    __slots__ = (
        "_closed",
        "_connected",
        "_dialed",
        "_due",
        "_ends",
        "_flight",
        "_free",
        "_last",
        "_last_offer",
        "_limit",
        "_load",
        "_load_of",
        "_offered_from",
        "_only",
        "_phase",
        "_recording",
        "_started",
        "_until",
        "client",
        "connects",
        "next_due",
        "outcome",
        "over",
        "pending",
        "plan",
        "step",
    )

    def __init__(
        self,
        plan: Plan,
        client: int,
        recording: Recording,
        on_reply: ReplyObserver | None = None,
        reader: ReplyReader | None = None,
        *,
        load: LoadOf = load_of,
    ) -> None:
        self.plan = plan
        self.client = client
        self.outcome: Outcome | None = None
        self.step = 0.0
        self.pending: Callable[[], int] = int
        """Count the bytes that were given and that the system has not taken: the engine knows."""
        self.next_due: float | None = None
        self.over = False
        """Whether the connection is over, and closed: for good, or for the next one."""
        self.connects = 0
        """How many connections were made."""
        self._phase = Phase.CONNECT
        self._recording = recording
        self._flight = InFlight(plan, client, recording, on_reply, reader)
        self._started = self._dialed = self._closed = 0.0
        self._connected: float | None = None
        each = plan.messages_per_client
        self._last = inf if each is None else each
        self._limit = min(self._last, plan.reconnect or inf)
        """The number of the first message that this connection does not carry."""
        self._until = self._limit  # the next message that does not go the short way
        self._ends = inf
        self._only = plan.only_message_of(client)
        self._load_of = load
        self._load: Load | None = None  # until it begins
        if load is not load_of:
            self._flight.steady = False  # the next message may be due later than at once
        self._offered_from: float | None = None
        self._last_offer: float | None = None  # since when there is nothing more to send
        self._due: float | None = None  # of the next message, once that is known
        self._free = 0.0  # since when there has been room for one more in flight

    @property
    def messages(self) -> int:
        """How many messages were answered right."""
        return self._flight.messages

    @property
    def finished(self) -> bool:
        """Whether every reply has come, so that only the closing is left."""
        return self._phase is Phase.CLOSE and self.outcome is None

    @property
    def step_timeout(self) -> float:
        """Seconds that the present step may take."""
        timeout = self.plan.timeout
        bounded = self._phase is Phase.CLOSE and self._ends < inf and self._last_offer is not None
        return min(timeout, CLOSING) if bounded else timeout

    @property
    def reconnects(self) -> bool:
        """Whether the old connection has ended well, and the next one is to be made."""
        return self.over and self.outcome is None

    def connecting(self, now: float) -> None:
        """Note that the client begins to connect; where its time is over, that is the end."""
        self._dialed = self.step = now
        self.over = False
        if self.connects:
            return
        self._started = now
        if now >= self.plan.over_for(self.client):
            self._end(None, now)

    def connected(self, now: float, on_wire: float | None = None, *, kept: bool = False) -> bytes:
        """Note that the connection stands; give the first message, if it is due.

        ``on_wire`` is how long the system waited for the other side's answer, where it tells. One
        that was ``kept`` from an earlier run has taken no time that is measured.
        """
        if self._connected is None:
            self._connected = now
        self.connects += 1
        self._phase = Phase.RECEIVE
        took = now - self._dialed
        self._recording.connected(took, now, on_wire, early=kept or self._is_early)
        waited = took if on_wire is None else min(took, on_wire)
        if self._flight.timing is not None:
            first = self._load is None
            before = self.plan.turn_of(self.client) if first else self._flight.timing.ready
            self._flight.timing.ready = before + waited
        if self._load is not None:
            return self._go_on(now, self._dialed + waited)
        if self.plan.barrier:
            self.step = inf
            return b""
        return self._begin(0.0, self.plan.turn_of(self.client), now)

    @property
    def _is_early(self) -> bool:
        """Whether this connection is none of the load that is measured: where it is made anew."""
        if self.plan.reconnect is None:
            return False
        waits = self.plan.barrier and self._load is None
        return waits or self._dialed < self._recording.measured_from

    def _go_on(self, now: float, stood: float) -> bytes:
        """Go on over a connection that ``stood`` since then; give what is due by now."""
        handed = self._flight.handed
        self._limit = min(self._last, handed + (self.plan.reconnect or inf))
        self._until = self._limit if self._flight.timing is None else 0
        self._free = stood
        if self.plan.rate is None and self._due is not None:
            self._due = max(self._due, now)  # nobody was late for it
        return self.wake(now)

    def begin(self, now: float, opened: float | None = None) -> bytes:
        """Note that all clients have connected, or failed to; give the first message, if due.

        That was at ``opened``, from which all clients count; now, where it is left out.
        """
        if self._load is not None or self._phase is not Phase.RECEIVE:
            return b""
        zero = now if opened is None else opened
        return self._begin(zero, zero, now)

    def _begin(self, zero: float, schedule: float, now: float) -> bytes:
        """Begin to send: warm-up and duration count from ``zero``, a rate from ``schedule``."""
        plan = self.plan
        until = plan.sends_until(self.client)
        if until is not None:
            self._ends = zero + plan.warmup + until
        self._load = self._load_of(plan, self.client, schedule)
        self._free = now
        began = now if plan.rate is None else schedule
        self._offered_from = max(began, zero + plan.warmup) if plan.warmup else began
        return self.wake(now)

    def received(self, data: bytes, now: float) -> bytes:
        """Take what came back; give what to send next, which is empty while there is nothing.

        Where the bytes cannot be right the conversation has failed: see `outcome`.
        """
        flight = self._flight
        if data == flight.single:
            # The usual reply, and the next message at once: what `InFlight` would do, done here.
            size = len(data)
            self._recording.reply_in_turn(self.step, now, size)
            flight.struck_bytes += size
            flight.messages = messages = flight.messages + 1
            if messages < self._until and now < self._ends:
                self.step = now
                message = self._only
                if message is None:
                    message = flight.single = flight.message(messages)
                    size = len(message)
                flight.handed += 1
                flight.handed_bytes += size
                return message
            flight.single = b""
            if flight.timing is not None and flight.timing.running:
                flight.timing.answered(messages, (self.step,), now)
        else:
            try:
                whole = flight.take(data, now, self.step)
            except WireError as error:
                difference = Difference.between(error.expected, error.came or data)
                self.failed(error.reason, now, phase=Phase.RECEIVE, difference=difference)
                return b""
            if not whole:
                return b""
        timing = flight.timing
        if timing is None:
            self._free = now
        else:
            self._free = timing.room_since(now)
            self._until = min(self._limit, timing.next)
        return self.wake(now)

    def time_wire(self, switch: Callable[[bool], object]) -> WireTiming:
        """Have some messages timed on the wire: the engine can. See `WireTiming`."""
        timing = self._flight.timing
        if timing is None:
            timing = WireTiming(self.plan, self.client, self._recording, switch)
            self._flight.timing = timing
        else:
            timing.go_on(switch, self._closed)
        self._until = 0
        return timing

    def wake(self, now: float) -> bytes:
        """Give what is due by now and for which there is room; note what comes then."""
        flight = self._flight
        parts: list[bytes] = []
        timing = flight.timing
        while flight.has_room() and self._is_due(now):
            due = self._due or 0.0
            try:
                parts.append(flight.hand_over(due, now))
            except WireError as error:
                self.failed(error.reason, now)
                return b""
            if flight.steady:
                self.step = now
            elif timing is None or timing.followed:
                self._recording.sent(now - max(due, self._free), due)
            self._due = None
        self.next_due = self._due if flight.has_room() else None
        if self._phase is Phase.RECEIVE:
            self._note_step(now)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _is_due(self, now: float) -> bool:
        """Say whether there is a next message and its time has come."""
        if (
            self._phase is not Phase.RECEIVE
            or self._load is None
            or self._flight.handed >= self._limit
        ):
            return False
        if self._due is None:
            self._due = self._load.due(self._free)
        return self._due <= now < self._ends

    def _note_step(self, now: float) -> None:
        """Note what is waited for: the oldest reply, the time of the next message, or the end."""
        flight = self._flight
        full = flight.handed >= self._limit
        ended = self._is_last(now) if full else max(now, self._due or 0.0) >= self._ends
        if ended or full:
            self.next_due = None
        if ended:
            self._last_offer = now if self._last_offer is None else self._last_offer
        if flight.single:
            return
        if flight.unanswered:
            self.step = flight.unanswered[0][1]
        elif ended or full:
            self._phase = Phase.CLOSE
            self.step = now
        else:
            self.step = inf

    def _is_last(self, now: float) -> bool:
        """Say whether a connection that carries no more messages is the last one."""
        flight = self._flight
        if flight.handed >= self._last:
            return True
        if self._load is not None and self._due is None and not flight.owed[0]:
            self._due = self._load.due(self._free)
        return max(now, self._due or 0.0) >= self._ends

    def is_cut(self, unsent: int) -> bool:
        """Say whether so many bytes, the last that were given, begin inside a message."""
        return self._flight.is_cut(unsent)

    def closed(self, now: float, *, sending: bool = False, number: int | None = None) -> None:
        """Note the other side's FIN: the end, and a failure if replies were owed.

        ``number`` is the errno, where it was a send that found out.
        """
        if self._phase is Phase.CLOSE:
            # What counted as a raw reply may have gone on since, as another format does.
            begun = None if self._flight.whole else Cause(Phase.RECEIVE, "closed", number)
            if begun is None and self._last_offer is None and now < self._ends:
                self._part(now)
            else:
                self._end(begun, now)
        elif sending:
            self.failed("broken-pipe", now, errno=number or errno.EPIPE, phase=Phase.SEND)
        else:
            self.failed("closed", now, errno=number)

    def _part(self, now: float) -> None:
        """Note the end of a connection that is not the last one."""
        self._phase = Phase.CONNECT
        self._closed = now - self.step
        self.step = now
        self.over = True
        self.pending = int
        self._flight.begin_connection()
        self._recording.parted()

    def lost(self, number: int | None, now: float, *, sending: bool = False) -> None:
        """Note that the connection broke, or that none was made, for a reason with an errno.

        Where nobody knows it, the connection was reset: that is how one breaks.
        """
        if self._phase is Phase.CONNECT and number in _RESET:
            # A refusal has a number of its own: this connection stood before anybody saw it.
            self.connected(now)
        if number == errno.EPIPE:
            self.closed(now, sending=sending, number=number)
            return
        reason = "reset" if number is None else reason_of_errno(number)
        self.failed(reason, now, errno=number, phase=Phase.SEND if sending else None)

    def failed(
        self,
        reason: str,
        now: float,
        *,
        errno: int | None = None,
        phase: Phase | None = None,
        difference: Difference | None = None,
    ) -> None:
        """Note a failure in this phase, or in the one named. Only the first end counts.

        ``difference`` is that of what came from what should have, where bytes were wrong.

        A duration's end does not wait for the other side to close as long as the timeout says: that
        it had not done so is no failure then.
        """
        if reason == "timeout" and self.finished and self.step_timeout < self.plan.timeout:
            self._end(None, now)
            return
        self._end(Cause(phase or self._phase, reason, errno), now, difference)

    def _end(self, cause: Cause | None, now: float, difference: Difference | None = None) -> None:
        if self.outcome is not None:
            return
        self.over = True
        flight = self._flight
        stopped = cause is not None and cause.reason == INTERRUPTED
        staged = self.plan.stages is not None
        owed, bytes_owed = flight.owed
        untaken, bytes_untaken = flight.untaken(self.pending())
        owed, bytes_owed = owed - untaken, bytes_owed - bytes_untaken
        self._recording.ended(cause, now)
        self.outcome = Outcome(
            client=self.client,
            cause=cause,
            sent=flight.handed - untaken,
            messages=flight.messages,
            failed=0 if stopped else owed,
            outstanding=owed if stopped else 0,
            unsent=self._count_unsent(now, note=staged and not stopped) + untaken,
            bytes_sent=flight.handed_bytes - bytes_untaken,
            bytes_returned=flight.returned_bytes,
            bytes_failed=0 if stopped else bytes_owed,
            bytes_outstanding=bytes_owed if stopped else 0,
            started=self._started,
            connected=self._connected,
            first_byte=flight.first_byte,
            replied=flight.replied,
            ended=now,
            offered_from=self._offered_from,
            offered_until=self._offered_until(now),
            reply=flight.found,
            difference=difference,
            reconnects=max(0, self.connects - 1),
        )
        if staged:
            self._record_stages(self.outcome, cause, untaken)

    def _record_stages(self, outcome: Outcome, cause: Cause | None, untaken: int) -> None:
        """Record, for the stages of the load, what is left unanswered, and how long it was on."""
        owed = self._flight.times_of_owed(self.step)
        taken = owed[: len(owed) - untaken]
        if not outcome.interrupted:
            for due, _ in owed[len(taken) :]:
                self._recording.unsent(due)
        self._recording.left(cause, outcome.ended, taken)
        if outcome.offered_from is not None and outcome.offered_until is not None:
            self._recording.offered(outcome.offered_from, outcome.offered_until)

    def _offered_until(self, now: float) -> float | None:
        """Say until when it offered load, where it did: to its duration's end, or its own.

        Without a duration that is its last reply, or under a rate the time of one message more
        after the last.
        """
        if self._offered_from is None:
            return None
        over = self._last_offer
        if over is None:
            until = now
        elif self._ends < inf:
            until = self._ends
        elif self.plan.rate is not None:
            until = over + 1 / self.plan.rate
        else:
            until = self.step if self._phase is Phase.CLOSE else now
        return max(self._offered_from, min(until, self._ends))

    def _count_unsent(self, now: float, *, note: bool) -> int:
        """Count the messages that were due on a schedule and have not been handed over.

        They are recorded, where somebody is to ``note`` them.
        """
        if self.plan.rate is None or self._load is None:
            return 0
        unsent, until = 0, min(now, self._ends)
        due = self._load.due(now) if self._due is None else self._due
        while due < until and self._flight.handed + unsent < self._last:
            unsent += 1
            if note:
                self._recording.unsent(due)
            due = self._load.due(now)
        return unsent
