"""A listening socket that accepts without asking itself each time what kind of socket it is."""

import socket
from typing import Any


class Listener(socket.socket):
    """A listening socket that takes the place of another."""

    def __init__(self, listening: socket.socket) -> None:
        kind = int(listening.family), int(listening.type), listening.proto
        super().__init__(*kind, listening.detach())
        self._kind = kind

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one connection. Raises OSError as `socket.socket.accept` does."""
        # Of that this leaves out the conversion of numbers to enumerations, and the blocking mode.
        fd, address = self._accept()  # type: ignore[attr-defined]  # of _socket
        return socket.socket(*self._kind, fd), address


def take_place(port: Any, listener: Listener) -> None:
    """Have a port, whose socket has been given away, listen with this one: the same descriptor."""
    port.socket = listener
    port.fileno = listener.fileno
