"""Accepting: back off when there is nothing left to accept with; share one socket among processes.

For ENFILE, ENOBUFS and ENOMEM Twisted just returns to an event loop that at once finds the port
readable again: a whole core spent on asking, and a log line each time. EMFILE, the process's own
limit, it answers by closing all who wait, a log line each. Here the port is left alone for a moment
instead, and those who wait to be accepted wait on.

The processes of a service accept on the same socket, so a connection that waits while one of them
dies is served by another. The kernel wakes all of them for each connection, and the quickest would
take most. So each tells on a `Board` that all of them see how many connections it has; one that has
clearly more than another leaves the port alone for a moment (nginx did alike, by
``ngx_accept_disabled``). If those that have fewer have taken none when the moment is over, it
accepts all the same: they may be busy. They adopt the socket's descriptor, which stands for the
address: of its description only what comes on top counts, such as TLS.

Where it matters which number a connection has, since what becomes of it depends on that or somebody
steers the service, accepting and numbering are done under a lock: the n-th connection that the
service accepts has number n, whichever process accepts it. Nobody waits for it in an event loop:
whoever finds it taken leaves the port alone for a moment, so that a holder that is stopped holds up
no one's connections but the new. The kernel gives a lock back when its holder dies (POSIX record
locks, fcntl(2)), and who is silent is killed.
"""

import errno
import fcntl
import mmap
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.logger import Logger

from twistecho.base.log_lines import RateLimitedLog
from twistecho.base.sockets import Listener, family_of, take_place

from .endpoint import OwnPorts, endpoint_for
from .fillers import Marks

STARVED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What accept fails with when the process or the system has reached a limit."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds for which the port is left alone: doubled each time, up to the longest."""

_log = Logger()


GONE = 2**62
"""Stands on the board for a worker that accepts nothing."""

REST = 0.005
"""Seconds for which a worker that has more than another leaves the port alone."""

LAST_TRIES = 50
"""How often a worker that accepts for the last time tries to get the lock, 1 ms apart."""

_NUMBER_SIZE = 8  # bytes


class BackingOffSocket(Listener):
    """A listening socket whose `accept` lets its port rest when the system is starved.

    It takes the place of ``port.socket``; to the port a failed accept looks as if nobody waited.
    ``marks`` say which connections are no clients': these are passed over.
    """

    def __init__(self, port: Any, clock: IReactorTime, marks: Marks | None = None) -> None:
        super().__init__(port.socket)
        self.marks = marks
        self.held = False
        self._port = port
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._resting: IDelayedCall | None = None
        self._occasionally = RateLimitedLog(_log, clock.seconds)

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one connection. Raises BlockingIOError where none waits or none can be had."""
        accepted = self._accept_any()
        while self.marks is not None and self.marks.pass_over(self, accepted[1]):
            accepted[0].close()
            accepted = self._accept_any()
        return accepted

    def _accept_any(self) -> tuple[socket.socket, Any]:
        try:
            accepted = super().accept()
        except OSError as error:
            if error.errno not in STARVED:
                raise
            self._rest(error)
            raise BlockingIOError(errno.EAGAIN, "left alone for a moment") from error
        self._pause = FIRST_PAUSE
        return accepted

    def _rest(self, error: OSError) -> None:
        if self._resting is not None:
            return
        if self._pause == FIRST_PAUSE:
            self._occasionally.warn("Accepting rests for a moment", os.strerror(error.errno or 0))
        self.rest(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def rest(self, seconds: float) -> None:
        """Leave the port alone for so long, unless it rests already."""
        if self._resting is None:
            self._port.stopReading()
            self._resting = self._clock.callLater(seconds, self._return)

    def _return(self) -> None:
        self._resting = None
        if not self.held:
            self._port.startReading()

    def hold(self) -> None:
        """Leave the port alone until it is released."""
        self.held = True
        self._port.stopReading()

    def release(self) -> None:
        """Have the port accept again, once it has rested."""
        self.held = False
        if self._resting is None:
            self._port.startReading()

    def close(self) -> None:
        """Close, and rest no more."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        super().close()


def back_off(port: IListeningPort, clock: IReactorTime) -> None:
    """Have a port back off when accept fails for want of the system's means."""
    if isinstance(getattr(port, "socket", None), socket.socket):
        stream: Any = port
        take_place(stream, BackingOffSocket(stream, clock))


def slack(connections: int) -> int:
    """Say how many connections more than another a worker may have and still accept."""
    return 2 + connections // 16


class Board:
    """Numbers that all processes of a service see: `size` bytes of a file, mapped by each.

    ``open`` is the number of connections of each worker, or `GONE`. ``marks`` are those of
    connections that are no clients'. The lock is one on the first number; what else is in the file
    has its own.
    """

    def __init__(self, descriptor: int, workers: int) -> None:
        self._descriptor = descriptor
        shared = mmap.mmap(descriptor, self.size(workers))
        end = _NUMBER_SIZE * (1 + workers)
        self._numbers = memoryview(shared)[:end].cast("q")
        self.open = self._numbers[1:]
        self.marks = Marks(memoryview(shared)[end:])

    @staticmethod
    def size(workers: int) -> int:
        """Give its size in bytes."""
        return _NUMBER_SIZE * (1 + workers) + Marks.SIZE

    @contextmanager
    def locked(self, tries: int = 1) -> Iterator[bool]:
        """Be the only process that accepts and numbers for the block's time; give whether it is.

        It is tried so many times, 1 ms apart.
        """
        ours = self._lock(tries)
        try:
            yield ours
        finally:
            if ours:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, _NUMBER_SIZE)

    def _lock(self, tries: int) -> bool:
        for left in reversed(range(tries)):
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _NUMBER_SIZE)
            except (BlockingIOError, PermissionError):  # either, says lockf(3)
                time.sleep(0.001 if left else 0)
            else:
                return True
        return False

    def take_number(self) -> int:
        """Give the number of the next connection, from 0, once. To be called under the lock."""
        number = self._numbers[0]
        self._numbers[0] = number + 1
        return number

    @property
    def next_number(self) -> int:
        """The number of the next connection, as far as is known without the lock."""
        return self._numbers[0]


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
        self._forced = False
        board.open[me] = 0

    @property
    def marks(self) -> Marks:
        """What all workers have marked as no client's."""
        return self._board.marks

    @property
    def tries(self) -> int:
        """How often to try to get the lock: who has to accept has no other time for it."""
        return LAST_TRIES if self._ended or self._forced else 1

    def is_ours(self) -> bool:
        """Say whether to accept the next connection; if not, leave the port alone for `REST`."""
        if self._ended or self._forced:
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

    @contextmanager
    def forced(self) -> Iterator[None]:
        """Accept whoever waits for the block's time, whatever the others have."""
        self._forced = True
        try:
            yield
        finally:
            self._forced = False

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
        super().__init__(port, clock, turn.marks)
        self._turn = turn
        self._board = board

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one connection. Raises BlockingIOError where none waits, or not for us."""
        if not (self.held or self._turn.is_ours()):
            self.rest(REST)
            raise BlockingIOError(errno.EAGAIN, "left to another worker")
        accepted = super().accept() if self._board is None else self._accept_numbered(self._board)
        self._turn.taken()
        return accepted

    def _accept_numbered(self, board: Board) -> tuple[socket.socket, Any]:
        with board.locked(LAST_TRIES if self.held else self._turn.tries) as ours:
            if not ours:
                self.rest(REST)
                raise BlockingIOError(errno.EAGAIN, "another worker accepts")
            plain, address = super().accept()
            number = board.take_number()
        connection = NumberedConnection(plain.family, plain.type, plain.proto, plain.detach())
        connection.number = number
        connection.setblocking(False)
        return connection, address


def take_turns(port: IListeningPort, clock: IReactorTime, turn: Turn, board: Board | None) -> None:
    """Have a port share its socket with other processes, and back off as `back_off` does."""
    stream: Any = port
    take_place(stream, SharedSocket(stream, clock, turn, board))


def number_of(transport: Any) -> int:
    """Give the number that a connection got when it was accepted; TLS may be in between."""
    while not isinstance(handle := transport.getHandle(), NumberedConnection):
        transport = transport.transport
    return handle.number


def adopted_endpoint(reactor: Any, description: str, descriptor: int) -> IStreamServerEndpoint:
    """Make an endpoint that listens on a descriptor, which then is its own. Raises as it does."""
    if description.startswith("systemd:"):  # systemd's own variables are another process's
        return AdoptedStreamServerEndpoint(OwnPorts(reactor), descriptor, family_of(descriptor))
    return endpoint_for(AdoptedPorts(reactor, descriptor), description)


class AdoptedPorts(OwnPorts):
    """Adopts one socket in place of whatever is to be bound. See `IReactorTCP` and others."""

    def __init__(self, reactor: Any, descriptor: int) -> None:
        super().__init__(reactor)
        self._descriptor = descriptor

    def __getattr__(self, name: str) -> Any:
        """Give all else as the reactor has it."""
        return getattr(self._reactor, name)

    def _adopt(self, factory: IProtocolFactory) -> IListeningPort:
        port = self.adoptStreamPort(self._descriptor, family_of(self._descriptor), factory)
        os.close(self._descriptor)  # the port has its own; a second would go on listening
        return port

    def listenTCP(
        self,
        port: int,  # noqa: ARG002 - it is bound already
        factory: IProtocolFactory,
        backlog: int = 50,  # noqa: ARG002 - as above
        interface: str = "",  # noqa: ARG002 - as above
    ) -> IListeningPort:
        """Accept on the socket."""
        return self._adopt(factory)

    def listenUNIX(
        self,
        address: str,  # noqa: ARG002 - it is bound already
        factory: IProtocolFactory,
        backlog: int = 50,  # noqa: ARG002 - as above
        mode: int = 0o660,  # noqa: ARG002 - as above
        wantPID: bool = False,  # noqa: ARG002 - as above
    ) -> IListeningPort:
        """Accept on the socket."""
        return self._adopt(factory)
