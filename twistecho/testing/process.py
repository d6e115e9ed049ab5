"""The process of a test's server, and requests to it; see `service_process`."""

import json
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from twistecho.base.notation import FieldError

from .fork_server import ForkServerError, fork_server
from .verbs import EchoServerError

ANSWER_SECONDS = 10.0
"""How long a service may take to answer; a stopped process never does."""

_CHUNK = 65536


class ServiceProcess:
    """Starts a service and sends it requests. Any thread may use it.

    ``listening`` is its first message. Raises EchoServerError with the service's output if it does
    not start.
    """

    def __init__(self, start: dict[str, Any], arguments: Sequence[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by kill
        self._lock = threading.Lock()  # held during a request
        self._control, theirs = socket.socketpair()  # not a pipe: gevent can wait for a socket
        self._unread = b""
        self._numbers = count(1)
        self._ended = True  # until it has started
        self.starter = fork_server()
        try:
            with theirs:
                files = theirs.fileno(), self._errors.fileno()
                self.pid = self.starter.start([json.dumps(start), *arguments], *files)
            self._ended = False
            self.listening: dict[str, Any] = self._answer(0, None)
        except ForkServerError as error:
            self.kill()
            raise EchoServerError(f"{error}") from None
        except BaseException:
            self.kill()
            raise

    @property
    def runs(self) -> bool:
        """Whether it still runs, as far as is known."""
        return not self._ended

    def ask(self, what: str, *arguments: Any, seconds: float | None = None) -> Any:
        """Send a request and return the answer.

        Raises FieldError as the service does, and EchoServerError if no answer arrives.
        """
        with self._lock:
            if self._ended:
                raise EchoServerError("the service has ended")
            seconds = ANSWER_SECONDS if seconds is None else seconds
            number = next(self._numbers)
            line = json.dumps([number, what, *arguments]).encode() + b"\n"
            try:
                self._control.settimeout(seconds)
                self._control.sendall(line)
                return self._answer(number, time.monotonic() + seconds)
            except TimeoutError:
                raise EchoServerError(
                    f"the service has not answered within {seconds:g} s"
                ) from None
            except OSError:
                raise EchoServerError(self._said()) from None

    def _answer(self, number: int, deadline: float | None) -> Any:
        """Read until the answer to this request; skip late answers to earlier requests."""
        while True:
            line, found, rest = self._unread.partition(b"\n")
            if not found:
                self._read_more(deadline)
                continue
            self._unread = rest
            at, answer, field = json.loads(line)
            if at != number:
                continue
            if field is not None:
                raise FieldError(field, answer)
            return answer

    def _read_more(self, deadline: float | None) -> None:
        if deadline is not None:
            self._control.settimeout(max(0.001, deadline - time.monotonic()))
        data = self._control.recv(_CHUNK)
        if not data:
            raise EchoServerError(self._said())
        self._unread += data

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does, and wait for its end."""
        if not self._ended:
            self._ended = True
            self.starter.kill(self.pid)
        with self._lock, suppress(OSError):
            self._control.close()
            self._errors.close()

    def _said(self) -> str:
        self._errors.seek(0)
        said = self._errors.read().decode(errors="backslashreplace").strip()
        return said or "the service has ended without output"
