"""All connections of a service: what they share, counted, watched and drained."""

from collections.abc import Callable, Iterator
from copy import copy
from threading import Lock
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twistecho.base.log_lines import RateLimitedLog, where
from twistecho.base.timers import Timed, Timers
from twistecho.service.scenario.scenario import Scenario

from .admission import Admission, Budget
from .counters import Counts
from .deciding import Decided, Decisions
from .limits import Limits, write_buffer_of
from .received import Received
from .reply_queue import Answer
from .stamp import ctime
from .transports import READ_SIZE
from .watching import Sweep, Swept


class OpenConnection(Timed, Swept, Decided, Protocol):
    """What is known here of a connection."""

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

    def steer(self, *, rewrite: bool) -> None:
        """Go on as the scenario says; ``rewrite`` says whether replies are written otherwise."""


class Connections(Decisions):
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
        ctime: Callable[[], str] = ctime,
        log_connections: bool = False,
        log_payload: bool = False,
        record: bool = False,
    ) -> None:
        super().__init__(scenario, limits, answer, ctime, log_payload=log_payload, record=record)
        self.write_buffer, self.queue = limits.write_buffer, limits.queue
        # For so many connections the write buffers are small enough, see `_fit_buffers`.
        self._fitting_for = self._least_fitting = max(
            1, limits.total_waiting_bytes // (2 * limits.write_buffer)
        )
        self.waiting_messages = limits.waiting_messages
        # What is to be done where a change concerns those who have not connected yet.
        self.followers: list[Callable[[], object]] = []
        self.received = Received(limits.received_messages, limits.received_bytes)
        self.timers = Timers(clock, woken=self._woken)
        self.now = self.timers.now
        self.left_at: list[float] = []  # when the replies were due that left in this round
        self.tally = Counts()  # without what connections have not accounted for yet
        self.budget = Budget(limits.total_waiting_bytes, min(READ_SIZE, self.write_buffer))
        self.admission = Admission(limits)
        self.occasionally = RateLimitedLog(self._log, self.now)
        self._log_connections = log_connections
        self._accounting = Lock()
        self._open: set[OpenConnection] = set()
        self._sweep = Sweep(clock, self.now, self._open, self.tally)
        self._draining: Deferred[None] | None = None
        self._first_number = 0  # how many connections came before the numbers began

    def steer(self, scenario: Scenario) -> None:
        """Do as a scenario says with all that comes from now on, on open connections too.

        What acts on accept, such as the framing, stays as it was on those. Replies that wait stay
        as they were decided. Raises FieldError for what the limits do not allow.
        """
        before = self.scenario
        self._follow(scenario)
        self.allowances.steer(scenario)
        for connection in list(self._open):
            connection.steer(rewrite=scenario.reply is not before.reply)
            if scenario.on != before.on:
                connection.turns = None
            if scenario.bandwidths != before.bandwidths:
                self.bound(connection)
        self._tell_followers(before)

    def _tell_followers(self, before: Scenario) -> None:
        if self.scenario.faults.unaccepted != before.faults.unaccepted:
            for follow in self.followers:
                follow()

    def record(self, *, recording: bool = True) -> None:
        """Record what peers say from now on, or do no longer."""
        self._recording = recording
        self.steer(self.scenario)

    def restart(self, scenario: Scenario) -> None:
        """Begin anew, with a scenario: no connections, numbers from 0, nothing received."""
        before = self.scenario
        self._follow(scenario)
        self.abort()  # so nothing on them is to go on as the scenario says
        self.number_from(0)
        self.allowances.begin(scenario)
        self.received.clear()
        self._tell_followers(before)

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

    def count_broken(self, peer: object, reason: str) -> None:
        """Count a connection whose bytes are no messages any more, and now and then log it."""
        self.tally.dropped[reason] += 1
        self.occasionally.warn(f"Ended, {reason}", where(peer))

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
