"""A server in its own process: started, found by its log line, and stopped at the end.

It ends even if this process is killed: see `base.processes`.
"""

import re
import subprocess
import threading
from collections import deque

from twistecho.base.processes import command, ending
from twistecho.fleet.plans.target import Target, parse_target

_STOP_SECONDS = 10.0
_LISTENING = re.compile(r"Listening on (\S+:\d+): ")
_LOGGED = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[")


class LaunchError(RuntimeError):
    """The server did not start; the message is its output."""


class LaunchedServer:
    """A module that runs a server, in its own process, as a context manager.

    The block gets the `Target` at which the server listens. The server must log it in a line with
    ``Listening on HOST:PORT: ``; its output is read to the end and dropped. On leaving the block
    the server is stopped, and killed if it does not stop.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = command(module, *arguments)
        self._process: subprocess.Popen[str] | None = None
        self._drain: threading.Thread | None = None
        self.ended_early: str | None = None
        """How the server ended, if it ended before it was stopped."""

    @property
    def pid(self) -> int:
        """The number of the server's process. Raises LaunchError before it is started."""
        if self._process is None:
            raise LaunchError("not started")
        return self._process.pid

    def __enter__(self) -> Target:
        """Start the server and wait until it listens. Raises LaunchError if it does not."""
        # A session of its own: Ctrl-C is for this process, which then stops the server.
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
        )
        try:
            return self._find(self._process)
        except BaseException:
            self._end(self._process)
            raise

    def _find(self, process: "subprocess.Popen[str]") -> Target:
        """Read the server's output until the line with its address."""
        said: list[str] = []
        for line in process.stdout or ():
            if match := _LISTENING.search(line):
                # The pipe must never be full: the server would block when it logs.
                self._drain = threading.Thread(target=deque, args=(process.stdout, 0), daemon=True)
                self._drain.start()
                return parse_target(match[1])
            if not _LOGGED.match(line):
                said.append(line)
        raise LaunchError("".join(said).strip() or "the server ended without any output")

    def kill(self) -> None:
        """Kill the server, as ``kill -9`` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __exit__(self, *_error: object) -> None:
        """Stop the server."""
        if self._process is not None:
            self._end(self._process)

    def _end(self, process: "subprocess.Popen[str]") -> None:
        code = process.poll()
        if code is None:
            self._stop(process)
        else:
            self.ended_early = ending(code)
        if self._drain is not None:
            self._drain.join(_STOP_SECONDS)
        if process.stdout is not None and not (self._drain and self._drain.is_alive()):
            process.stdout.close()

    def _stop(self, process: "subprocess.Popen[str]") -> None:
        process.terminate()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except BaseException as error:
            process.kill()
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
