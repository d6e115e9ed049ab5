"""Sockets that note what Twisted's transports do not tell: errors, and when bytes went and came.

Why an established connection broke is what Twisted's own transports forget: they turn an OSError
of ``recv`` or ``send`` into one and the same `ConnectionLost`. A socket that notes what it raises
keeps the number. A transport of another make is left alone: it may say the number itself, as
``osError`` of the `ConnectionLost`.
"""

import socket
from collections.abc import Callable
from typing import Any

from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

from twistecho.base.sockets import (
    handshake_time,
    receive_stamped,
    stamp_arrivals,
    tells_arrivals,
    unsent,
)
from twistecho.fleet.conversation.wire_timing import WireTiming


class NotingSocket:
    """A socket that remembers the last OSError with which it did not receive or send."""

    def __init__(self, noted: socket.socket) -> None:
        self.socket = noted
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Give what the socket itself has."""
        return getattr(self.socket, name)

    def recv(self, size: int) -> bytes:
        """Receive. Raises OSError."""
        try:
            return self.socket.recv(size)
        except OSError as error:
            self._note(error)
            raise

    def send(self, data: bytes) -> int:
        """Send. Raises OSError."""
        try:
            return self.socket.send(data)
        except OSError as error:
            self._note(error)
            raise

    def recvmsg(self, *arguments: int) -> Any:
        """Receive, and what the system says of it. Raises OSError."""
        try:
            return self.socket.recvmsg(*arguments)
        except OSError as error:
            self._note(error)
            raise

    def _note(self, error: OSError) -> None:
        if not isinstance(error, BlockingIOError):
            self.error = error


def note_errors(transport: Any) -> NotingSocket | None:
    """Have a transport of Twisted's own keep its errors; give what keeps them, or None."""
    twisteds = type(transport).__module__.startswith("twisted.internet.")
    if not (twisteds and isinstance(getattr(transport, "socket", None), socket.socket)):
        return None
    noting = NotingSocket(transport.socket)
    transport.socket = noting
    return noting


def errno_of(reason: Failure, noting: NotingSocket | None) -> int | None:
    """Give the system's number for the loss of a connection, if anybody knows it."""
    error = getattr(reason.value, "osError", None) or (noting and noting.error)
    return error.errno if isinstance(error, OSError) else None


class TimedSocket:
    """Takes the place of a transport's socket while its `timing` is to be told of bytes."""

    timing: WireTiming

    def __init__(self, transport: Any, real: socket.socket, now: Callable[[], float]) -> None:
        self._transport = transport
        self._real = real
        self._timed = transport.socket
        self._now = now

    def __getattr__(self, name: str) -> Any:
        """Give what the socket itself has."""
        return getattr(self._timed, name)

    def switch(self, on: bool) -> None:
        """Take the socket's place, or give it back, where the connection is not lost yet."""
        if hasattr(self._transport, "socket"):
            stamp_arrivals(self._real, on=on)
            self._transport.socket = self if on else self._timed

    def send(self, data: bytes) -> int:
        """Send. Raises OSError."""
        at, left = self._now(), unsent(self._transport)
        sent = int(self._timed.send(data))
        if sent == len(data) and sent >= left:
            self.timing.taken(at)
        return sent

    def recv(self, size: int) -> bytes:
        """Receive. Raises OSError."""
        data, ago = receive_stamped(self._timed.recvmsg, size)
        self.timing.arrived = None if ago is None else self._now() - ago
        return data


def timed_socket(transport: Any, now: Callable[[], float]) -> TimedSocket | None:
    """Give what can take the place of a transport's socket, where the kernel stamps arrivals."""
    real = _real_socket(transport)
    if real is None or not tells_arrivals(real):
        return None
    return TimedSocket(transport, real, now)


def waited_for(transport: Any) -> float | None:
    """Say how long TCP waited for the other side when it connected just now, where it tells."""
    real = _real_socket(transport)
    return None if real is None else handshake_time(real)


def _real_socket(transport: Any) -> socket.socket | None:
    if isinstance(transport, ProtocolWrapper):
        return None  # it would give the socket of what it wraps, whose bytes are others
    found = getattr(transport, "socket", None)
    found = found.socket if isinstance(found, NotingSocket) else found
    return found if isinstance(found, socket.socket) else None
