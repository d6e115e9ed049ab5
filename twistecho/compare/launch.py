"""A server in a process of its own: started, found, and gone at the end.

It is gone at the end even where this process was killed: see `base.processes`.
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
    """The server did not start; the message is what it said."""


class LaunchedServer:
    """A module that is a server, in a process of its own, as a context manager.

    The block is given the `Target` at which the server listens, which it must say in a line with
    ``Listening on HOST:PORT: ``; its output is read to the end and dropped. On leaving the block
    the server is told to stop, and killed where it does not.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = command(module, *arguments)
        self._process: subprocess.Popen[str] | None = None
        self._drain: threading.Thread | None = None
        self.ended_early: str | None = None
        """How the server ended, where it did so before it was told to."""

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
        """Read what the server says until it says where it listens."""
        said: list[str] = []
        for line in process.stdout or ():
            if match := _LISTENING.search(line):
                # Nobody may leave the pipe full: the server would wait for its log.
                self._drain = threading.Thread(target=deque, args=(process.stdout, 0), daemon=True)
                self._drain.start()
                return parse_target(match[1])
            if not _LOGGED.match(line):
                said.append(line)
        raise LaunchError("".join(said).strip() or "the server ended without a word")

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
