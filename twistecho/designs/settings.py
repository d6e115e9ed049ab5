"""The settings of every design, and the sockets that it listens on."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from twistecho.base.listening import remedy
from twistecho.base.reply_formats import REPLY_WRITERS, ReplyFormat, ReplyWriter
from twistecho.service.scenario.delay import NO_DELAY, Delay
from twistecho.service.scenario.delay_per import DelayPer

NOTEBOOK_BACKLOG = 5
"""The backlog that the notebook passes to ``listen``; socketserver's default is the same."""

ROOMY_BACKLOG = 128
"""Large enough for a burst of clients, so that a run shows the design and not its queue."""

_SHOWN = 60


class Peer(NamedTuple):
    """A client as a server sees it: its number in the order of accept, from 0, and its address."""

    number: int
    host: str
    port: int

    def __str__(self) -> str:
        """Return the address as ``host:port``."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Settings:
    """The settings of every design.

    ``ports`` are listened on at ``host``; 0 takes a free one. ``backlog`` connections wait in the
    kernel to be accepted. ``log`` takes one line of text, from any thread.
    """

    ports: tuple[int, ...] = (0,)
    host: str = "127.0.0.1"
    delay: Delay = NO_DELAY
    delay_per: DelayPer = DelayPer.CONNECTION
    reply: ReplyFormat = ReplyFormat.STAMPED
    backlog: int = ROOMY_BACKLOG
    log: Callable[[str], object] = str

    @property
    def writer(self) -> ReplyWriter:
        """The function that writes the replies."""
        return REPLY_WRITERS[self.reply]

    def hold_on_accept(self, peer: Peer) -> float:
        """Return how long a connection waits before it is read from, in seconds."""
        held = self.delay_per is DelayPer.CONNECTION
        return self.delay.seconds(peer.number, 0) if held else 0.0

    def hold_reply(self, peer: Peer, message: int) -> float:
        """Return how long the reply to a message, counted from 0, waits, in seconds."""
        held = self.delay_per is DelayPer.REPLY
        return self.delay.seconds(peer.number, message) if held else 0.0

    def describe(self) -> str:
        """Return a short description of how the server replies."""
        held = f"{self.delay} per {self.delay_per}" if self.delay.longest else "no delay"
        return f"{self.reply} replies, {held}, a backlog of {self.backlog}"


class Server(Protocol):
    """A running design: it listens from its creation until it is closed."""

    addresses: list[tuple[str, int]]
    """Host and port of every socket it listens on."""

    def serve(self) -> None:
        """Accept and answer clients until an exception, such as KeyboardInterrupt, ends it."""

    def close(self) -> None:
        """Stop listening and release everything, including threads and processes."""


def received_line(peer: Peer, message: bytes) -> str:
    """Return the log line for a message, cut to a bounded length, with control bytes escaped."""
    cut = "..." if len(message) > _SHOWN else ""
    return f"{peer} received {message[:_SHOWN]!r}{cut}"


class ListenError(OSError):
    """A port cannot be listened on; the message names the option and the reason."""


def bindable(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Return the socket family and address to bind to. Raises ListenError for an unknown host."""
    flags = socket.AI_PASSIVE
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except OSError as error:
        raise ListenError(f"--host {host}: {error.strerror or error}") from None
    family, _, _, _, where = found[0]
    return family, where


def cannot_listen(port: int, error: OSError) -> ListenError:
    """Return an error of bind or listen as one line."""
    why = f"{error.strerror or error}{remedy(error.errno, port)}"
    return ListenError(f"--port {port}: cannot listen: {why}")


def listening(host: str, port: int, backlog: int) -> socket.socket:
    """Return a listening socket. Raises ListenError if the system does not allow it.

    The address can be bound again right after a restart, even with old connections in TIME_WAIT.
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
    """Return the host and port that a socket is bound to."""
    host, port = listener.getsockname()[:2]
    return str(host), int(port)
