"""A service in a process of its own: started, found, and gone at the end."""

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from .target import Target, parse_target

_STOP_SECONDS = 10.0


class LaunchError(RuntimeError):
    """The service did not start; the message is what it said."""


class LaunchedService:
    """``twist echo --port 0`` with the options given, as a context manager.

    The block is given the `Target` at which the service listens. On leaving it the service is told
    to stop, which gives owed replies their time, and killed where it does not.
    """

    def __init__(self, options: Sequence[str] = ()) -> None:
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._drain: threading.Thread | None = None

    def __enter__(self) -> Target:
        """Start the service and wait until it listens. Raises LaunchError if it does not."""
        command = [sys.executable, "-m", "twisted", "--log-format=json", "echo", "--port=0"]
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [*command, *self._options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            return self._find(self._process)
        except BaseException:
            self._end()
            raise

    def _find(self, process: "subprocess.Popen[str]") -> Target:
        """Read the service's log until it says where it listens."""
        said: list[str] = []
        for line in process.stdout or ():
            event = _event(line)
            if event is None:
                said.append(line)
            elif event.get("port") and event.get("how"):
                # Nobody may leave the pipe full: the service would wait for its log.
                self._drain = threading.Thread(target=deque, args=(process.stdout, 0), daemon=True)
                self._drain.start()
                return parse_target(f"{event['host']}:{event['port']}")
        raise LaunchError("".join(said).strip() or "the service ended without a word")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the service."""
        self._end()

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._drain is not None:
            self._drain.join()
        if process.stdout is not None:
            process.stdout.close()


def _event(line: str) -> dict[str, Any] | None:
    """Read one line of a JSON log (RFC 7464), or None where it is something else."""
    try:
        event = json.loads(line.lstrip("\x1e"))
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
