"""A foreign command as the comparison sees it: whether it runs, its last output, its end.

It runs under the process `guard`, which ends it, and all that it started, when this process ends.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

import psutil

from twistecho.base.notation import escaped

from . import guard
from .launch import LaunchError

_KEPT = 4096
_LINES = 3
_LONGEST_LINE = 200
_END_SECONDS = 5.0
_LOOK_EVERY = 0.01


class Guarded:
    """A running command. `end` must be called; it allows ``stop_seconds`` after SIGTERM.

    Raises LaunchError if it cannot be started.
    """

    def __init__(self, words: Sequence[str], stop_seconds: float) -> None:
        # A session of its own: Ctrl-C is for this process, which then ends the command.
        self._guard = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", guard.__name__, str(stop_seconds), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.last_words = LastWords(_given(self._guard.stderr))
        self.pid = 0
        """The number of the command's process, and of its process group."""
        self._process: psutil.Process | None = None
        try:
            self.pid = self._started()
            self._process = psutil.Process(self.pid)
        except BaseException:
            self.end()
            raise

    def _started(self) -> int:
        """Wait until it is started; return its process number."""
        said = self._hear()
        if "pid" in said:
            return int(said["pid"])
        problem = f"it does not start: {said.get('problem', 'its parent process ended')}"
        raise LaunchError(self.last_words.told(problem))

    def _hear(self) -> dict[str, Any]:
        """Wait for the guard's next line; empty if the guard was killed."""
        said: dict[str, Any] = json.loads(_given(self._guard.stdout).readline() or b"{}")
        return said

    @property
    def running(self) -> bool:
        """Whether the command's own process is still running."""
        try:
            return self._process is not None and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def kill(self) -> None:
        """Kill its process group, as ``kill -9`` does, and wait until it has ended."""
        if not self.pid or self._guard.poll() is not None:
            return  # its process number may have been reused
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        until = time.monotonic() + _END_SECONDS
        while self.running and time.monotonic() < until:
            time.sleep(_LOOK_EVERY)

    def end(self) -> int | None:
        """End it and all that it started; return its exit code, None if that is unknown."""
        try:
            _given(self._guard.stdin).close()
            code = self._hear().get("code")
            if self._guard.wait():
                self._kill_unguarded()
        except BaseException:  # Ctrl-C again: do not wait for SIGTERM to take effect
            self.kill()
            self._guard.wait()
            raise
        finally:
            self.last_words.wait(_END_SECONDS)
            _given(self._guard.stdout).close()
        return code

    def _kill_unguarded(self) -> None:
        """Kill the processes left by a killed guard; a system short of memory may kill it."""
        if self._process is None:
            return  # the guard was killed before it started the command
        with suppress(psutil.Error):
            for process in (*self._process.children(recursive=True), self._process):
                process.kill()


def _given(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - a pipe was asked for
    return pipe


class LastWords:
    """Reads a pipe to its end, in a thread, so that no writer blocks; keeps the last bytes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 65536):
                self._kept = (self._kept + data)[-_KEPT:]

    def wait(self, seconds: float) -> None:
        """Wait until everything is read, at most this long: other processes may hold the pipe."""
        self._thread.join(seconds)

    def __contains__(self, words: str) -> bool:
        """Return whether these words, in lower case, are in the last output."""
        return words in self._kept.decode(errors="replace").lower()

    def told(self, problem: str) -> str:
        """Return a problem followed by the last few lines of output, escaped, in one line."""
        text = self._kept.decode(errors="backslashreplace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        shown = [escaped(line[:_LONGEST_LINE]) for line in lines[-_LINES:]]
        return f"{problem}; its last output: {' | '.join(shown)}" if shown else problem
