"""An echo service for other people's tests, in a process of its own: see `service_process`."""

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
"""How long a service that is to be killed may take to say what it has received."""

_WAIT = 0.005
"""Seconds between two looks at what has been received."""

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
"""The state of a service that never said how it was."""


class EchoServer(Verbs):
    """A running echo service, listening on ``host`` and ``port``, which a test can steer.

    The keywords are the options of ``twist echo`` and the fields of a `Scenario`, as that takes
    them, except that replies are ``raw``, unless a ``scenario`` is given, and the port is a free
    one; of several ports the first of TCP is told. ``arguments`` are options as texts of a command
    line; keywords take precedence. Raises TypeError for an option that there is not, FieldError for
    a value that cannot be sent, EchoServerError with what the service said if it does not start.

    It ends with `stop`, `kill`, its block as a context manager, or this process, however that ends
    and whatever it has forked. Any thread may use it. ``pid`` is its process; see `fork_server` for
    how it starts. What it receives is recorded: the last 1,000 messages and 1 MiB, unless
    ``max_received`` and ``max_received_bytes`` say otherwise.
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
        """The number of its process."""
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
        """How many faults have come about, by kind, since it started, or was reset."""
        return dict(self._status()["faults"])

    @property
    def faults(self) -> dict[str, int]:
        """What `faults_met` gives."""
        return self.faults_met

    @property
    def control_words(self) -> dict[str, int]:
        """How many control words were obeyed, and how many not understood."""
        return dict(self._status()["control_words"])

    @property
    def how(self) -> str:
        """How it answers, in a few words; the seed that was drawn is among them."""
        return str(self._status()["how"])

    def _status(self) -> dict[str, Any]:
        """Ask for the status; one that has ended, or does so meanwhile, keeps its last."""
        with suppress(EchoServerError):
            self._state = {**self._state, "status": self._process.ask("status")}
        return dict(self._state["status"])

    @property
    def record(self) -> Record:
        """What was received since the last reset, and is kept; after `stop` or `kill` what was.

        Raises EchoServerError where the service has ended by itself.
        """
        if self._process.runs:
            return read_record(self._process.ask("received"))
        return read_record(self._state["received"])

    def wait_for(self, n: int, timeout: float = 5.0) -> list[ReceivedMessage]:
        """Wait until ``n`` messages have come since the last reset; give those that are kept.

        Raises TimeoutError after ``timeout`` seconds. It blocks its thread: where the client runs
        in this one, in an event loop, have another thread wait, as `asyncio.to_thread` does.
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
        """Change fields of the scenario; see `Verbs`. One that has stopped will start with them."""
        document = document_of(fields)
        if self._process.runs:
            before: dict[str, Any] = self._process.ask("change", document)
            return before
        kept = self._kept_scenario()
        self._keep_scenario(merged(kept, document))
        return {name: kept[name] for name in document}

    def in_force(self, field: str) -> Sequence[Any]:
        """Give faults or answers as documents; see `Verbs`."""
        found: Sequence[Any] = self._document()[field]
        return found

    def _document(self) -> dict[str, Any]:
        """Give the scenario in force as a document."""
        if self._process.runs:
            document: dict[str, Any] = self._process.ask("scenario")
            return document
        return self._kept_scenario()

    def _kept_scenario(self) -> dict[str, Any]:
        """Give the scenario with which it will start. Raises EchoServerError where it has none."""
        if not self._state["scenario"]:
            raise EchoServerError("the service has ended")
        return dict(self._state["scenario"])

    def _keep_scenario(self, document: dict[str, Any]) -> None:
        """Keep a scenario for the next start. Raises FieldError."""
        read = read_scenario(document, lines_of=lines_of)
        self._state = {**self._state, "scenario": written(read)}

    @property
    def scenario(self) -> Scenario:
        """What becomes of messages. Setting it puts another one in force, whole.

        A `Scenario` that names no reply format has stamped replies.
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
        """Begin anew, with fields of the scenario that it started with changed, until the next.

        Raises FieldError, and then changes nothing, and EchoServerError.
        """
        with self._changing:
            self.resets += 1
            self._process.ask("begin", document_of(fields))

    def stop(self) -> None:
        """Have what is owed delivered, then end; kill it where that takes over ten seconds.

        Nobody else gets its port before this object has gone, or is killed; see `start`.
        """
        if self._process.runs:
            with suppress(EchoServerError):
                self._state = self._process.ask("stop")
            self._process.kill()
            self._reserved = reserve(self, self.host, self.port)

    def start(self) -> None:
        """Start again, on the same port, what has stopped or was killed.

        The scenario that was in force then is so again, numbers of connections go on, and what was
        received before stays. Limits of faults and answers count anew.
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

        Before, it is asked what it has received.
        """
        if self._process.runs:
            with suppress(EchoServerError):
                self._state = self._process.ask("state", seconds=_LAST_SECONDS)
            self._process.kill()
        self._reserved()

    def describe_received(self) -> list[str]:
        """Show where and how it answers, and what it has received; of a dead one what is known."""
        record = Record(0, [])
        with suppress(EchoServerError):
            if self._process.runs:
                self._state = self._process.ask("state", seconds=_LAST_SECONDS)
            record = read_record(self._state["received"])
        return [f"{self.host}:{self.port}, {self._state['status']['how']}", *record.lines()]

    def __enter__(self) -> Self:
        """Go on: it runs."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End it, at once: a test that is over waits for no reply."""
        self.kill()


def _start_of(
    arguments: Sequence[str], options: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Give the texts of a command line that start a service, and the fields of its scenario."""
    workers = {"workers": options["workers"]} if "workers" in options else {}
    named = {name: value for name, value in options.items() if name not in workers}
    fields, others = divided(checked(named, EchoServerOptions, "EchoServer()"))
    scenario = others.get("scenario")
    if isinstance(scenario, Scenario):
        fields = {**fields_of(others.pop("scenario")), **fields}
    elif scenario is None and not any(each.startswith("--scenario") for each in arguments):
        arguments = ["--reply=raw", *arguments]
    # Workers cannot be asked; the service says so.
    return [*arguments, *arguments_of({**others, **workers})], document_of(fields)


def fields_of(scenario: Scenario) -> dict[str, Any]:
    """Give all fields of a scenario."""
    return {name: getattr(scenario, name) for name in ScenarioFields.__annotations__}


STOOD_STILL = (
    "The event loop of this thread stood still meanwhile: if the client runs in it, "
    "await asyncio.to_thread(server.wait_for, ...)"
)
"""What a test that waits in an event loop is told."""


def _in_event_loop() -> bool:
    asyncio: Any = sys.modules.get("asyncio")  # who has a loop has imported it
    with suppress(RuntimeError):
        return asyncio is not None and asyncio.get_running_loop() is not None
    return False


def _too_few(record: Record, n: int, timeout: float) -> str:
    """Say what has come instead, and why nothing more may have."""
    lines = [f"{record.total} of {n} messages came within {timeout:g} s:"]
    lines += [f"  {line}" for line in record.lines()]
    if _in_event_loop():
        lines += [STOOD_STILL]
    return "\n".join(lines)
