"""The same plan over plain sockets: a thread a client, no Twisted.

An independent witness. Only the `Conversation` is shared with the reactor's fleet; how bytes are
sent, received and waited for is the system's own business here. A client waits for its socket to
be readable or writable, so a message larger than all buffers cannot lock both sides up.
"""

import select
import socket
import struct
import threading
import time
from collections.abc import Sequence

from .conversation import Conversation, ReplyObserver
from .latency import Latencies
from .outcome import Outcome, Phase, reason_of_errno
from .plan import Plan
from .report import Report, make_report
from .resolve import Address, resolve
from .target import Target, parse_target

ENGINE = "threads"
"""The name of this engine in reports."""

_READ_SIZE = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


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
        self.latencies = Latencies()
        self._on_reply = on_reply
        self._lock = threading.Lock()
        self._began = 0.0

    def now(self) -> float:
        """Give the time since the run began, in seconds."""
        return time.monotonic() - self._began

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
        return make_report(ENGINE, str(self.target), self.plan, self.outcomes, self.latencies)

    def _start(self, number: int, addresses: Sequence[Address]) -> threading.Thread | None:
        # Daemons, so that an interrupted program does not wait for its clients.
        thread = threading.Thread(target=self._client, args=(number, addresses), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._not_started(number, "no-thread")
            return None
        return thread

    def _client(self, number: int, addresses: Sequence[Address]) -> None:
        latencies: list[float] = []
        conversation = Conversation(self.plan, number, latencies.append, self._on_reply)
        conversation.connecting(self.now())
        self._converse(conversation, addresses)
        self._note(conversation, latencies)

    def _not_started(self, number: int, reason: str) -> None:
        conversation = Conversation(self.plan, number, self.latencies.record)
        conversation.connecting(self.now())
        conversation.failed(reason, self.now())
        self._note(conversation, [])

    def _note(self, conversation: Conversation, latencies: list[float]) -> None:
        with self._lock:
            self.latencies.extend(latencies)
            if conversation.outcome is not None:
                self.outcomes.append(conversation.outcome)

    def _converse(self, conversation: Conversation, addresses: Sequence[Address]) -> None:
        try:
            connection = self._connect(conversation, addresses)
        except OSError as error:
            conversation.failed(_reason(error), self.now(), errno=error.errno)
            return
        with connection:
            talk = _Talk(connection, conversation, self)
            talk.run()

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
        left = self.time_left(conversation)
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

    def time_left(self, conversation: Conversation) -> float:
        """Say how long the present step may still take, in seconds."""
        return conversation.step + self.plan.timeout - self.now()


class _Talk:
    """One client's connected socket and its conversation."""

    def __init__(
        self, connection: socket.socket, conversation: Conversation, fleet: ThreadedFleet
    ) -> None:
        self._connection = connection
        self._conversation = conversation
        self._fleet = fleet
        self._unsent = memoryview(b"")

    def run(self) -> None:
        """Talk until the conversation has an outcome; reset the connection if it failed."""
        conversation = self._conversation
        self._unsent = memoryview(conversation.connected(self._fleet.now()))
        poller = select.poll()
        poller.register(self._connection)
        while conversation.outcome is None:
            left = self._fleet.time_left(conversation)
            if left <= 0:
                conversation.failed("timeout", self._fleet.now())
                break
            poller.modify(self._connection, self._interest())
            self._react(poller.poll(left * 1000))
        if not conversation.outcome or not conversation.outcome.answered:
            self._abort()

    def _interest(self) -> int:
        return select.POLLIN | (select.POLLOUT if self._unsent else 0)

    def _react(self, ready: list[tuple[int, int]]) -> None:
        for _, events in ready:
            # Reading first: what came before a reset is still to be had.
            if events & ~select.POLLOUT:
                self._receive()
            elif self._unsent:
                self._send()

    def _send(self) -> None:
        try:
            sent = self._connection.send(self._unsent, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(error, Phase.SEND)
            return
        self._unsent = self._unsent[sent:]

    def _receive(self) -> None:
        try:
            data = self._connection.recv(_READ_SIZE)
        except OSError as error:
            self._failed(error)
            return
        if not data:
            self._conversation.closed(self._fleet.now())
            return
        message = self._conversation.received(data, self._fleet.now())
        if message:
            self._unsent = memoryview(bytes(self._unsent) + message)
        elif self._conversation.finished:
            self._finish()

    def _finish(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError, phase: Phase | None = None) -> None:
        now = self._fleet.now()
        self._conversation.failed(_reason(error), now, errno=error.errno, phase=phase)

    def _abort(self) -> None:
        """Have closing send RST: the other side's replies are of no use any more."""
        try:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        except OSError:
            return  # it is gone already


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, socket.gaierror):
        return "no-address"
    return reason_of_errno(error.errno)


def run_threads(
    plan: Plan, target: Target | str, *, on_reply: ReplyObserver | None = None
) -> Report:
    """Carry out a plan over plain sockets and return the report; see `ThreadedFleet`.

    ``on_reply`` is called from the clients' threads.
    """
    return ThreadedFleet(target, plan, on_reply=on_reply).run()
