"""Listening sockets: opened on the address asked for, with the backlog asked for."""

import socket
from typing import Any


class ListenError(OSError):
    """A port cannot be listened on; the text names the option at fault and says why."""


def bindable(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Give the socket family and address to bind to. Raises ListenError for an unknown host."""
    flags = socket.AI_PASSIVE
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except OSError as error:
        raise ListenError(f"--host {host}: {error.strerror or error}") from None
    family, _, _, _, where = found[0]
    return family, where


def cannot_listen(port: int, error: OSError) -> ListenError:
    """Put an error of bind or listen into one line."""
    return ListenError(f"--port {port}: cannot listen: {error.strerror or error}")


def listening(host: str, port: int, backlog: int) -> socket.socket:
    """Open a listening socket. Raises ListenError where the system does not allow it.

    The address may be bound again at once after a restart, whatever old connections linger on it.
    """
    family, where = bindable(host, port)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise cannot_listen(port, error) from None
    return listener


def address(listener: socket.socket) -> tuple[str, int]:
    """Give the host and port that a socket is bound to."""
    host, port = listener.getsockname()[:2]
    return str(host), int(port)
