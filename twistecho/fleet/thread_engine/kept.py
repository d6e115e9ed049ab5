"""Sockets that stay open between two runs of a fleet, each for the client with its number."""

import socket
import ssl
import threading
from contextlib import suppress

_WOULD_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Kept:
    """The sockets between two runs; in a run, a client has its own. Any thread may use it.

    ``lost`` counts those that the other side has ended meanwhile: their clients connect anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}
        self.lost = 0

    def __len__(self) -> int:
        """Count the sockets."""
        with self._lock:
            return len(self._open)

    def add(self, number: int, connection: socket.socket) -> None:
        """Keep a client's socket."""
        with self._lock:
            self._open[number] = connection

    def has_extra(self, number: int) -> bool:
        """Say whether the client was sent something it had not asked for; it is closed then."""
        with self._lock:
            connection = self._open.get(number)
        if connection is None:
            return False
        came = _received(connection)
        if came is not None:
            self._drop(number)
        return bool(came)

    def _drop(self, number: int) -> None:
        with self._lock:
            self.lost += 1
            connection = self._open.pop(number)
        connection.close()

    def take(self, number: int) -> socket.socket | None:
        """Give the socket of the client with this number, if it is open still."""
        with self._lock:
            return self._open.pop(number, None)

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            connections, self._open = list(self._open.values()), {}
        for connection in connections:
            with connection, suppress(OSError):
                connection.shutdown(socket.SHUT_WR)


def _received(connection: socket.socket) -> bytes | None:
    """Give what has come, which is empty where the connection has ended; None where it is open."""
    try:
        if isinstance(connection, ssl.SSLSocket):
            return connection.recv(1)
        return connection.recv(1, socket.MSG_DONTWAIT)
    except _WOULD_WAIT:
        return None
    except OSError:
        return b""
