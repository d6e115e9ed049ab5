"""Connections of one's own that fill the queue of a listening socket, and how they are known.

Whoever accepts one passes it over: it is no client. Where several processes accept on one socket,
one may accept what another has made, so each marks its own where all of them see it, before it
connects. A mark says by which local port, to which port, it comes; it is taken back by whoever
passes the connection over, also after the process that made it has died.
"""

import errno
import socket
import struct
from contextlib import suppress
from typing import Any, NamedTuple

# Of Linux's struct tcp_info, see linux/tcp.h: tcpi_state, tcpi_unacked and tcpi_sacked. Of a socket
# that listens the last two are the connections in its queue, and its backlog.
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
    """Look at the queue of a TCP socket that listens. Raises OSError. Linux tells."""
    _, waiting, backlog = _tcp_info(listening)
    return Queue(waiting, backlog)


def _tcp_info(connection: socket.socket) -> tuple[int, int, int]:
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    state, unacked, sacked = _TCP_INFO.unpack(told)
    return state, unacked, sacked


class Marks:
    """Which connections are fillers: for each local port the port that it has connected to.

    ``shared`` is the memory of all processes that accept, `SIZE` bytes of zeros at first.
    """

    SIZE = 2 * _PORTS

    def __init__(self, shared: memoryview | None = None) -> None:
        self._target = (memoryview(bytearray(self.SIZE)) if shared is None else shared).cast("H")

    def set(self, local: int, target: int) -> None:
        """Mark the connection from a local port to a target."""
        self._target[local] = target

    def unset(self, local: int) -> None:
        """Take the mark back."""
        self._target[local] = 0

    def pass_over(self, listening: socket.socket, address: Any) -> bool:
        """Say whether what was accepted from an address is a filler; then its mark is taken back.

        Fillers of a socket that listens on all addresses come over the loopback, those of others
        from the address itself.
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
    """A connection to a listening TCP socket of this host. Raises OSError where it cannot be made.

    It may be still on its way: whether it `stands` shows later.
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
            with suppress(BlockingIOError):  # it is on its way
                connection.connect(address)
        except OSError:
            self._marks.unset(self._local)
            connection.close()
            raise

    @property
    def stands(self) -> bool:
        """Whether it is connected: it waits in the queue, or has been accepted."""
        return _tcp_info(self._socket)[0] == _ESTABLISHED

    @property
    def pending(self) -> bool:
        """Whether it is on its way, or there was no room for it."""
        return _tcp_info(self._socket)[0] == _SYN_SENT

    def close(self) -> None:
        """End it. The mark of one that may be in the queue stays, for whoever accepts it."""
        if not self.stands:
            self._marks.unset(self._local)
        self._socket.close()
