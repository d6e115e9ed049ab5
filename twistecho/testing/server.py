"""An echo service for the tests of other projects, in its own process: see `service_process`."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self, Unpack

from twistecho.base.files import lines_of
from twistecho.service.control.merge_patch import merged
from twistecho.service.scenario.document import read_scenario, written
from twistecho.service.scenario.scenario import Scenario

from .documents import document_of
from .options import EchoServerOptions, ScenarioFields, arguments_of, checked, divided
from .ports import reserve
from .process import ServiceProcess
from .received import ReceivedMessage, Record, read_record
from .verbs import EchoServerError, Peer, Verbs

_LAST_SECONDS = 1.0
"""How long a service may take to report its messages before it is killed."""

_WAIT = 0.005
"""Seconds between two checks of the received messages."""

_NOTHING: dict[str, Any] = {
    "scenario": {},
    "status": {
        "how": "",
        "connections": 0,
        "open": 0,
        "faults": {},
        "control_words": {},
        "messages": 0,
    },
    "received": {"total": 0, "messages": []},
}
"""The state of a service that never reported one."""


class EchoServer(Verbs):
    """A running echo service, listening on ``host`` and ``port``, which a test can steer.

    The keywords are the options of ``twist echo`` and the fields of a `Scenario`, except that
    replies are ``raw``, unless a ``scenario`` is given, and the port is a free one; of several
    ports, ``port`` is the first TCP port. ``arguments`` are options as texts of a command line;
    keywords take precedence. Raises TypeError for an unknown option, FieldError for a value that
    cannot be sent, EchoServerError with the service's output if it does not start.

    It ends with `stop`, `kill`, the end of its block as a context manager, or the end of this
    process, however that ends and whatever it has forked. Any thread may use it. ``pid`` is its
    process id; see `fork_server` for how it starts. Received messages are recorded: the last 1,000
    and 1 MiB, unless ``max_received`` and ``max_received_bytes`` set other limits.
    """

    def __init__(self, *arguments: str, **options: Unpack[EchoServerOptions]) -> None:
        super().__init__()
        self._arguments, self._fields = _start_of(arguments, options)
        self._state = _NOTHING
        self._reserved: Callable[[], object] = lambda: None
        self._start({})

    def _start(self, more: Mapping[str, Any]) -> None:
        self._process = ServiceProcess({"scenario": self._fields, **more}, self._arguments)
        self.host: str = self._process.listening["host"]
        self.port: int = self._process.listening["port"]
        self._starter = self._process.starter

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as `socket.create_connection` takes them."""
        return self.host, self.port

    @property
    def connections(self) -> int:
        """How many connections it has accepted since it started, or was reset."""
        return int(self._status()["connections"])

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return int(self._status()["open"])

    @property
    def open_peers(self) -> list[Peer]:
        """The peers of open connections, in the order of accept: ``socket.getsockname()`` there."""
        peers = self._process.ask("peers") if self._process.runs else []
        return [peer if isinstance(peer, str) else tuple(peer) for peer in peers]

    @property
    def faults_met(self) -> dict[str, int]:
        """How many faults were applied, by kind, since it started, or was reset."""
        return dict(self._status()["faults"])

    @property
    def faults(self) -> dict[str, int]:
        """The same as `faults_met`."""
        return self.faults_met

    @property
    def control_words(self) -> dict[str, int]:
        """How many control words were obeyed, and how many not understood."""
        return dict(self._status()["control_words"])

    @property
    def how(self) -> str:
        """A short description of how it answers, with the seed that was drawn."""
        return str(self._status()["how"])

    def _status(self) -> dict[str, Any]:
        """Return the status; of a service that has ended, the last one."""
        with suppress(EchoServerError):
            self._state = {**self._state, "status": self._process.ask("status")}
        return dict(self._state["status"])

    @property
    def record(self) -> Record:
        """The messages received since the last reset that are kept, also after `stop` or `kill`.

        Raises EchoServerError if the service has ended by itself.
        """
        if self._process.runs:
            return read_record(self._process.ask("received"))
        return read_record(self._state["received"])

    def wait_for(self, n: int, timeout: float = 5.0) -> list[ReceivedMessage]:
        """Wait until ``n`` messages have arrived since the last reset; return those kept.

        Raises TimeoutError after ``timeout`` seconds. It blocks its thread: if the client runs in
        this thread, in an event loop, let another thread wait, for example with
        `asyncio.to_thread`.
        """
        deadline = time.monotonic() + timeout
        while self._count_received() < n:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(_too_few(self.record, n, timeout))
            time.sleep(min(_WAIT, left))
        return self.received

    def _count_received(self) -> int:
        """Count messages since the last reset. Raises EchoServerError as `record` does."""
        if self._process.runs:
            return int(self._process.ask("status")["messages"])
        return self.record.total

    def change(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change fields of the scenario; see `Verbs`. A stopped server will start with them."""
        document = document_of(fields)
        if self._process.runs:
            before: dict[str, Any] = self._process.ask("change", document)
            return before
        kept = self._kept_scenario()
        self._keep_scenario(merged(kept, document))
        return {name: kept[name] for name in document}

    def in_force(self, field: str) -> Sequence[Any]:
        """Return faults or answers as documents; see `Verbs`."""
        found: Sequence[Any] = self._document()[field]
        return found

    def _document(self) -> dict[str, Any]:
        """Return the scenario in force as a document."""
        if self._process.runs:
            document: dict[str, Any] = self._process.ask("scenario")
            return document
        return self._kept_scenario()

    def _kept_scenario(self) -> dict[str, Any]:
        """Return the scenario of the next start. Raises EchoServerError if there is none."""
        if not self._state["scenario"]:
            raise EchoServerError("the service has ended")
        return dict(self._state["scenario"])

    def _keep_scenario(self, document: dict[str, Any]) -> None:
        """Keep a scenario for the next start. Raises FieldError."""
        read = read_scenario(document, lines_of=lines_of)
        self._state = {**self._state, "scenario": written(read)}

    @property
    def scenario(self) -> Scenario:
        """The rules for messages. Setting it replaces the whole scenario.

        A `Scenario` without a reply format has stamped replies.
        """
        return read_scenario(self._document(), lines_of=lines_of)

    @scenario.setter
    def scenario(self, scenario: Scenario) -> None:
        document = document_of(fields_of(scenario))
        if self._process.runs:
            self._process.ask("put", document)
        else:
            self._kept_scenario()
            self._keep_scenario(document)

    def _reset(self) -> None:
        self._process.ask("reset")

    def begin(self, fields: Mapping[str, Any]) -> None:
        """Reset, with changes to the scenario that it started with, until the next call.

        Raises FieldError, after which nothing is changed, and EchoServerError.
        """
        with self._changing:
            self.resets += 1
            self._process.ask("begin", document_of(fields))

    def stop(self) -> None:
        """Let it deliver all pending replies, then end it; kill it after ten seconds.

        No other program gets its port until this object is collected, or killed; see `start`.
        """
        if self._process.runs:
            with suppress(EchoServerError):
                self._state = self._process.ask("stop")
            self._process.kill()
            self._reserved = reserve(self, self.host, self.port)

    def start(self) -> None:
        """Start it again, on the same port, after it was stopped or killed.

        The scenario that was in force then is in force again, the numbers of connections continue,
        and received messages stay. Limits of faults and answers start from 0.
        """
        if self._process.runs:
            return
        going_on = {"state": self._state} if self._state["scenario"] else {}
        try:
            self._start({"port": self.port, **going_on})
        finally:
            self._reserved()

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does: its connections are lost.

        Before that, its received messages are requested.
        """
        if self._process.runs:
            with suppress(EchoServerError):
                self._state = self._process.ask("state", seconds=_LAST_SECONDS)
            self._process.kill()
        self._reserved()

    def describe_received(self) -> list[str]:
        """Return lines with its address, how it answers and its messages, as far as known."""
        record = Record(0, [])
        with suppress(EchoServerError):
            if self._process.runs:
                self._state = self._process.ask("state", seconds=_LAST_SECONDS)
            record = read_record(self._state["received"])
        return [f"{self.host}:{self.port}, {self._state['status']['how']}", *record.lines()]

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End it at once: a finished test waits for no reply."""
        self.kill()


def _start_of(
    arguments: Sequence[str], options: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Return the options that start a service, as texts, and the fields of its scenario."""
    workers = {"workers": options["workers"]} if "workers" in options else {}
    named = {name: value for name, value in options.items() if name not in workers}
    fields, others = divided(checked(named, EchoServerOptions, "EchoServer()"))
    scenario = others.get("scenario")
    if isinstance(scenario, Scenario):
        fields = {**fields_of(others.pop("scenario")), **fields}
    elif scenario is None and not any(each.startswith("--scenario") for each in arguments):
        arguments = ["--reply=raw", *arguments]
    # Workers cannot answer requests; the service reports that.
    return [*arguments, *arguments_of({**others, **workers})], document_of(fields)


def fields_of(scenario: Scenario) -> dict[str, Any]:
    """Return all fields of a scenario."""
    return {name: getattr(scenario, name) for name in ScenarioFields.__annotations__}


STOOD_STILL = (
    "The event loop of this thread was blocked meanwhile: if the client runs in it, "
    "await asyncio.to_thread(server.wait_for, ...)"
)
"""The hint for a test that waits in an event loop."""


def _in_event_loop() -> bool:
    asyncio: Any = sys.modules.get("asyncio")  # a loop exists only if it was imported
    with suppress(RuntimeError):
        return asyncio is not None and asyncio.get_running_loop() is not None
    return False


def _too_few(record: Record, n: int, timeout: float) -> str:
    """Return lines with the messages that arrived, and a possible reason for the missing ones."""
    lines = [f"{record.total} of {n} messages arrived within {timeout:g} s:"]
    lines += [f"  {line}" for line in record.lines()]
    if _in_event_loop():
        lines += [STOOD_STILL]
    return "\n".join(lines)
