"""Echo services for other people's tests, each in a process of its own: see `service_process`."""

import json
import subprocess
import sys
import tempfile
import threading
from typing import Any, final

_STOP_SECONDS = 10.0


class EchoServerError(RuntimeError):
    """The service did not start, or has ended; the message is what it said."""


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

    The keywords are the options of ``twist echo``, except that replies are ``raw`` unless asked
    otherwise. Raises EchoServerError with what the service said if it does not start. It ends with
    `stop`, `kill`, or this process, however that ends.
    """

    def __init__(self, **options: Any) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by kill
        self._lock = threading.Lock()
        arguments = arguments_of({"reply": "raw", **options})
        # A session of its own: Ctrl-C is for the tests, which then end the service.
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [sys.executable, "-P", "-m", "twistecho.testing.service_process", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self._status: dict[str, Any] = {}
        try:
            self._read()
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
        if self._process.poll() is None:
            try:
                self._tell("stop")
                self._process.wait(_STOP_SECONDS)
                self._read()
            except (subprocess.TimeoutExpired, EchoServerError):
                pass  # it is killed
        self.kill()

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does: its connections are lost."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def _now(self) -> dict[str, Any]:
        """Ask for the status; one that has ended keeps its last."""
        with self._lock:
            if self._process.poll() is None:
                self._tell("status")
                self._read()
            return self._status

    def _tell(self, line: str) -> None:
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            raise EchoServerError("the service has ended")
        try:
            stdin.write(line.encode() + b"\n")
            stdin.flush()
        except OSError as error:
            raise EchoServerError(self._said()) from error

    def _read(self) -> None:
        stdout = self._process.stdout
        line = stdout.readline() if stdout is not None and not stdout.closed else b""
        if not line:
            self._process.wait()
            raise EchoServerError(self._said())
        self._status = json.loads(line)

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
