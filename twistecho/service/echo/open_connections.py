"""All connections of a service: what they share, counted, watched and drained.

One periodic look at them, a slice at a time, finds who has been idle and who is stalled. It costs
one timer, which runs while there are connections. Its own lateness shows when the event loop was
held up.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from copy import copy
from threading import Lock
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from twistecho.base.log_lines import RateLimitedLog, where
from twistecho.base.networks import Address
from twistecho.base.reply_formats import ReplyFormat, writer_of
from twistecho.base.sockets import ip_of
from twistecho.base.timers import Timed, Timers
from twistecho.service.scenario.fault import Fault
from twistecho.service.scenario.faults import Bandwidth
from twistecho.service.scenario.scenario import Decision, Scenario

from .allowances import Allowances
from .counters import Counts
from .limits import Admission, Budget, Limits, check_size, write_buffer_of
from .received import Received
from .reply_queue import Answer
from .state import CLOSING, FRAMED, FULL, HELD, LOGGED, RECORDED, WAITING, WRITTEN
from .transports import READ_SIZE, outgoing


class OpenConnection(Timed, Protocol):
    """What is known here of a connection."""

    peer: object
    number: int

    @property
    def transport(self) -> object:
        """What carries its bytes."""

    @property
    def messages(self) -> int:
        """How many messages have come."""

    @property
    def waiting(self) -> int:
        """How many replies wait."""

    @property
    def waiting_bytes(self) -> int:
        """How many bytes they count for."""

    def sweep(self, now: float) -> None:
        """Look at the time, in seconds, and act."""

    def take_turn(self) -> None:
        """Read again: the common budget has room."""

    def fit_buffer(self) -> None:
        """Have the transport buffer no more than a connection may now."""

    def drain(self) -> None:
        """Answer what has arrived, then close."""

    def abort(self) -> None:
        """End at once."""

    def account(self) -> None:
        """Have the counts know what was done."""

    def uncounted(self, counts: Counts) -> None:
        """Add what was done since `account`."""

    turns: dict[int, int] | None

    def steer(self) -> None:
        """Go on as the scenario says now."""

    def pace(self, bandwidth: Bandwidth) -> None:
        """Have no more than a bandwidth from now on."""


class Watched:
    """Judges whether its peer has been idle, or has refused to read, too long.

    A base class, not an object of its own: each object more that lives with a connection is one
    more that Python's garbage collector goes through, time and again, where connections are many.
    """

    __slots__ = ("_quiet", "_seen", "_unread")

    _quiet: float  # since when nothing has happened that is waited for
    _seen: int  # messages at the last look
    _unread: int  # bytes that the peer had not taken at the last look

    def _look(
        self, now: float, limits: Limits, messages: int, state: int, transport: object
    ) -> str | None:
        """Give the reason to drop the connection: ``idle``, ``stalled``, or None.

        ``messages`` is how many have come, ``state`` what is in the way of the next: see `state`.
        """
        if self._progressed(messages, state, transport):
            self._quiet = now
        if self._unread or state & (FULL | CLOSING):
            return "stalled" if 0 < limits.stall <= now - self._quiet else None
        return "idle" if 0 < limits.idle <= now - self._quiet else None

    def _progressed(self, messages: int, state: int, transport: object) -> bool:
        """Say whether anything happened since the last look, or a reply is on its way."""
        if messages != self._seen:
            self._seen = messages
            self._unread = 1  # as long as nobody has looked
            return True
        if state & (WAITING | HELD) and not state & FULL:
            return True
        if not (self._unread or state & FULL):
            return False  # all was taken by the peer, and nothing was written since
        before, self._unread = self._unread, outgoing(transport)
        return self._unread != before


TICK = 0.1
"""Seconds between two slices; a round over all connections takes a second."""

SHORT_TICK = 0.01
"""The same where a slice of the longer would be more than `MOST_AT_ONCE` connections."""

MOST_AT_ONCE = 50
"""Looking at so many takes less than a millisecond, by which replies are late meanwhile."""

STALL = 0.1
"""Seconds by which a tick must be late to count as a stall of the event loop."""


class Sweep:
    """Calls ``sweep(now)`` of every connection once a second or so, while there are any."""

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        connections: Collection[OpenConnection],
        counts: Counts,
    ) -> None:
        self._clock = clock
        self._now = now
        self._connections = connections
        self._counts = counts
        self._round: list[OpenConnection] = []
        self._timer: IDelayedCall | None = None
        self._expected = 0.0
        self._seconds = TICK

    def start(self) -> None:
        """Begin, unless it runs already."""
        if self._timer is None:
            self._next()

    def stop(self) -> None:
        """End: there is nothing to look at."""
        self._round = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> None:
        few = len(self._connections) * TICK <= MOST_AT_ONCE
        self._seconds = TICK if few else SHORT_TICK
        self._expected = self._now() + self._seconds
        self._timer = self._clock.callLater(self._seconds, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._now()
        if now - self._expected > STALL:
            self._counts.stalls += 1
            self._counts.stalled += now - self._expected
            now = self._expected  # what has come since may wait unread: it is seen at the next tick
        if not self._round:
            self._round = list(self._connections)
        size = 1 + int(len(self._connections) * self._seconds)
        part, self._round = self._round[-size:], self._round[:-size]
        for connection in part:
            if connection in self._connections:  # it may have gone since the round began
                connection.sweep(now)
        if self._connections and self._timer is None:
            self._next()


class Connections:
    """All connections of one service, and what they share.

    ``scenario`` decides what becomes of their messages; ``answer``, if there is one, gives the
    replies. ``limits`` bounds what they may hold. ``ctime`` gives the text of the time for stamps.
    ``log_connections`` logs each connection at level debug, ``log_payload`` what peers say;
    ``record`` has `received` hold it.
    """

    number_of: Callable[[object], int] | None = None
    """Gives the number of a connection by its transport, where others number them too."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        scenario: Scenario,
        limits: Limits,
        *,
        answer: Answer | None = None,
        ctime: Callable[[], str] = time.ctime,
        log_connections: bool = False,
        log_payload: bool = False,
        record: bool = False,
    ) -> None:
        self.limits, self.answer = limits, answer
        self._ctime = ctime
        self.write_buffer, self.queue = limits.write_buffer, limits.queue
        # For so many connections the write buffers are small enough, see `_fit_buffers`.
        self._fitting_for = self._least_fitting = max(
            1, limits.total_waiting_bytes // (2 * limits.write_buffer)
        )
        self.waiting_messages = limits.waiting_messages
        # What is to be done where a change concerns those who have not connected yet.
        self.followers: list[Callable[[], object]] = []
        self.received = Received(limits.received_messages, limits.received_bytes)
        self.allowances = Allowances(scenario)
        self._recording = record
        self._log_payload = log_payload
        self._follow(scenario)
        self.timers = Timers(clock, woken=self._woken)
        self.now = self.timers.now
        self.left_at: list[float] = []  # when the replies were due that left in this round
        self.tally = Counts()  # without what connections have not accounted for yet
        self.faults_met: Counter[str] = Counter()
        self.control_words: Counter[str] = Counter()
        self.budget = Budget(limits.total_waiting_bytes, min(READ_SIZE, self.write_buffer))
        self.admission = Admission(limits)
        self.occasionally = RateLimitedLog(self._log, self.now)
        self._log_connections = log_connections
        self._accounting = Lock()
        self._open: set[OpenConnection] = set()
        self._sweep = Sweep(clock, self.now, self._open, self.tally)
        self._draining: Deferred[None] | None = None
        self._first_number = 0  # how many connections came before the numbers began

    def _follow(self, scenario: Scenario) -> None:
        """Keep at hand what every message asks for. Raises FieldError."""
        check_size(scenario.framing, self.limits.longest_message)
        self.scenario = scenario
        # The decision about every message, where replies are written from messages.
        same = self.same_for_all = scenario.same_for_all if self.answer is None else None
        self.delays_replies, self.holds = scenario.delays_replies, scenario.holds
        self.may_fail = scenario.may_fail
        itself = same == Decision(0.0) and scenario.reply is ReplyFormat.RAW
        self.state = (
            (0 if itself else WRITTEN)
            | (LOGGED if self._log_payload else 0)
            | (RECORDED if self._recording else 0)
            | (0 if scenario.framing.is_read else FRAMED)
        )
        # For how long every reply is held, where that is the same and more than one may be.
        alone = same if self.limits.waiting_messages > 1 else None
        self.constant_delay = alone.delay if alone is not None else 0.0
        self.write_reply = writer_of(scenario.reply, self._ctime)

    def steer(self, scenario: Scenario) -> None:
        """Do as a scenario says with all that comes from now on, on open connections too.

        What acts on accept, such as the framing, stays as it was on those. Replies that wait stay
        as they were decided. Raises FieldError for what the limits do not allow.
        """
        before = self.scenario
        self._follow(scenario)
        self.allowances.steer(scenario)
        for connection in list(self._open):
            connection.steer()
            if scenario.on != before.on:
                connection.turns = None
            if scenario.bandwidths != before.bandwidths:
                self.bound(connection)
        if scenario.faults.unaccepted != before.faults.unaccepted:
            for follow in self.followers:
                follow()

    def record(self, *, recording: bool = True) -> None:
        """Record what peers say from now on, or do no longer."""
        self._recording = recording
        self.steer(self.scenario)

    def restart(self, scenario: Scenario) -> None:
        """Begin anew, with a scenario: no connections, numbers from 0, nothing received."""
        self.abort()
        self.number_from(0)
        self.received.clear()
        self.allowances.begin(scenario)
        self.steer(scenario)

    def number_from(self, first: int) -> None:
        """Go on with this number at the next connection that is accepted."""
        self._first_number = self.tally.accepted - first

    def __len__(self) -> int:
        """Count the open connections."""
        return len(self._open)

    def __iter__(self) -> Iterator[OpenConnection]:
        """Go through the open connections."""
        return iter(self._open)

    def refuse(self, reason: str, addr: object) -> None:
        """Count a connection that is not let in, and now and then log it."""
        self.tally.refused[reason] += 1
        self.occasionally.warn(f"Refused, {reason}", where(addr))

    def enter(self, connection: OpenConnection) -> int:
        """Count a connection in; give its number, from 0 in the order of accept."""
        self._open.add(connection)
        if len(self._open) > self._fitting_for:
            self._fit_buffers(2 * self._fitting_for)
        self.admission.enter(connection.peer)
        self._sweep.start()
        if self._log_connections:
            self._log.debug("{peer} connected", peer=where(connection.peer))
        self.tally.accepted += 1
        if self.number_of is not None:
            return self.number_of(connection.transport)
        return self.tally.accepted - 1 - self._first_number

    def leave(self, connection: OpenConnection) -> None:
        """Count a connection out."""
        if connection not in self._open:
            return
        with self._accounting:
            connection.account()
            self._open.discard(connection)
        if 4 * len(self._open) < self._fitting_for > self._least_fitting:
            self._fit_buffers(self._fitting_for // 2)
        self.admission.leave(connection.peer)
        if self._log_connections:
            self._log.debug("{peer} has gone", peer=where(connection.peer))
        if not self._open:
            self._sweep.stop()
            draining, self._draining = self._draining, None
            if draining is not None:
                draining.callback(None)

    def _fit_buffers(self, connections: int) -> None:
        """Make the write buffers fit for so many connections: doubled or halved, so seldom."""
        self._fitting_for = connections
        before, self.write_buffer = self.write_buffer, write_buffer_of(self.limits, connections)
        if self.write_buffer != before:
            self.budget.turn = min(READ_SIZE, self.write_buffer)
            for connection in self._open:
                connection.fit_buffer()

    def forget(self, connection: OpenConnection) -> None:
        """Forget what a connection waited for: its time, and its turn."""
        self.timers.discard(connection)
        if self.budget:
            self.budget.leave(connection)
            self.budget.give_turns()

    def give_turns(self) -> None:
        """Let those who wait for the common budget read again, as far as it reaches."""
        if self.budget:
            self.budget.give_turns()

    def drop(self, connection: OpenConnection, reason: str) -> None:
        """Reset a connection for a reason that is counted and, now and then, logged."""
        self.tally.dropped[reason] += 1
        self.occasionally.warn(f"Dropped, {reason}", where(connection.peer))
        connection.abort()

    def decide(self, connection: OpenConnection, number: int, message: bytes) -> Decision:
        """Say what becomes of a message that has arrived, and count what goes wrong."""
        if self.scenario.takes_turns and connection.turns is None:
            connection.turns = {}
        decision = self.scenario.decide(
            connection.number,
            number,
            message,
            peer=self._peer_of(connection),
            take=self.allowances.take,
            turns=connection.turns,
        )
        if decision.obeyed is not None:
            self.control_words["obeyed" if decision.obeyed else "not-understood"] += 1
        if decision.fault is not None:
            self.count_fault(decision.fault)
        return decision

    def greet(self, connection: OpenConnection) -> Decision:
        """Say what becomes of the banner of a connection, and count what goes wrong."""
        peer = self._peer_of(connection)
        decision = self.scenario.greeting(connection.number, peer, self.allowances.take)
        if decision.fault is not None:
            self.count_fault(decision.fault)
        return decision

    def refuses(self, connection: OpenConnection) -> bool:
        """Say whether a fault refuses a connection as it is accepted, and count it."""
        peer = self._peer_of(connection)
        fault = self.scenario.refusal(connection.number, peer, self.allowances.take)
        if fault is not None:
            self.count_fault(fault)
        return fault is not None

    def bound(self, connection: OpenConnection) -> None:
        """Have a connection have the bandwidth that faults leave it, and count these."""
        peer = self._peer_of(connection)
        bandwidth = self.scenario.bandwidth(connection.number, peer, self.allowances.take)
        for fault in bandwidth.met:
            self.count_fault(fault)
        connection.pace(bandwidth)

    def _peer_of(self, connection: OpenConnection) -> Address | None:
        """Give the address of a peer, where the scenario looks at it."""
        return ip_of(connection.peer) if self.scenario.looks_at_peers else None

    def count_broken(self, peer: object, reason: str) -> None:
        """Count a connection whose bytes are no messages any more, and now and then log it."""
        self.tally.dropped[reason] += 1
        self.occasionally.warn(f"Ended, {reason}", where(peer))

    def count_fault(self, fault: Fault) -> None:
        """Count a fault that has come about, by its kind."""
        self.faults_met[str(fault.kind)] += 1

    def sent_late(self, late: float) -> None:
        """Count how late a delayed reply left, in seconds after it was due."""
        if self.delays_replies:
            self.tally.lateness.observe(late)

    def _woken(self, now: float) -> None:
        """Count the replies that left in a round of the timers."""
        dues = self.left_at
        if dues:
            if self.delays_replies:
                dues.sort()
                self.tally.lateness.observe_all(now, dues)
            dues.clear()
        self.give_turns()

    @property
    def counts(self) -> Counts:
        """What has been counted until now; may be asked for from any thread."""
        with self._accounting:
            counts = copy(self.tally)
            for connection in list(self._open):
                connection.uncounted(counts)
        return counts

    def drain(self) -> Deferred[None]:
        """Let every connection be answered what is pending and close; fire when all have gone."""
        if not self._open:
            return succeed(None)
        drained: Deferred[None] = Deferred()
        self._draining = drained
        for connection in list(self._open):
            connection.drain()
        return drained

    def abort(self) -> None:
        """End every connection at once, whatever is pending."""
        for connection in list(self._open):
            connection.abort()
