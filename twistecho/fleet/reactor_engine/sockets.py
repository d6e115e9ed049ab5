"""Sockets that note what Twisted's transports do not report: errors, and the times of bytes.

Twisted's transports do not report why an established connection broke: they turn any OSError of
``recv`` or ``send`` into the same `ConnectionLost`. A socket that notes its exceptions keeps the
errno. Other transports are left alone: they may provide the errno themselves, as ``osError`` of the
`ConnectionLost`.
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
    """A socket that keeps the last OSError of receiving or sending."""

    def __init__(self, noted: socket.socket) -> None:
        self.socket = noted
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the socket itself."""
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
        """Receive, with ancillary data. Raises OSError."""
        try:
            return self.socket.recvmsg(*arguments)
        except OSError as error:
            self._note(error)
            raise

    def _note(self, error: OSError) -> None:
        if not isinstance(error, BlockingIOError):
            self.error = error


def note_errors(transport: Any) -> NotingSocket | None:
    """Make a transport of Twisted's keep its errors; return the socket that has them, or None."""
    twisteds = type(transport).__module__.startswith("twisted.internet.")
    if not (twisteds and isinstance(getattr(transport, "socket", None), socket.socket)):
        return None
    noting = NotingSocket(transport.socket)
    transport.socket = noting
    return noting


def errno_of(reason: Failure, noting: NotingSocket | None) -> int | None:
    """Return the errno for the loss of a connection, if it is known."""
    error = getattr(reason.value, "osError", None) or (noting and noting.error)
    return error.errno if isinstance(error, OSError) else None


class TimedSocket:
    """Replaces a transport's socket while its `timing` needs the times of bytes."""

    timing: WireTiming

    def __init__(self, transport: Any, real: socket.socket, now: Callable[[], float]) -> None:
        self._transport = transport
        self._real = real
        self._timed = transport.socket
        self._now = now

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the socket itself."""
        return getattr(self._timed, name)

    def switch(self, on: bool) -> None:
        """Replace the transport's socket, or restore it, unless the connection is lost."""
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
    """Return a timed socket for a transport; None if the kernel does not timestamp arrivals."""
    real = _real_socket(transport)
    if real is None or not tells_arrivals(real):
        return None
    return TimedSocket(transport, real, now)


def waited_for(transport: Any) -> float | None:
    """Return how long TCP waited for the peer when it connected just now, if known."""
    real = _real_socket(transport)
    return None if real is None else handshake_time(real)


def _real_socket(transport: Any) -> socket.socket | None:
    if isinstance(transport, ProtocolWrapper):
        return None  # the socket of the wrapped transport carries other bytes
    found = getattr(transport, "socket", None)
    found = found.socket if isinstance(found, NotingSocket) else found
    return found if isinstance(found, socket.socket) else None
