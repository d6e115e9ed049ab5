"""A command that is not ours, as its comparison sees it: running or not, what it said, its end.

It runs under a process that ends it, and all that it started, when this process ends: `guard`.
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
    """A command that runs; `end` must be called, which gives it so many seconds after SIGTERM.

    Raises LaunchError where it cannot be started.
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
        """Wait until it is started; give its number."""
        said = self._hear()
        if "pid" in said:
            return int(said["pid"])
        problem = f"it does not start: {said.get('problem', 'its guard ended')}"
        raise LaunchError(self.last_words.told(problem))

    def _hear(self) -> dict[str, Any]:
        """Wait for what the guard says; nothing where it was killed."""
        said: dict[str, Any] = json.loads(_given(self._guard.stdout).readline() or b"{}")
        return said

    @property
    def running(self) -> bool:
        """Whether the command's own process has not ended."""
        try:
            return self._process is not None and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def kill(self) -> None:
        """Kill its process group, as ``kill -9`` does, and wait until it has ended."""
        if not self.pid or self._guard.poll() is not None:
            return  # its number may be another process's by now
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        until = time.monotonic() + _END_SECONDS
        while self.running and time.monotonic() < until:
            time.sleep(_LOOK_EVERY)

    def end(self) -> int | None:
        """End it and all that it started; give its exit code, None where that is not known."""
        try:
            _given(self._guard.stdin).close()
            code = self._hear().get("code")
            if self._guard.wait():
                self._kill_unguarded()
        except BaseException:  # Ctrl-C again: nobody waits for SIGTERM to do its work
            self.kill()
            self._guard.wait()
            raise
        finally:
            self.last_words.wait(_END_SECONDS)
            _given(self._guard.stdout).close()
        return code

    def _kill_unguarded(self) -> None:
        """Kill what is left where somebody killed the guard, as a system short of memory may."""
        if self._process is None:
            return  # it was killed before it started anything
        with suppress(psutil.Error):
            for process in (*self._process.children(recursive=True), self._process):
                process.kill()


def _given(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - a pipe was asked for
    return pipe


class LastWords:
    """Reads a pipe to its end, in a thread, so that nobody waits for it; keeps what came last."""

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
        """Wait until all was read, for so long at most: others may hold the pipe."""
        self._thread.join(seconds)

    def __contains__(self, words: str) -> bool:
        """Tell whether these words, in lower case, were among the last."""
        return words in self._kept.decode(errors="replace").lower()

    def told(self, problem: str) -> str:
        """Say after a problem what was said last: a few lines, escaped, in one."""
        text = self._kept.decode(errors="backslashreplace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        shown = [escaped(line[:_LONGEST_LINE]) for line in lines[-_LINES:]]
        return f"{problem}; it said last: {' | '.join(shown)}" if shown else problem
