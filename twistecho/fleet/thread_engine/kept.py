"""Sockets kept open between two runs of a fleet, each for the client with the same number."""

import socket
import ssl
import threading
from contextlib import suppress

_WOULD_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Kept:
    """The sockets between two runs; during a run they belong to the clients. Thread-safe.

    ``lost`` counts the connections that peers have ended in between: their clients connect again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}
        self.lost = 0

    def __len__(self) -> int:
        """Return the number of sockets."""
        with self._lock:
            return len(self._open)

    def add(self, number: int, connection: socket.socket) -> None:
        """Keep a client's socket."""
        with self._lock:
            self._open[number] = connection

    def has_extra(self, number: int) -> bool:
        """Return whether the client received unexpected bytes; if so, close its socket."""
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
        """Return the socket of the client with this number, if it is still open."""
        with self._lock:
            return self._open.pop(number, None)

    def close(self) -> None:
        """Close all sockets."""
        with self._lock:
            connections, self._open = list(self._open.values()), {}
        for connection in connections:
            with connection, suppress(OSError):
                connection.shutdown(socket.SHUT_WR)


def _received(connection: socket.socket) -> bytes | None:
    """Return received bytes, empty if the connection has ended; None if nothing came."""
    try:
        if isinstance(connection, ssl.SSLSocket):
            return connection.recv(1)
        return connection.recv(1, socket.MSG_DONTWAIT)
    except _WOULD_WAIT:
        return None
    except OSError:
        return b""
