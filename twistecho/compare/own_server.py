"""A server of one's own under a comparison: given a port, waited for, gone at the end.

A port that was free a moment ago may be somebody else's by the time the server binds it. So a
server that says so, or ends before it accepts connections, is started again with another port.
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
"""Seconds after which a server must accept connections, all tries together."""

TRIES = 3
"""How often a server that ends early, or says that its port is in use, is started in all."""

STOP_SECONDS = 10.0
"""Seconds that a server, and what it started, has to end after SIGTERM."""

_HOST = "127.0.0.1"
_ASK_EVERY = 0.02
_CLOSE_SECONDS = 2.0
_IN_USE = ("in use", "eaddrinuse")


class OwnServer:
    """A command that is a server, in a process of its own, as a context manager.

    The block is given the `Target` at which the server accepts connections. On leaving the block
    the server, and all that it started, is told to stop, and killed where it does not.
    """

    def __init__(self, command: OwnCommand) -> None:
        self._command = command
        self._server: Guarded | None = None
        self._until = 0.0
        self.ended_early: str | None = None
        """How the server ended, where it did so before it was told to."""

    @property
    def pid(self) -> int:
        """The number of the server's process. Raises LaunchError before it is started."""
        if self._server is None:
            raise LaunchError("not started")
        return self._server.pid

    def __enter__(self) -> Target:
        """Start the server and wait until it accepts connections; LaunchError if it does not."""
        self._until = time.monotonic() + START_SECONDS
        for tries_left in reversed(range(TRIES)):
            port = free_port()
            if self._start(port, tries_left):
                break
        return parse_target(f"{_HOST}:{port}")

    def _start(self, port: int, tries_left: int) -> bool:
        """Start it at a port; say whether it accepts connections. LaunchError after all tries."""
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
        """Wait until it accepts connections; say no where it ended, took too long or cannot."""
        while server.running and time.monotonic() < self._until:
            if tries_left and any(words in server.last_words for words in _IN_USE):
                return False
            if accepts(port):
                return server.running  # else somebody else listens there
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
    return "nobody knows how" if code is None else ending(code)


def free_port() -> int:
    """Give a port that is free at all addresses of this machine: a server may bind them all.

    One that is free on the loopback only may have old connections at another address.
    """
    with socket.socket() as found:
        found.bind(("", 0))  # it never listens
        return int(found.getsockname()[1])


def accepts(port: int) -> bool:
    """Tell whether somebody accepts connections at a port of the loopback.

    The connection says nothing, and its end is waited for a while: a server that serves one client
    after the other is free again then, and the processes of others are gone.
    """
    try:
        connection = socket.create_connection((_HOST, port), timeout=_CLOSE_SECONDS)
    except OSError:
        return False
    with connection:
        # Where nobody listens TCP may connect a socket to itself, if it was given that port.
        itself = connection.getsockname() == (_HOST, port)
        until = time.monotonic() + _CLOSE_SECONDS
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536) and time.monotonic() < until:
                pass
    return not itself
