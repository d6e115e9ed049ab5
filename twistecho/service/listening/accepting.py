"""Accepting: pause when out of file descriptors or memory; share one socket among processes.

On ENFILE, ENOBUFS and ENOMEM Twisted returns to the event loop, which finds the port readable again
at once: this takes a whole core, and writes a log line each time. On EMFILE, the limit of the
process, it closes all waiting connections, with a log line each. Here accepting pauses for a moment
instead, and waiting connections stay in the queue.

The processes of a service accept on the same socket, so if one of them dies, another accepts the
waiting connections. The kernel wakes all of them for each connection, and the quickest would accept
most. So each writes its number of connections to a `Board` in shared memory; one that has clearly
more than another pauses for a moment (as nginx did with ``ngx_accept_disabled``). If the others
have accepted none by then, it accepts anyway: they may be busy. A process adopts the descriptor of
the socket, which is bound already: of its description only the layers above count, such as TLS.

Where the number of a connection matters, because decisions depend on it or the service has a
control port, a process accepts and numbers under a lock: the n-th connection that the service
accepts has number n, whichever process accepts it. No event loop waits for the lock: a process that
finds it taken pauses accepting for a moment. So a stopped holder delays only new connections. The
kernel releases the lock when its holder dies (POSIX record locks, fcntl(2)), and the supervisor
kills a process that sends no heartbeats.
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
"""The errors of accept when the process or the system has reached a limit."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds for which accepting pauses: doubled each time, up to the longest."""

_log = Logger()


GONE = 2**62
"""The entry on the board of a worker that accepts nothing."""

REST = 0.005
"""Seconds for which a worker pauses when it has more connections than another."""

LAST_TRIES = 50
"""How many times a worker that must accept now tries to get the lock, 1 ms apart."""

_NUMBER_SIZE = 8  # bytes


class BackingOffSocket(Listener):
    """A listening socket that pauses its port when `accept` fails with an error of `STARVED`.

    It replaces ``port.socket``; the port sees a failed accept as an empty queue. ``marks`` are the
    connections that are not from clients, which are skipped.
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
        """Accept one connection. Raises BlockingIOError if none waits, or accepting pauses."""
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
            raise BlockingIOError(errno.EAGAIN, "accepting pauses") from error
        self._pause = FIRST_PAUSE
        return accepted

    def _rest(self, error: OSError) -> None:
        if self._resting is not None:
            return
        if self._pause == FIRST_PAUSE:
            self._occasionally.warn("Accepting pauses for a moment", os.strerror(error.errno or 0))
        self.rest(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def rest(self, seconds: float) -> None:
        """Pause accepting for a time, unless it is paused already."""
        if self._resting is None:
            self._port.stopReading()
            self._resting = self._clock.callLater(seconds, self._return)

    def _return(self) -> None:
        self._resting = None
        if not self.held:
            self._port.startReading()

    def hold(self) -> None:
        """Pause accepting until `release`."""
        self.held = True
        self._port.stopReading()

    def release(self) -> None:
        """End `hold`: accept again, after any pause."""
        self.held = False
        if self._resting is None:
            self._port.startReading()

    def close(self) -> None:
        """Close the socket, and cancel the pause."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        super().close()


def back_off(port: IListeningPort, clock: IReactorTime) -> None:
    """Have a port pause accepting on errors of `STARVED`."""
    if isinstance(getattr(port, "socket", None), socket.socket):
        stream: Any = port
        take_place(stream, BackingOffSocket(stream, clock))


def slack(connections: int) -> int:
    """Return by how many connections a worker may exceed another and still accept."""
    return 2 + connections // 16


class Board:
    """Numbers shared by all processes of a service: `size` bytes of a file, mapped by each.

    ``open`` is the number of connections of each worker, or `GONE`. ``marks`` are the connections
    that are not from clients. The lock covers the bytes of the first number; data behind them has
    locks of its own.
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
        """Return its size in bytes."""
        return _NUMBER_SIZE * (1 + workers) + Marks.SIZE

    @contextmanager
    def locked(self, tries: int = 1) -> Iterator[bool]:
        """Hold the lock for accepting and numbering during a block; yield whether it was taken.

        It is tried ``tries`` times, 1 ms apart.
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
            except (BlockingIOError, PermissionError):  # lockf(3) allows both errors
                time.sleep(0.001 if left else 0)
            else:
                return True
        return False

    def take_number(self) -> int:
        """Return the number of the next connection, from 0, and count it. Needs the lock."""
        number = self._numbers[0]
        self._numbers[0] = number + 1
        return number

    @property
    def next_number(self) -> int:
        """The number of the next connection, read without the lock."""
        return self._numbers[0]


class Turn:
    """Decides whether it is the turn of worker ``me`` to accept.

    ``rooms`` is how many connections each worker may have (0 for any number): a full worker leaves
    connections to those that are not full.
    """

    def __init__(
        self, board: Board, me: int, rooms: Sequence[int], count_open: Callable[[], int]
    ) -> None:
        self._board = board
        self._me = me
        self._rooms = rooms
        self._count_open = count_open
        self._granted = 0  # connections that may still be accepted though others have fewer,
        self._lesser = 0  # while the total of those others stays at this number
        self._ended = False
        self._forced = False
        board.open[me] = 0

    @property
    def marks(self) -> Marks:
        """The connections that workers have marked as not from clients."""
        return self._board.marks

    @property
    def tries(self) -> int:
        """How many times to try to get the lock: more when a worker must accept now."""
        return LAST_TRIES if self._ended or self._forced else 1

    def is_ours(self) -> bool:
        """Return whether to accept the next connection; if not, pause for `REST`."""
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
        """Count an accepted connection on the board."""
        if not self._ended:
            self._board.open[self._me] += 1

    @contextmanager
    def forced(self) -> Iterator[None]:
        """Accept during a block, whatever the other workers have."""
        self._forced = True
        try:
            yield
        finally:
            self._forced = False

    def end(self) -> None:
        """Take turns no more: accept all waiting connections before the port is closed."""
        self._ended = True
        self._board.open[self._me] = GONE


class NumberedConnection(socket.socket):
    """An accepted connection with its number."""

    number: int


class SharedSocket(BackingOffSocket):
    """A listening socket on which other processes accept too; see `BackingOffSocket`.

    Connections are `NumberedConnection`s where ``board`` is given.
    """

    def __init__(self, port: Any, clock: IReactorTime, turn: Turn, board: Board | None) -> None:
        super().__init__(port, clock, turn.marks)
        self._turn = turn
        self._board = board

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one connection. Raises BlockingIOError if none waits, or not for us."""
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
    """Have a port share its socket with other processes, and pause as with `back_off`."""
    stream: Any = port
    take_place(stream, SharedSocket(stream, clock, turn, board))


def number_of(transport: Any) -> int:
    """Return the number of an accepted connection; TLS may be in between."""
    while not isinstance(handle := transport.getHandle(), NumberedConnection):
        transport = transport.transport
    return handle.number


def adopted_endpoint(reactor: Any, description: str, descriptor: int) -> IStreamServerEndpoint:
    """Make an endpoint that listens on a descriptor and owns it. Raises as `endpoint_for`."""
    if description.startswith("systemd:"):  # systemd passed its sockets to the parent process
        return AdoptedStreamServerEndpoint(OwnPorts(reactor), descriptor, family_of(descriptor))
    return endpoint_for(AdoptedPorts(reactor, descriptor), description)


class AdoptedPorts(OwnPorts):
    """Adopts one socket instead of binding a new one. See `IReactorTCP` and others."""

    def __init__(self, reactor: Any, descriptor: int) -> None:
        super().__init__(reactor)
        self._descriptor = descriptor

    def __getattr__(self, name: str) -> Any:
        """Return any other attribute of the reactor."""
        return getattr(self._reactor, name)

    def _adopt(self, factory: IProtocolFactory) -> IListeningPort:
        port = self.adoptStreamPort(self._descriptor, family_of(self._descriptor), factory)
        os.close(self._descriptor)  # the port has a duplicate; this one would go on listening
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
