"""The fleet: all clients of a plan at once, driven by the reactor.

Each client is one connection with one `Conversation`. The client passes the reactor's events to its
conversation, which returns the bytes to send. Two `Timers` serve all clients.
"""

import time
import typing
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorFromThreads,
    IReactorThreads,
    IReactorTime,
)
from twisted.internet.task import Cooperator
from twisted.python.failure import Failure

from twistecho.base.reactor_types import AnyClientEndpoint, AnyReactor, is_for_tests
from twistecho.base.sockets import stamping
from twistecho.base.timers import Deadlines, Timers, monotonic_for
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.conversation.in_flight import ReplyObserver
from twistecho.fleet.plans.load import LoadOf, load_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.sources import source_of
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.outcome import INTERRUPTED, Outcome, Phase
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.report import Report, make_report
from twistecho.fleet.reports.staged_recorder import recording_for

from .client import Client
from .destination import Destination
from .dial import Dial, IReactorStream
from .kept import Kept
from .running import check_will_run

_T = typing.TypeVar("_T")

ENGINE = "reactor"
"""The name of this engine in reports."""

_SLICE = 0.01
"""For how many seconds clients are started before running ones are served."""


class IReactorFleet(IReactorStream, IReactorTime, IReactorThreads, IReactorFromThreads):
    """A reactor for a fleet: it connects, measures time and has a thread pool."""


class Fleet:
    """Carries out a plan on the reactor: ``Fleet(reactor, "localhost:5000", Plan()).run()``.

    ``target`` is a `Target`, its text, or an endpoint, any `IStreamClientEndpoint`; the report
    names an endpoint by its class and its peer. An endpoint chooses the local address: then the
    plan must have no sources. Raises ValueError for a text that is not a target, and for a protocol
    of the plan that cannot be used. ``on_reply`` is called with the client's number and its reply
    for every message answered. During the run ``outcomes`` has the conversations that have ended,
    and `recordings` returns the recorded data.

    With a reactor in memory, `twisted.internet.testing.MemoryReactorClock`, time is its clock's,
    and names are not resolved.

    Where the plan has a barrier, ``together`` is called once every client here has connected or
    failed to; they begin when its Deferred fires, by default at once. ``load`` returns the load of
    a client, ``recording`` the recording of a run with this warm-up. Connections in ``kept``, from
    earlier runs, are reused, and kept again at the end.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        target: "Target | str | AnyClientEndpoint",
        plan: Plan,
        *,
        on_reply: ReplyObserver | None = None,
        together: "Callable[[], Deferred[None]]" = lambda: succeed(None),
        load: LoadOf = load_of,
        recording: Callable[[float], Recording] | None = None,
        kept: Kept | None = None,
    ) -> None:
        self._destination = Destination(reactor, target, plan.sources)
        self.plan = plan
        self._reader_of = readers_of(plan)
        self._dialer: Dial | None = None
        self.outcomes: list[Outcome] = []
        self.recording = recording_for(plan) if recording is None else recording(plan.warmup)
        self._load_of = load
        self._kept = kept
        self._reactor = typing.cast(IReactorFleet, reactor)
        self._in_memory = is_for_tests(reactor)
        self._on_reply = on_reply
        self.monotonic = monotonic_for(self._reactor)
        self.began = self._wall_clock = self._cpu = 0.0
        self._running: set[Client] = set()
        self._stopped = False
        self._report: Deferred[Report] = Deferred(lambda _: self._abandon())
        self._abandoned = False
        self._ramping: tuple[Deferred[None], IDelayedCall] | None = None
        self.deadlines: Timers = Deadlines(self._reactor, now=self.now)
        self.due = Timers(self._reactor, now=self.now)
        self._together = together
        # With a barrier: the clients that have neither connected nor failed to.
        self._awaited = set(plan.numbers if plan.barrier else ())

    @property
    def target(self) -> Target:
        """The service that the clients connect to."""
        return self._destination.target

    def now(self) -> float:
        """Return the time since the run began, in seconds."""
        return self.monotonic() - self.began

    def recordings(self) -> list[Recording]:
        """Return the recordings until now."""
        return [self.recording]

    def run(self) -> "Deferred[Report]":
        """Run all clients at once; fire with the report when the last one has ended.

        Cancelling it ends all clients without a report; `stop` ends them with a report. Raises
        RuntimeError where an asyncio loop runs instead of the reactor: it would never fire.
        """
        check_will_run(self._reactor)
        self.began = self.monotonic()
        self._wall_clock = self._reactor.seconds() if self._in_memory else time.time()
        self._cpu = time.process_time()
        held = ExitStack()
        if not self._in_memory:
            held.enter_context(stamping())
        self._report.addBoth(_releasing, held)
        preparing = self._destination.prepare()
        preparing.addCallbacks(self._start, self._unresolved)
        preparing.addErrback(self._fail)
        return self._report

    def stop(self) -> None:
        """End the running clients as ``interrupted``; the report follows."""
        self._stopped = True
        for client in list(self._running):
            client.give_up(INTERRUPTED)
        self._take_turn()

    def _abandon(self) -> None:
        self._abandoned = True
        self.stop()

    def _fail(self, failure: Failure) -> None:
        """End the run with an unexpected exception, which `run`'s Deferred gets."""
        self._abandon()
        if not self._report.called:
            self._report.errback(failure)

    def _unresolved(self, failure: Failure) -> None:
        failure.trap(OSError)
        for number in self.plan.numbers:
            self._not_started(number, "no-address")

    def _not_started(self, number: int, reason: str, phase: Phase | None = None) -> None:
        """Note the outcome of a client that was not started."""
        conversation = self._conversation(number)
        conversation.connecting(self.now())
        conversation.failed(reason, self.now(), phase=phase)
        self._note(conversation)

    def _start(self, dial: Dial) -> None:
        """Start the clients in slices, so that running ones are served in between."""
        self._dialer = dial
        scheduler = Cooperator(self._slice, lambda call: self._reactor.callLater(0, call))
        scheduler.cooperate(self._clients(dial)).whenDone().addErrback(self._fail)

    def _slice(self) -> Callable[[], bool]:
        """Return a function that returns whether a slice that begins now is over."""
        end = self.monotonic() + _SLICE
        return lambda: self.monotonic() >= end

    def _clients(self, dial: Dial) -> "Iterator[Deferred[None] | None]":
        for number in self.plan.numbers:
            if self.plan.in_turn and not self._stopped:
                yield self._turn_of(number)
            if self._stopped:
                self._not_started(number, INTERRUPTED)
                yield None
            else:
                dialed = self._begin_client(dial, number)
                yield dialed if self.plan.ordered else None

    def _begin_client(self, dial: Dial, number: int) -> "Deferred[None]":
        """Start a client, over its kept connection if it has one."""
        if self._kept is not None and self._kept.take_extra(number):
            self._not_started(number, "extra", Phase.RECEIVE)
            return succeed(None)
        kept = None if self._kept is None else self._kept.take(number)
        if kept is None:
            return self._dial(dial, self._client(number))
        kept.take_up(self, self._conversation(number))
        if self._enter(kept):
            kept.begin_anew()
        return succeed(None)

    def _turn_of(self, number: int) -> "Deferred[None] | None":
        """Wait until it is a client's turn to connect."""
        at = self.plan.turn_of(number)
        if at <= self.now():
            return None
        turn: Deferred[None] = Deferred()
        self._ramping = (turn, self._reactor.callLater(at - self.now(), self._take_turn))
        return turn

    def _take_turn(self) -> None:
        if self._ramping is not None:
            (turn, call), self._ramping = self._ramping, None
            if call.active():
                call.cancel()
            turn.callback(None)

    def settle(self, number: int) -> None:
        """Note that a client has connected or ended; after the last one, all begin."""
        if number in self._awaited:
            self._awaited.discard(number)
            if not self._awaited:
                self._together().addCallback(lambda _: self._begin())

    def _begin(self) -> None:
        """Begin all clients' messages: each client has connected, or failed to."""
        opened = self.now()
        self.recording.measure_from(opened + self.plan.warmup)
        for client in list(self._running):
            client.begin(opened)

    def _conversation(self, client: int) -> Conversation:
        reader = self._reader_of(client)
        return Conversation(
            self.plan, client, self.recording, self._on_reply, reader, load=self._load_of
        )

    def _client(self, number: int) -> Client:
        return self._destination.client(self, self._conversation(number))

    def _dial(self, dial: Dial, client: Client) -> "Deferred[None]":
        """Begin to connect a client; fire once it has connected or failed to."""
        dialed: Deferred[None] = Deferred()
        number = client.conversation.client
        if not self._enter(client):
            return succeed(None)
        # Dialing may have failed already: then the client clears this again.
        client.dialing = dialing = dial(
            self._destination.wire(client),
            source_of(self.plan.sources, number, client.conversation.connects),
        )
        dialing.addCallbacks(lambda _: self._destination.connected(client), client.not_connected)
        dialing.addBoth(lambda _: dialed.callback(None))
        return dialed

    def _enter(self, client: Client) -> bool:
        """Add a client to the running ones; return False if its time is over already."""
        now = self.now()
        client.conversation.connecting(now)
        if client.conversation.outcome is not None:
            self._note(client.conversation)
            return False
        self._running.add(client)
        self.deadlines.set(client.deadline, now + self.plan.timeout)
        return True

    def keep(self, client: Client) -> bool:
        """Keep a client's connection for the next run, if requested; return whether it was kept."""
        if self._kept is None or self.plan.reconnect is not None:
            return False
        client.leave()
        conversation = client.conversation
        if conversation.outcome is not None and conversation.outcome.answered:
            self._leave(client)
            self._kept.add(client)
            self._note(conversation)
        else:
            client.abort()
        return True

    def _leave(self, client: Client) -> None:
        self._running.discard(client)
        self.deadlines.discard(client.deadline)
        self.due.discard(client)

    def ended(self, client: Client) -> None:
        """Note that a client's connection is gone; begin its next connection, if there is one."""
        self._leave(client)
        if client.conversation.reconnects and self._dialer is not None:
            self._dial(self._dialer, self._destination.client(self, client.conversation))
        else:
            self._note(client.conversation)

    def _note(self, conversation: Conversation) -> None:
        self.settle(conversation.client)
        outcome = typing.cast(Outcome, conversation.outcome)
        self.outcomes.append(outcome)
        if len(self.outcomes) == self.plan.clients and not self._abandoned:
            report = make_report(
                ENGINE,
                str(self._destination),
                self.plan,
                self.outcomes,
                self.recording.measured(),
                stages=self.recording.stages(),
                began=self._wall_clock,
                interrupted=self._stopped,
                cpu_seconds=None if self._in_memory else time.process_time() - self._cpu,
            )
            self._report.callback(report)


def _releasing(result: _T, held: ExitStack) -> _T:
    """Release a run's resources; pass its result on."""
    held.close()
    return result
