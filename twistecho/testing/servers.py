"""Echo services for other people's tests, each in a process of its own: see `service_process`."""

import json
import socket
import tempfile
import threading
from contextlib import suppress
from typing import Any, final

from .fork_server import ForkServerError, fork_server

_STOP_SECONDS = 10.0


class EchoServerError(RuntimeError):
    """The service did not start; the message is what it said."""


def arguments_of(options: dict[str, Any]) -> list[str]:
    """Write keywords as options of ``twist echo``: ``delay_per="reply"``, ``in_band=True``.

    A list is an option that is given several times; None and False are options not given.
    """
    arguments = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is True:
                arguments.append(option)
            elif one is not None and one is not False:
                arguments.append(f"{option}={one}")
    return arguments


class EchoServer:
    """A running echo service, listening on ``host`` and ``port``.

    The keywords are the options of ``twist echo``, except that replies are ``raw`` and the port is
    a free one unless asked otherwise; of several ports the first of TCP is told. Raises
    EchoServerError with what the service said if it does not start. It ends with `stop`, `kill`, or
    this process, however that ends and whatever it has forked. Any thread may use it. ``pid`` is
    its process; see `fork_server` for how it starts.
    """

    def __init__(self, **options: Any) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by kill
        self._lock = threading.Lock()  # whoever holds it reads
        self._control, theirs = socket.socketpair()  # not a pipe: gevent waits for it as it does
        self._lines = self._control.makefile("rb")
        self._starter = fork_server()
        self._status: dict[str, Any] = {}
        self._ended = True  # as long as it has not started
        try:
            self._start(arguments_of({"reply": "raw", **options}), theirs)
        except BaseException:
            self.kill()
            raise
        self.host: str = self._status["host"]
        self.port: int = self._status["port"]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as `socket.create_connection` takes them."""
        return self.host, self.port

    @property
    def connections(self) -> int:
        """How many connections it has accepted since it started."""
        return int(self._now()["connections"])

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return int(self._now()["open"])

    @property
    def faults(self) -> dict[str, int]:
        """How many faults have come about, by kind."""
        return dict(self._now()["faults"])

    @property
    def control_words(self) -> dict[str, int]:
        """How many control words were obeyed, and how many not understood."""
        return dict(self._now()["control_words"])

    @property
    def how(self) -> str:
        """How it answers, in a few words; the seed that was drawn is among them."""
        return str(self._status["how"])

    def stop(self) -> None:
        """Have what is owed delivered, then end; kill it where that takes over ten seconds."""
        with suppress(OSError, ValueError):  # it has ended, or is killed
            self._tell(b"stop\n")
            with self._lock:
                self._control.settimeout(_STOP_SECONDS)
                while self._read():
                    pass
        self.kill()

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does: its connections are lost."""
        if not self._ended:
            self._ended = True
            self._starter.kill(self.pid)
        with self._lock:
            for stream in (self._lines, self._control, self._errors):
                stream.close()

    def _now(self) -> dict[str, Any]:
        """Ask for the status; one that has ended, or does so meanwhile, keeps its last."""
        with self._lock, suppress(OSError, ValueError):
            self._tell(b"status\n")
            self._read()
        return self._status

    def _tell(self, line: bytes) -> None:
        """Send a line. Raises OSError where the service has ended, ValueError after `kill`."""
        self._control.sendall(line)

    def _read(self) -> bool:
        """Read a status, where there is one more; say whether there was."""
        line = self._lines.readline()
        if line.endswith(b"\n"):
            self._status = json.loads(line)
        return bool(line)

    def _start(self, arguments: list[str], control: socket.socket) -> None:
        """Start it and read its first status. Raises EchoServerError where there is none."""
        try:
            with control:
                files = control.fileno(), self._errors.fileno()
                self.pid: int = self._starter.start(arguments, *files)
        except ForkServerError as error:
            raise EchoServerError(f"{error}") from None
        self._ended = False
        if not self._read():
            raise EchoServerError(self._said())

    def _said(self) -> str:
        self._errors.seek(0)
        said = self._errors.read().decode(errors="backslashreplace").strip()
        return said or "the service has ended without a word"


@final
class EchoServers:
    """Starts servers when called with their options, and ends them all on leaving its block.

    What it says and does itself is of all its servers together.
    """

    def __init__(self) -> None:
        self.started: list[EchoServer] = []

    def __call__(self, **options: Any) -> EchoServer:
        """Start a server; see `EchoServer`."""
        server = EchoServer(**options)
        self.started.append(server)
        return server

    @property
    def connections(self) -> int:
        """How many connections have been accepted."""
        return sum(server.connections for server in self.started)

    def stop(self) -> None:
        """Have what is owed delivered, then end."""
        for server in self.started:
            server.stop()

    def kill(self) -> None:
        """End at once."""
        for server in self.started:
            server.kill()

    def __enter__(self) -> "EchoServers":
        """Begin with no server."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End what was started, at once: a test that is over waits for no reply."""
        self.kill()
