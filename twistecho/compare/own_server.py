"""The user's own server in a comparison: started on a port, waited for, stopped at the end.

A port that was free a moment ago may be taken when the server binds it. So a server that reports
this, or ends before it accepts connections, is started again on another port.
"""

import socket
import time
from contextlib import suppress

from twistecho.base.notation import written
from twistecho.base.processes import ending
from twistecho.fleet.plans.target import Target, parse_target

from .guarded import Guarded
from .launch import LaunchError
from .own_command import OwnCommand

START_SECONDS = 30.0
"""Seconds until a server must accept connections, all tries together."""

TRIES = 3
"""How often in all a server is started that ends early or reports that its port is in use."""

STOP_SECONDS = 10.0
"""Seconds that a server, and all that it started, may take to end after SIGTERM."""

_HOST = "127.0.0.1"
_ASK_EVERY = 0.02
_CLOSE_SECONDS = 2.0
_IN_USE = ("in use", "eaddrinuse")


class OwnServer:
    """A command that runs a server, in its own process, as a context manager.

    The block gets the `Target` at which the server accepts connections. On leaving the block the
    server, and all that it started, is stopped, and killed if it does not stop.
    """

    def __init__(self, command: OwnCommand) -> None:
        self._command = command
        self._server: Guarded | None = None
        self._until = 0.0
        self.ended_early: str | None = None
        """How the server ended, if it ended before it was stopped."""

    @property
    def pid(self) -> int:
        """The number of the server's process. Raises LaunchError before it is started."""
        if self._server is None:
            raise LaunchError("not started")
        return self._server.pid

    def __enter__(self) -> Target:
        """Start the server and wait until it accepts connections. Raises LaunchError."""
        self._until = time.monotonic() + START_SECONDS
        for tries_left in reversed(range(TRIES)):
            port = free_port()
            if self._start(port, tries_left):
                break
        return parse_target(f"{_HOST}:{port}")

    def _start(self, port: int, tries_left: int) -> bool:
        """Start it; return whether it accepts connections. Raises LaunchError after all tries."""
        server = Guarded(self._command.at(port), STOP_SECONDS)
        try:
            accepts = self._wait(server, port, tries_left)
            ended = not server.running
        except BaseException:
            server.end()
            raise
        if accepts:
            self._server = server
            return True
        code = server.end()
        if ended and not tries_left:
            problem = f"ended before it accepted connections on {_HOST}:{port}: {_ending(code)}"
            raise LaunchError(server.last_words.told(problem))
        if time.monotonic() >= self._until:
            problem = f"no connection to {_HOST}:{port} within {written(START_SECONDS)}"
            raise LaunchError(server.last_words.told(problem))
        return False

    def _wait(self, server: Guarded, port: int, tries_left: int) -> bool:
        """Wait and return whether it accepts connections; not if it ended or took too long."""
        while server.running and time.monotonic() < self._until:
            if tries_left and any(words in server.last_words for words in _IN_USE):
                return False
            if accepts(port):
                return server.running  # if it has ended, another process listens there
            time.sleep(_ASK_EVERY)
        return False

    def kill(self) -> None:
        """Kill the server's process group, as ``kill -9`` does."""
        if self._server is not None:
            self._server.kill()

    def __exit__(self, *_error: object) -> None:
        """Stop the server."""
        if self._server is None:
            return
        early = not self._server.running
        code = self._server.end()
        if early:
            self.ended_early = _ending(code)


def _ending(code: int | None) -> str:
    return "its exit code is unknown" if code is None else ending(code)


def free_port() -> int:
    """Return a port that is free at all addresses of this machine: a server may bind them all.

    A port that is free on the loopback may have old connections at another address.
    """
    with socket.socket() as found:
        found.bind(("", 0))  # it never listens
        return int(found.getsockname()[1])


def accepts(port: int) -> bool:
    """Return whether a process accepts connections at a port of the loopback.

    The connection sends nothing, and its end is awaited for a while: then a server that serves one
    client at a time is free again, and a forking server's child has ended.
    """
    try:
        connection = socket.create_connection((_HOST, port), timeout=_CLOSE_SECONDS)
    except OSError:
        return False
    with connection:
        # If no process listens, TCP may connect a socket to itself when it got that very port.
        itself = connection.getsockname() == (_HOST, port)
        until = time.monotonic() + _CLOSE_SECONDS
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536) and time.monotonic() < until:
                pass
    return not itself
