"""Starts a process for each service in milliseconds: it imports the modules once, and forks.

`ForkServer` runs in the tests' process; `main` runs in a process of its own, which ends with that.
Over a socket between them go lines of JSON, one answer per request, and open files (unix(7)):

    -> {"arguments": [...], "environment": {...}}   a socket, a file to write to, a folder
    <- 4711                                         the id of the service's process
    -> {"kill": 4711}
    <- 4711                                         it has ended

The service has that socket as its standard input and its descriptor as an argument (see
`service_process`), writes to that file, works in that folder, and has a session of its own, so that
Ctrl-C reaches only the tests.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from twistecho.base.processes import command, end_with

_CHUNK = 65536

Request = tuple[dict[str, Any], list[int]]
"""A request, and the files received with it."""

_servers: dict[tuple[object, ...], "ForkServer"] = {}

_lock = threading.Lock()


class ForkServerError(RuntimeError):
    """The fork server cannot start a service; the message is its output."""


class ForkServer:
    """Starts and kills services through a process of its own. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed at exit
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                command(__name__, str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._started_by = os.getpid()
        atexit.register(self._close)

    @property
    def runs(self) -> bool:
        """Whether it can start services."""
        return self._process.poll() is None

    def start(self, arguments: Sequence[str], control: int, output: int) -> int:
        """Start a service with these open files; return its process id. Raises ForkServerError."""
        request = {"arguments": [*arguments], "environment": dict(os.environ)}
        folder = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
        try:
            return self._ask(request, [control, output, folder])
        finally:
            os.close(folder)

    def kill(self, service: int) -> None:
        """Kill a service and wait for its end."""
        with suppress(ForkServerError):  # the fork server has ended, and its services with it
            self._ask({"kill": service})

    def _ask(self, request: dict[str, Any], files: Sequence[int] = ()) -> int:
        with self._lock:
            try:
                answer = self._asked(json.dumps(request).encode() + b"\n", files)
            except BaseException:
                self._process.kill()  # or the next request would read this answer
                raise
        if not answer:
            raise ForkServerError(self._said())
        return int(answer)

    def _asked(self, line: bytes, files: Sequence[int]) -> bytes:
        with suppress(OSError):
            sent = socket.send_fds(self._requests, [line], files)
            self._requests.sendall(line[sent:])
            return self._requests.recv(_CHUNK)
        return b""

    def _said(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="backslashreplace").strip()
        return said or "the process that starts services has ended without output"

    def _close(self) -> None:
        if self._started_by == os.getpid():  # in a fork of the tests nothing is killed
            self._process.kill()
            self._process.wait()
        self._requests.close()
        self._errors.close()


def fork_server() -> ForkServer:
    """Return this process's fork server; a new one after PYTHON* variables have changed."""
    variables = {name: text for name, text in os.environ.items() if name.startswith("PYTHON")}
    conditions = os.getpid(), *sorted(variables.items())
    with _lock:
        found = _servers.get(conditions)
        if found is None or not found.runs:
            found = _servers[conditions] = ForkServer()
        return found


def _received(requests: socket.socket) -> Request | None:
    """Wait for a request; return None when the tests have closed the socket."""
    line, files, _flags, _address = socket.recv_fds(requests, _CHUNK, 3)
    while line and not line.endswith(b"\n"):
        line += requests.recv(_CHUNK)
    return (json.loads(line), files) if line else None


def _fork(files: list[int]) -> int:
    with warnings.catch_warnings():
        # The only other thread, if any, waits for the end of the tests, and holds no lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        service = os.fork()
    if service:
        for file in files:
            os.close(file)
    return service


def _become(environment: dict[str, str], control: int, output: int, folder: int) -> str:
    """Turn this process into a service's; return the descriptor of its socket."""
    os.setsid()
    for file, number in ((control, 0), (output, 1), (output, 2)):
        os.dup2(file, number)
    os.fchdir(folder)
    os.close(output)
    os.close(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    return str(control)


def main(number: str) -> None:
    """Start services until the tests close the socket; in a service's process, serve."""
    from .service_process import main as serve  # noqa: PLC0415 - only this process needs it

    me, requests = os.getpid(), socket.socket(fileno=int(number))
    services: set[int] = set()
    while received := _received(requests):
        request, files = received
        if "kill" in request:
            answer = _kill(services, request["kill"])
        elif answer := _fork(files):
            services.add(answer)
        else:
            requests.close()
            end_with(me, me)
            serve([_become(request["environment"], *files), *request["arguments"]])
            return
        requests.sendall(str(answer).encode())


def _kill(services: set[int], service: int) -> int:
    """Kill a service, unless it was killed before: its id may be another process's by now."""
    if service in services:
        services.remove(service)
        os.kill(service, signal.SIGKILL)
        os.waitpid(service, 0)
    return service


if __name__ == "__main__":
    main(*sys.argv[1:])
