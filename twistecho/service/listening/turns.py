"""One listening socket, several processes: whose turn it is to accept, and which number comes next.

The processes of a service accept on the same socket, so a connection that waits while one of them
dies is served by another. The kernel wakes all of them for each connection, and the quickest would
take most. So each tells on a `Board` that all of them see how many connections it has; one that has
clearly more than another leaves the port alone for a moment (nginx did alike, by
``ngx_accept_disabled``). If those that have fewer have taken none when the moment is over, it
accepts all the same: they may be busy.

Where chance decides fates by the number of the connection, accepting and numbering are done under
a lock: the n-th connection that the service accepts has number n, whichever process accepts it. The
kernel gives a lock back when its holder dies (POSIX record locks, fcntl(2)).
"""

import errno
import fcntl
import mmap
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from twisted.internet.interfaces import IListeningPort, IReactorTime

from .accepting import BackingOffSocket

GONE = 2**62
"""Stands on the board for a worker that accepts nothing."""

REST = 0.005
"""Seconds for which a worker that has more than another leaves the port alone."""

_NUMBER = 8  # bytes


def slack(connections: int) -> int:
    """Say how many connections more than another a worker may have and still accept."""
    return 2 + connections // 16


class Board:
    """Numbers that all processes of a service see: a file of `size` bytes, mapped by each.

    ``open`` is the number of connections of each worker, or `GONE`.
    """

    def __init__(self, descriptor: int, workers: int) -> None:
        self._descriptor = descriptor
        shared = mmap.mmap(descriptor, self.size(workers))
        self._numbers = memoryview(shared).cast("q")
        self.open = self._numbers[1:]

    @staticmethod
    def size(workers: int) -> int:
        """Give the size of the file, in bytes."""
        return _NUMBER * (1 + workers)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only process that accepts and numbers for the block's time."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def take_number(self) -> int:
        """Give the number of the next connection, from 0, once. To be called under the lock."""
        number = self._numbers[0]
        self._numbers[0] = number + 1
        return number


class Turn:
    """Whether it is the turn of worker ``me`` to accept.

    ``rooms`` is how many connections each worker may have (0 for any number): one that is full
    leaves all to those that are not.
    """

    def __init__(
        self, board: Board, me: int, rooms: Sequence[int], count_open: Callable[[], int]
    ) -> None:
        self._board = board
        self._me = me
        self._rooms = rooms
        self._count_open = count_open
        self._granted = 0  # connections that are taken although others have fewer,
        self._lesser = 0  # as long as those, who had so many together, take none
        self._ended = False
        board.open[me] = 0

    def is_ours(self) -> bool:
        """Say whether to accept the next connection; if not, leave the port alone for `REST`."""
        if self._ended:
            return True
        others = self._board.open
        mine = others[self._me] = self._count_open()
        if 0 < self._rooms[self._me] <= mine:
            return not any(map(int.__lt__, others, self._rooms))
        more = slack(mine)
        if mine <= min(others) + more:
            self._granted = 0
            return True
        lesser = sum(number for number in others if number < mine)
        if self._granted and lesser == self._lesser:
            self._granted -= 1
            return True
        self._granted, self._lesser = more, lesser
        return False

    def taken(self) -> None:
        """Tell the others of a connection that was accepted."""
        if not self._ended:
            self._board.open[self._me] += 1

    def end(self) -> None:
        """Take no turns any more: accept what waits, the last of it before the port is closed."""
        self._ended = True
        self._board.open[self._me] = GONE


class NumberedConnection(socket.socket):
    """An accepted connection that knows its number."""

    number: int


class SharedSocket(BackingOffSocket):
    """A listening socket that other processes accept on too; see `BackingOffSocket`.

    Connections are `NumberedConnection`s where ``board`` is given.
    """

    def __init__(self, port: Any, clock: IReactorTime, turn: Turn, board: Board | None) -> None:
        super().__init__(port, clock)
        self._turn = turn
        self._board = board

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one connection. Raises BlockingIOError where none waits, or not for us."""
        if not self._turn.is_ours():
            self.rest(REST)
            raise BlockingIOError(errno.EAGAIN, "left to another worker")
        accepted = super().accept() if self._board is None else self._accept_numbered(self._board)
        self._turn.taken()
        return accepted

    def _accept_numbered(self, board: Board) -> tuple[socket.socket, Any]:
        with board.locked():
            plain, address = super().accept()
            number = board.take_number()
        connection = NumberedConnection(plain.family, plain.type, plain.proto, plain.detach())
        connection.number = number
        connection.setblocking(False)
        return connection, address


def take_turns(port: IListeningPort, clock: IReactorTime, turn: Turn, board: Board | None) -> None:
    """Have a port share its socket with other processes, and back off as `back_off` does."""
    stream: Any = port
    stream.socket = SharedSocket(stream, clock, turn, board)
    stream.fileno = stream.socket.fileno


def number_of(transport: Any) -> int:
    """Give the number that a connection got when it was accepted; TLS may be in between."""
    while not isinstance(handle := transport.getHandle(), NumberedConnection):
        transport = transport.transport
    return handle.number
