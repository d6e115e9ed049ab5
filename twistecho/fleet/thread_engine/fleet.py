"""The same plan over plain blocking sockets: one thread per client, without Twisted.

It is an independent second implementation. It shares only the `Conversation` with the reactor's
fleet, and sends, receives and waits by system calls: see `client`.
"""

import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import cast

from twistecho.base.sockets import stamping
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.conversation.in_flight import ReplyObserver
from twistecho.fleet.plans.addresses import Address, resolve
from twistecho.fleet.plans.load import LoadOf, load_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.sources import source_of
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.reports.outcome import INTERRUPTED, Outcome, Phase
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.report import Report, make_report
from twistecho.fleet.reports.staged_recorder import recording_for

from .client import Client, time_left
from .connecting import Gate, connect, connected_by
from .kept import Kept
from .tls_client import TLSClient, context_for, secure

ENGINE = "threads"
"""The name of this engine in reports."""


class ThreadedFleet:
    """Carries out a plan with one thread and one socket per client.

    ``target`` is a `Target` with an address, or its text. Raises ValueError for others, and for a
    protocol of the plan that cannot be used. During the run ``outcomes`` has the conversations that
    have ended, and `recordings` returns the recorded data. Where the plan has a barrier,
    ``together`` is called, from a client's thread, once every client here has connected or failed
    to; they begin when it returns. ``load`` returns the load of a client, ``recording`` a recording
    with this warm-up: one per client and one for the run. Connections in ``kept``, from earlier
    runs, are reused, and kept again at the end.
    """

    def __init__(
        self,
        target: Target | str,
        plan: Plan,
        *,
        on_reply: ReplyObserver | None = None,
        together: Callable[[], object] = lambda: None,
        load: LoadOf = load_of,
        recording: Callable[[float], Recording] | None = None,
        kept: Kept | None = None,
    ) -> None:
        self.target = parse_target(target) if isinstance(target, str) else target
        # An endpoint object, which the reactor engine accepts, has neither.
        if not any(getattr(self.target, name, None) for name in ("host", "path")):
            raise ValueError(f"the threads engine cannot connect to {self.target}")
        self._context = context_for(self.target) if self.target.tls else None
        self.plan = plan
        self._reader_of = readers_of(plan)
        self.outcomes: list[Outcome] = []
        self._load_of, self._make_recording = load, recording
        self._kept = None if plan.reconnect is not None else kept
        self._recording = self._new_recording()
        self._running: dict[int, Recording] = {}  # of clients that have not ended
        self._on_reply = on_reply
        self._together = together
        self._lock = threading.Lock()
        self._began = 0.0
        self._begin, self._stop = Gate(), Gate()
        # With a barrier: the clients that have neither connected nor failed to.
        self._awaited = set(plan.numbers if plan.barrier else ())

    def now(self) -> float:
        """Return the time since the run began, in seconds."""
        return time.monotonic() - self._began

    def recordings(self) -> list[Recording]:
        """Return the recordings until now: of all ended clients, and of each running one."""
        with self._lock:
            return [self._recording, *self._running.values()]

    def stop(self) -> None:
        """End the running clients as ``interrupted``; the report follows.

        It can be called from any thread and from a signal handler.
        """
        self._stop.open()

    def run(self) -> Report:
        """Run all clients at once; return the report when the last one has ended."""
        self._began = time.monotonic()
        began, cpu = time.time(), time.process_time()
        try:
            addresses = resolve(self.target)
        except OSError:
            addresses = []
        with stamping():
            threads = [self._start(number, addresses) for number in self.plan.numbers]
            for thread in filter(None, threads):
                thread.join()
        report = make_report(
            ENGINE,
            str(self.target),
            self.plan,
            self.outcomes,
            self._recording.measured(),
            stages=self._recording.stages(),
            began=began,
            interrupted=self._stop.is_open,
            cpu_seconds=time.process_time() - cpu,
        )
        self._begin.close()
        self._stop.close()
        return report

    def _new_recording(self) -> Recording:
        """Return a recording for the run, or for one of its clients."""
        if self._make_recording is None:
            return recording_for(self.plan)
        return self._make_recording(self.plan.warmup)

    def _start(self, number: int, addresses: Sequence[Address]) -> threading.Thread | None:
        """Start a client, already connected if the plan is ordered; return None if it failed."""
        self._await_turn(number)
        recording = self._new_recording()
        with self._lock:
            self._running[number] = recording
        reader = self._reader_of(number)
        conversation = Conversation(
            self.plan, number, recording, self._on_reply, reader, load=self._load_of
        )
        conversation.connecting(self.now())
        if self._stop.is_open:
            conversation.failed(INTERRUPTED, self.now())
        connection = self._try_to_connect(conversation, addresses) if self.plan.ordered else None
        if conversation.outcome is None:
            arguments = (conversation, recording, addresses, connection)
            # Daemon threads, so that an interrupted program does not wait for its clients.
            thread = threading.Thread(target=self._client, args=arguments, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                conversation.failed("no-thread", self.now())
            else:
                return thread
        if connection is not None:
            connection.close()
        self._note(conversation, recording)
        return None

    def _await_turn(self, number: int) -> None:
        """Wait until it is a client's turn to connect."""
        wait = self.plan.turn_of(number) - self.now()
        if wait > 0:
            select.select([self._stop], [], [], wait)

    def _client(
        self,
        conversation: Conversation,
        recording: Recording,
        addresses: Sequence[Address],
        connection: socket.socket | None,
    ) -> None:
        if connection is None:
            conversation.connecting(self.now())
            self._talk_over_kept(conversation)
            connection = self._try_to_connect(conversation, addresses)
        while connection is not None:
            self._talk(conversation, connection)
            connection = None
            if conversation.reconnects:
                conversation.connecting(self.now())
                connection = self._try_to_connect(conversation, addresses)
        self._note(conversation, recording)

    def _talk_over_kept(self, conversation: Conversation) -> None:
        """Run the conversation over the client's kept connection, if it has one."""
        if self._kept is None or conversation.outcome is not None:
            return
        number = conversation.client
        if self._kept.has_extra(number):
            conversation.failed("extra", self.now(), phase=Phase.RECEIVE)
        elif (connection := self._kept.take(number)) is not None:
            self._talk(conversation, connection, kept=True)

    def _talk(
        self, conversation: Conversation, connection: socket.socket, *, kept: bool = False
    ) -> None:
        """Run the part of the conversation that uses one connection."""
        kind = Client if self._context is None else TLSClient
        keeps = self._kept is not None
        gates = {"begin": self._begin, "stop": self._stop}
        with ExitStack() as held:
            held.enter_context(connection)
            client = kind(connection, conversation, self.now, keeps=keeps, **gates)
            waited = None if kept else client.waited_for()
            client.say(conversation.connected(self.now(), waited, kept=kept))
            self._settle(conversation.client)
            client.run()
            if self._kept is not None and client.is_open:
                held.pop_all()
                self._kept.add(conversation.client, connection)

    def _settle(self, number: int) -> None:
        """Note that a client has connected or ended; after the last one, all begin."""
        with self._lock:
            last = number in self._awaited and len(self._awaited) == 1
            self._awaited.discard(number)
        if last:
            self._together()
            opened = self.now()
            with self._lock:
                for recording in self._running.values():
                    recording.measure_from(opened + self.plan.warmup)
            self._begin.open(opened)

    def _note(self, conversation: Conversation, recording: Recording) -> None:
        self._settle(conversation.client)
        with self._lock:
            self._running.pop(conversation.client)
            self._recording.add(recording)
            self.outcomes.append(cast(Outcome, conversation.outcome))

    def _try_to_connect(
        self, conversation: Conversation, addresses: Sequence[Address]
    ) -> socket.socket | None:
        """Connect, or note in the conversation why that failed."""
        if conversation.outcome is not None:
            return None

        def left() -> float:
            return time_left(conversation, self.now())

        def make() -> socket.socket:
            source = source_of(self.plan.sources, conversation.client, conversation.connects)
            connection = connect(addresses, left, self._stop, source)
            if self._context is None:
                return connection
            return secure(connection, self._context, self.target.name, left, self._stop)

        return connected_by(make, conversation, self.now)


def run_threads(
    plan: Plan, target: Target | str, *, on_reply: ReplyObserver | None = None
) -> Report:
    """Carry out a plan over plain sockets and return the report; see `ThreadedFleet`.

    ``on_reply`` is called from the clients' threads.
    """
    return ThreadedFleet(target, plan, on_reply=on_reply).run()
