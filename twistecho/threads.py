"""The same plan over plain sockets: a thread a client, no Twisted.

An independent witness. Only the `Conversation` is shared with the reactor's fleet; how bytes are
sent, received and waited for is the system's own business here: see `talk`.
"""

import socket
import threading
import time
from collections.abc import Sequence

from .conversation import Conversation, ReplyObserver
from .outcome import Outcome
from .plan import Plan
from .recording import Recording
from .report import Report, make_report
from .resolve import Address, resolve
from .talk import Talk, time_left
from .target import Target, parse_target

ENGINE = "threads"
"""The name of this engine in reports."""


class ThreadedFleet:
    """Carries out a plan with a thread and a socket for every client.

    ``target`` is a `Target` with an address, or the text of one; ValueError otherwise. While it
    runs, ``outcomes`` holds the conversations that have ended.
    """

    def __init__(
        self, target: Target | str, plan: Plan, *, on_reply: ReplyObserver | None = None
    ) -> None:
        self.target = parse_target(target) if isinstance(target, str) else target
        if self.target.host is None and self.target.path is None:
            raise ValueError(f"the threads engine cannot connect to {self.target}")
        self.plan = plan
        self.outcomes: list[Outcome] = []
        self.recording = Recording(plan.warmup)
        self._running: set[Recording] = set()
        self._on_reply = on_reply
        self._lock = threading.Lock()
        self._began = 0.0

    def now(self) -> float:
        """Give the time since the run began, in seconds."""
        return time.monotonic() - self._began

    def recordings(self) -> list[Recording]:
        """Give all that was recorded until now: of those that ended, and of each that runs."""
        with self._lock:
            return [self.recording, *self._running]

    def run(self) -> Report:
        """Run all clients at once; return the report when the last one has ended."""
        self._began = time.monotonic()
        try:
            addresses = resolve(self.target)
        except OSError:
            addresses = []
        threads = [self._start(number, addresses) for number in range(self.plan.clients)]
        for thread in threads:
            if thread is not None:
                thread.join()
        return make_report(
            ENGINE, str(self.target), self.plan, self.outcomes, self.recording.measured()
        )

    def _start(self, number: int, addresses: Sequence[Address]) -> threading.Thread | None:
        """Start a client, connected already where the plan is ordered; None if it ended at that."""
        recording = Recording(self.plan.warmup)
        with self._lock:
            self._running.add(recording)
        conversation = Conversation(self.plan, number, recording, self._on_reply)
        conversation.connecting(self.now())
        connection = self._try_to_connect(conversation, addresses) if self.plan.ordered else None
        if conversation.outcome is None:
            arguments = (conversation, recording, addresses, connection)
            # Daemons, so that an interrupted program does not wait for its clients.
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

    def _client(
        self,
        conversation: Conversation,
        recording: Recording,
        addresses: Sequence[Address],
        connection: socket.socket | None,
    ) -> None:
        if connection is None:
            conversation.connecting(self.now())
            connection = self._try_to_connect(conversation, addresses)
        if connection is not None:
            with connection:
                Talk(connection, conversation, self.now).run()
        self._note(conversation, recording)

    def _note(self, conversation: Conversation, recording: Recording) -> None:
        with self._lock:
            self._running.discard(recording)
            self.recording.add(recording)
            if conversation.outcome is not None:
                self.outcomes.append(conversation.outcome)

    def _try_to_connect(
        self, conversation: Conversation, addresses: Sequence[Address]
    ) -> socket.socket | None:
        """Connect, or note in the conversation why that failed."""
        try:
            return self._connect(conversation, addresses)
        except TimeoutError as error:
            conversation.failed("timeout", self.now(), errno=error.errno)
        except socket.gaierror:
            conversation.failed("no-address", self.now())
        except OSError as error:
            conversation.lost(error.errno, self.now())
        return None

    def _connect(self, conversation: Conversation, addresses: Sequence[Address]) -> socket.socket:
        """Connect to the first address that takes it. Raises the last one's OSError."""
        problem: OSError = socket.gaierror("no address")
        for family, where in addresses:
            try:
                return self._connect_to(conversation, family, where)
            except OSError as error:
                problem = error
        raise problem

    def _connect_to(
        self, conversation: Conversation, family: socket.AddressFamily, where: object
    ) -> socket.socket:
        left = time_left(conversation, self.now())
        if left <= 0:
            raise TimeoutError
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(left)
            connection.connect(where)  # type: ignore[arg-type]  # an Address fits its family
            connection.settimeout(None)
        except OSError:
            connection.close()
            raise
        return connection


def run_threads(
    plan: Plan, target: Target | str, *, on_reply: ReplyObserver | None = None
) -> Report:
    """Carry out a plan over plain sockets and return the report; see `ThreadedFleet`.

    ``on_reply`` is called from the clients' threads.
    """
    return ThreadedFleet(target, plan, on_reply=on_reply).run()
