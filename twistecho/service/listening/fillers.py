"""Fillers: connections of the service itself that fill the queue of a listening socket.

The process that accepts one skips it: it is not from a client. Where several processes accept on
one socket, one may accept the filler of another, so each marks its fillers in shared memory before
it connects. A mark holds the local port and the port connected to. The process that skips the
connection removes the mark, even after the process that made it has died.
"""

import errno
import socket
import struct
from contextlib import suppress
from typing import Any, NamedTuple

# Parts of Linux's struct tcp_info, see linux/tcp.h: tcpi_state, tcpi_unacked and tcpi_sacked. For a
# listening socket the last two are the connections in its queue, and its backlog.
_TCP_INFO = struct.Struct("=B23xII")
_ESTABLISHED, _SYN_SENT = 1, 2

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)

_LOOPBACKS = {"0.0.0.0": ("127.0.0.1",), "::": ("::1", "::ffff:127.0.0.1")}  # noqa: S104 - filled, not bound

_PORTS = 65536


class Queue(NamedTuple):
    """How many connections wait to be accepted on a TCP socket, and how many may."""

    waiting: int
    backlog: int


def queue_of(listening: socket.socket) -> Queue:
    """Return the queue of a listening TCP socket. Raises OSError. Linux only."""
    _, waiting, backlog = _tcp_info(listening)
    return Queue(waiting, backlog)


def _tcp_info(connection: socket.socket) -> tuple[int, int, int]:
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    state, unacked, sacked = _TCP_INFO.unpack(told)
    return state, unacked, sacked


class Marks:
    """The connections that are fillers: for each local port the port that it connects to.

    ``shared`` is memory shared by all processes that accept: `SIZE` bytes, zeros at first.
    """

    SIZE = 2 * _PORTS

    def __init__(self, shared: memoryview | None = None) -> None:
        self._target = (memoryview(bytearray(self.SIZE)) if shared is None else shared).cast("H")

    def set(self, local: int, target: int) -> None:
        """Mark the connection from a local port to a target."""
        self._target[local] = target

    def unset(self, local: int) -> None:
        """Remove the mark of a local port."""
        self._target[local] = 0

    def pass_over(self, listening: socket.socket, address: Any) -> bool:
        """Return whether a connection accepted from an address is a filler; remove its mark.

        Fillers of a socket that listens on all addresses connect from the loopback address, others
        from the address of the socket.
        """
        if type(address) is not tuple or not self._target[address[1]]:
            return False
        here: tuple[Any, ...] = listening.getsockname()
        if self._target[address[1]] != here[1] or not _is_own(address[0], here[0]):
            return False
        self.unset(address[1])
        return True


def _is_own(host: str, listening: str) -> bool:
    return host in _LOOPBACKS.get(listening, (listening,))


class Filler:
    """A connection to a listening TCP socket of this host. Raises OSError if it cannot be made.

    It may still be `pending` at first.
    """

    def __init__(self, listening: socket.socket, marks: Marks) -> None:
        self._marks = marks
        host, *rest = listening.getsockname()
        hosts = _LOOPBACKS.get(host, (host,))
        for each in hosts:
            try:
                self._connect(listening.family, (each, *rest))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL or each == hosts[-1]:
                    raise
            else:
                return

    def _connect(self, family: int, address: tuple[Any, ...]) -> None:
        connection = self._socket = socket.socket(family)
        self._local = 0
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            connection.bind((address[0], 0, *address[2:]))
            self._local = connection.getsockname()[1]
            self._marks.set(self._local, address[1])
            with suppress(BlockingIOError):  # not connected yet
                connection.connect(address)
        except OSError:
            self._marks.unset(self._local)
            connection.close()
            raise

    @property
    def stands(self) -> bool:
        """Whether it is connected: in the queue, or accepted."""
        return _tcp_info(self._socket)[0] == _ESTABLISHED

    @property
    def pending(self) -> bool:
        """Whether it is still connecting: perhaps there was no room for it."""
        return _tcp_info(self._socket)[0] == _SYN_SENT

    def close(self) -> None:
        """Close it. If it may be in the queue, its mark stays for the process that accepts it."""
        if not self.stands:
            self._marks.unset(self._local)
        self._socket.close()
