"""All open connections of a service: their shared state, counts, idle checks and draining."""

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
    """The members of a connection that `Connections` needs."""

    @property
    def transport(self) -> object:
        """The transport of its bytes."""

    @property
    def messages(self) -> int:
        """The number of messages received."""

    @property
    def waiting(self) -> int:
        """The number of pending replies."""

    @property
    def waiting_bytes(self) -> int:
        """The number of bytes that they count for."""

    def take_turn(self) -> None:
        """Read again: the shared budget has room."""

    def fit_buffer(self) -> None:
        """Set the buffer size of the transport to the current one of the service."""

    def drain(self) -> None:
        """Answer all messages that have arrived, then close."""

    def abort(self) -> None:
        """Reset the connection at once."""

    def account(self) -> None:
        """Add its traffic until now to the counts."""

    def uncounted(self, counts: Counts) -> None:
        """Add its traffic since `account`."""

    def steer(self, *, rewrite: bool) -> None:
        """Apply a new scenario; ``rewrite`` is whether replies are written in another way."""


class Connections(Decisions):
    """All connections of one service, and their shared state.

    ``scenario`` decides about their messages; ``answer``, if there is one, makes the replies.
    ``limits`` bounds connections and bytes. ``ctime`` returns the text of the time for stamps.
    ``log_connections`` logs each connection at level debug, ``log_payload`` the received bytes;
    ``record`` keeps messages in `received`.
    """

    number_of: Callable[[object], int] | None = None
    """Returns the number of a connection by its transport, where several processes share them."""

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
        # The write buffers are small enough for this many connections, see `_fit_buffers`.
        self._fitting_for = self._least_fitting = max(
            1, limits.total_waiting_bytes // (2 * limits.write_buffer)
        )
        self.waiting_messages = limits.waiting_messages
        # Called when a change of the scenario affects clients that have not connected yet.
        self.followers: list[Callable[[], object]] = []
        self.received = Received(limits.received_messages, limits.received_bytes)
        self.timers = Timers(clock, woken=self._woken)
        self.now = self.timers.now
        self.left_at: list[float] = []  # due times of the replies sent in this round of the timers
        self.tally = Counts()  # without the traffic that connections have not added yet
        self.budget = Budget(limits.total_waiting_bytes, min(READ_SIZE, self.write_buffer))
        self.admission = Admission(limits)
        self.occasionally = RateLimitedLog(self._log, self.now)
        self._log_connections = log_connections
        self._accounting = Lock()
        self._open: set[OpenConnection] = set()
        self._sweep = Sweep(clock, self.now, self._open, self.tally)
        self._draining: Deferred[None] | None = None
        self._first_number = 0  # how many connections were accepted before number 0

    def steer(self, scenario: Scenario) -> None:
        """Apply a scenario to all messages that arrive from now on, on open connections too.

        The parts that act on accept, such as the framing, do not change on open connections, nor
        do pending replies. Raises FieldError for a scenario that the limits do not allow.
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
        """Start or stop recording messages in `received`."""
        self._recording = recording
        self.steer(self.scenario)

    def restart(self, scenario: Scenario) -> None:
        """Start again with a scenario: no connections, numbers from 0, nothing received."""
        before = self.scenario
        self._follow(scenario)
        self.abort()  # so the scenario need not be applied to open connections
        self.number_from(0)
        self.allowances.begin(scenario)
        self.received.clear()
        self._tell_followers(before)

    def number_from(self, first: int) -> None:
        """Give this number to the next connection that is accepted."""
        self._first_number = self.tally.accepted - first

    def __len__(self) -> int:
        """Count the open connections."""
        return len(self._open)

    def __iter__(self) -> Iterator[OpenConnection]:
        """Iterate over the open connections."""
        return iter(self._open)

    def refuse(self, reason: str, addr: object) -> None:
        """Count a refused connection, and log it at a limited rate."""
        self.tally.refused[reason] += 1
        self.occasionally.warn(f"Refused, {reason}", where(addr))

    def enter(self, connection: OpenConnection) -> int:
        """Add a connection; return its number, from 0 in the order of accept."""
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
        """Remove a connection."""
        if connection not in self._open:
            return
        with self._accounting:
            connection.account()
            self._open.discard(connection)
        if 4 * len(self._open) < self._fitting_for > self._least_fitting:
            self._fit_buffers(self._fitting_for // 2)
        self.admission.leave(connection.peer)
        if self._log_connections:
            self._log.debug("{peer} disconnected", peer=where(connection.peer))
        if not self._open:
            self._sweep.stop()
            draining, self._draining = self._draining, None
            if draining is not None:
                draining.callback(None)

    def _fit_buffers(self, connections: int) -> None:
        """Size the write buffers for this many connections, doubled or halved, so rarely."""
        self._fitting_for = connections
        before, self.write_buffer = self.write_buffer, write_buffer_of(self.limits, connections)
        if self.write_buffer != before:
            self.budget.turn = min(READ_SIZE, self.write_buffer)
            for connection in self._open:
                connection.fit_buffer()

    def forget(self, connection: OpenConnection) -> None:
        """Remove the timer of a connection, and its place in line for a turn."""
        self.timers.discard(connection)
        if self.budget:
            self.budget.leave(connection)
            self.budget.give_turns()

    def give_turns(self) -> None:
        """Let connections that wait for the shared budget read again, as far as it reaches."""
        if self.budget:
            self.budget.give_turns()

    def drop(self, connection: OpenConnection, reason: str) -> None:
        """Reset a connection; count the reason, and log it at a limited rate."""
        self.tally.dropped[reason] += 1
        self.occasionally.warn(f"Dropped, {reason}", where(connection.peer))
        connection.abort()

    def count_broken(self, peer: object, reason: str) -> None:
        """Count a connection that ends for its peer's bytes, and log it at a limited rate."""
        self.tally.dropped[reason] += 1
        self.occasionally.warn(f"Ended, {reason}", where(peer))

    def sent_late(self, late: float) -> None:
        """Count the lateness of a delayed reply, in seconds after it was due."""
        if self.delays_replies:
            self.tally.lateness.observe(late)

    def _woken(self, now: float) -> None:
        """Count the replies that were sent in a round of the timers."""
        dues = self.left_at
        if dues:
            if self.delays_replies:
                dues.sort()
                self.tally.lateness.observe_all(now, dues)
            dues.clear()
        self.give_turns()

    @property
    def counts(self) -> Counts:
        """A copy of the counts until now; any thread may read it."""
        with self._accounting:
            counts = copy(self.tally)
            for connection in list(self._open):
                connection.uncounted(counts)
        return counts

    def drain(self) -> Deferred[None]:
        """Send every pending reply, then close; fire when all connections have ended."""
        if not self._open:
            return succeed(None)
        drained: Deferred[None] = Deferred()
        self._draining = drained
        for connection in list(self._open):
            connection.drain()
        return drained

    def abort(self) -> None:
        """End every connection at once, without sending pending replies."""
        for connection in list(self._open):
            connection.abort()
