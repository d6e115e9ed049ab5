"""Why an established connection broke, which Twisted's own transports forget.

They turn an OSError of ``recv`` or ``send`` into one and the same `ConnectionLost`. A socket that
notes what it raises keeps the number. A transport of another make is left alone: it may say the
number itself, as ``osError`` of the `ConnectionLost`.
"""

import socket
from typing import Any

from twisted.python.failure import Failure


class NotingSocket:
    """A socket that remembers the last OSError with which it did not receive or send."""

    def __init__(self, noted: socket.socket) -> None:
        self._socket = noted
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Give what the socket itself has."""
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        """Receive. Raises OSError."""
        try:
            return self._socket.recv(size)
        except OSError as error:
            self._note(error)
            raise

    def send(self, data: bytes) -> int:
        """Send. Raises OSError."""
        try:
            return self._socket.send(data)
        except OSError as error:
            self._note(error)
            raise

    def recvmsg(self, *arguments: int) -> Any:
        """Receive on a Unix socket. Raises OSError."""
        try:
            return self._socket.recvmsg(*arguments)
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
