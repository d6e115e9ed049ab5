"""`EagerReactor`: see `twistecho.eagerreactor`."""

import select
import socket
from collections.abc import Iterator
from copy import copy
from typing import Any

from twisted.internet import error, main
from twisted.internet.epollreactor import EPOLLIN, EPOLLOUT, EPollReactor
from twisted.python import context, log
from twisted.python.failure import Failure

from twistecho.base.sockets import Listener, take_place
from twistecho.base.timers import steady_epoch

from . import transports, unix
from .transports import EagerConnection

MOST_EVENTS = 64
"""Events that one poll brings at most; what their callbacks write goes out before the next."""

_SMALL = 2048
# Bytes: a turn of larger writes would hold so much that malloc gives memory back to the system and
# asks for it again every time.

_FD_SETSIZE = 1024  # select takes descriptors below

_NOBODY: dict[object, object] = {}  # the log context where there is none


def install() -> "EagerReactor":
    """Install an eager reactor as the global one. Raises ReactorAlreadyInstalledError.

    It stands here because programs that start others with the same reactor have them import the
    module of its class and call this.
    """
    reactor = EagerReactor()
    main.installReactor(reactor)
    return reactor


class EagerReactor(EPollReactor):
    """Twisted's epoll reactor, eager to write; see `twistecho.eagerreactor`."""

    def __init__(self) -> None:
        # A wall clock that steps would stall timers; `IDelayedCall.getTime` is time of the epoch.
        self.seconds = steady_epoch()
        # Connections that want to write and may be untried, in order.
        self.untried: list[EagerConnection] = []
        # Those that have not had their turn of a round; None when it has ended.
        self._trying: Iterator[EagerConnection] | None = None
        # Those that want to read, by their descriptors.
        self.reading: dict[int, EagerConnection] = {}
        super().__init__()

    # How it comes by its connections: it listens, connects and adopts as Twisted does, and every
    # stream transport that it makes is an eager one.

    def listenTCP(self, port: Any, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """Listen on a TCP port. See `IReactorTCP.listenTCP`."""
        return _accepting(super().listenTCP(port, factory, backlog, interface), transports.Server)

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> Any:
        """Listen on a Unix socket. See `IReactorUNIX.listenUNIX`."""
        return _accepting(super().listenUNIX(address, factory, backlog, mode, wantPID), unix.Server)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: Any, factory: Any) -> Any:
        """Listen on a socket that listens already. See `IReactorSocket.adoptStreamPort`."""
        port = super().adoptStreamPort(fileDescriptor, addressFamily, factory)
        return _accepting(
            port, unix.Server if addressFamily == socket.AF_UNIX else transports.Server
        )

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: Any, factory: Any) -> Any:
        """Take over a connected socket. See `IReactorSocket.adoptStreamConnection`."""
        if addressFamily not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(addressFamily)
        if addressFamily == socket.AF_UNIX:
            return unix.Server._fromConnectedSocket(fileDescriptor, factory, self)
        return transports.Server._fromConnectedSocket(fileDescriptor, addressFamily, factory, self)

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30,
        bindAddress: Any = None,
    ) -> Any:
        """Connect to a TCP port. See `IReactorTCP.connectTCP`."""
        connector = transports.Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float = 30, checkPID: int = 0
    ) -> Any:
        """Connect to a Unix socket. See `IReactorUNIX.connectUNIX`."""
        connector = unix.Connector(address, factory, timeout, self, checkPID)
        connector.connect()
        return connector

    # What wants to read

    def addReader(self, reader: Any) -> None:
        """Have ``doRead`` called when there is something to read."""
        if not isinstance(reader, EagerConnection):
            super().addReader(reader)
            return
        fd = reader.fileno()
        if fd not in self.reading:
            self._add(reader, self._reads, self._writes, self._selectables, EPOLLIN, EPOLLOUT)
            self.reading[fd] = reader

    def removeReader(self, reader: Any) -> None:
        """Have ``doRead`` called no more."""
        if not isinstance(reader, EagerConnection):
            super().removeReader(reader)
            return
        fd = reader.fileno()
        if fd == -1:  # somebody has closed the socket behind our back
            fd = next((fd for fd, other in self.reading.items() if other is reader), fd)
        if self.reading.pop(fd, None) is not None:
            self._remove(reader, self._reads, self._writes, self._selectables, EPOLLIN, EPOLLOUT)

    # What wants to write

    def addWriter(self, writer: Any) -> None:
        """Have ``doWrite`` called: at the end of this turn, or when the descriptor is ready."""
        if not (isinstance(writer, EagerConnection) and writer.connected):
            super().addWriter(writer)
            return
        writer.close_shortcut()
        if not writer.untried and writer.fileno() not in self._writes:
            writer.untried = True
            self.untried.append(writer)

    def removeWriter(self, writer: Any) -> None:
        """Have ``doWrite`` called no more."""
        if isinstance(writer, EagerConnection):
            writer.close_shortcut()
            if writer.untried:
                writer.untried = False
                return
            if 0 <= writer.fileno() not in self._writes:
                return
        super().removeWriter(writer)

    def getWriters(self) -> list[Any]:
        """List what wants to write."""
        untried = [*(copy(self._trying) or ()), *self.untried]
        wanting = (writer for writer in untried if writer.untried or writer.chunk)
        return [*super().getWriters(), *wanting]

    def removeAll(self) -> list[Any]:
        """Forget all descriptors but the reactor's own, and list them."""
        self.await_all()
        removed: list[Any] = super().removeAll()
        self.reading.clear()
        return removed

    def await_writing(self, writer: EagerConnection) -> None:
        """Register a transport that still wants to write, as Twisted would have done at first."""
        writer.close_shortcut()
        if writer.untried:
            writer.untried = False
            super().addWriter(writer)

    def await_all(self) -> None:
        """Register all of them, also those of a round in which this is called."""
        untried = self._take_up()
        while untried:
            self.await_writing(untried[-1])
            untried.pop()

    def _take_up(self) -> list[EagerConnection]:
        """Have all that a round has not come to, and give the list that all wait in."""
        if self._trying is not None:
            self.untried[:0] = self._trying
            self._trying = None
        return self.untried

    # What is sent

    def _try_all(self) -> None:
        """Let each transport that wants to write try once; what they write meanwhile waits.

        What is called may run the reactor, and a signal's handler may raise between any two of
        them: those whose turn has not come are then found in ``_trying``.
        """
        untried = self.untried if self._trying is None else self._take_up()
        self.untried = []
        writers = self._trying = iter(untried)
        self._send(writers)
        if self._trying is writers:
            self._trying = None

    def _send(  # noqa: C901 - each call that is not made is what this is for
        self, writers: Iterator[EagerConnection]
    ) -> None:
        writer = None
        try:
            for writer in writers:
                chunk = writer.chunk
                if chunk:
                    size = len(chunk)
                    try:
                        sent = writer.socket.send(chunk)
                    except OSError as os_error:
                        writer.not_sent(chunk, os_error)
                    except Exception:  # noqa: BLE001 - what is no bytes is said to be none below
                        writer.close_shortcut()
                    except BaseException as raised:  # noqa: BLE001 - nobody knows what was sent
                        self._fail(writer, raised)
                        continue
                    else:
                        if sent == size:
                            writer.chunk = None
                            continue
                        writer.wait_with(chunk, sent)
                if writer.untried:
                    self._try(writer)
        except BaseException:
            if writer is not None:
                self.untried.append(writer)
            raise

    def _fail(self, connection: EagerConnection, raised: BaseException) -> None:
        """Log what was raised in a connection's turn, and disconnect it: as Twisted does."""
        log.err()
        self._settle(connection, raised, is_read=False)

    def _try(self, writer: EagerConnection) -> None:
        contexts = context.theContextTracker.currentContext().contexts
        here = len(contexts)
        contexts.append(writer)
        try:
            why = writer.doWrite()
        except BaseException as raised:  # noqa: BLE001 - as _doReadOrWrite has it
            self._fail(writer, raised)
        else:
            if why or writer.untried:
                self._settle(writer, why, is_read=False)
        finally:
            del contexts[here:]

    # What happens

    def runUntilCurrent(self) -> None:
        """Run what is due, and send what that wrote."""
        super().runUntilCurrent()
        if self.untried:
            self._try_all()

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events, tell the descriptors, and send what that wrote."""
        if self.untried or self._trying is not None:
            self.await_all()
        events = self._wait(timeout)
        contexts = context.theContextTracker.currentContext().contexts
        here = len(contexts)
        contexts.append(_NOBODY)
        try:
            self._tell(events, contexts, here)
        finally:
            del contexts[here:]
        if self.untried:
            self._try_all()

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """Wait for events, for so long at most, and give them.

        Epoll waits for whole milliseconds and would round up. What is left of one is waited for by
        select, which counts microseconds, on the descriptor of epoll itself; where that is not
        ready, there is nothing to ask epoll for.
        """
        poller, wait = self._poller, 0.0
        if timeout is None:
            wait = -1
        elif timeout >= 0.001:
            wait = (int(timeout * 1000) - 0.5) / 1000  # rounded up: the whole milliseconds
        elif timeout > 0 and (fd := poller.fileno()) < _FD_SETSIZE:
            ready, _, _ = select.select((fd,), (), (), timeout)
            if not ready:
                return []
        events: list[tuple[int, int]] = poller.poll(wait, MOST_EVENTS)
        return events

    doIteration = doPoll

    def _tell(  # noqa: C901, PLR0912 - each call that is not made is what this is for
        self, events: list[tuple[int, int]], contexts: list[Any], here: int
    ) -> None:
        """Tell each descriptor what happened to it, with itself ``here`` as the log context."""
        reading, readable = self.reading, EPOLLIN
        for fd, event in events:
            if event == readable and fd in reading:
                connection = contexts[here] = reading[fd]
                why: BaseException | int | None
                try:
                    if connection.reply_to is None:
                        why = connection.doRead()
                        if connection.chunk and len(connection.chunk) > _SMALL:
                            self._try_all()
                    else:  # the same, without the calls
                        try:
                            data = connection.socket.recv(connection.bufferSize)
                        except OSError as os_error:
                            why = connection.not_received(os_error)
                        else:
                            if data:
                                reply = connection.reply_to(data)
                                if reply:
                                    if (
                                        connection.chunk is None
                                        and len(reply) <= connection.bufferSize
                                    ):
                                        connection.chunk = reply
                                        self.untried.append(connection)
                                    else:
                                        connection.write(reply)
                                    if len(reply) > _SMALL:
                                        self._try_all()
                                continue
                            why = connection.end_of_stream()
                except BaseException as raised:  # noqa: BLE001 - as _doReadOrWrite has it
                    self._fail(connection, raised)
                    continue
                if why:
                    self._settle(connection, why, is_read=True)
            elif fd in self._selectables:
                contexts[here] = _NOBODY
                selectable = self._selectables[fd]
                log.callWithLogger(selectable, self._doReadOrWrite, selectable, fd, event)

    def _settle(
        self, connection: EagerConnection, why: BaseException | int | None, *, is_read: bool
    ) -> None:
        """Disconnect what has ended, and wait for what could not write."""
        try:
            if why:
                self._disconnectSelectable(connection, why, is_read)
            else:
                self.await_writing(connection)
        except BaseException:  # noqa: BLE001 - what connectionLost raised harms nobody else
            log.err()

    def _disconnectSelectable(self, selectable: Any, why: Any, isRead: bool) -> None:  # type: ignore[override]
        """Disconnect, and say why a connection broke where that is known."""
        if isinstance(selectable, EagerConnection) and why is main.CONNECTION_LOST:
            why = selectable.why_lost()
        if why.__class__ is error.ConnectionLost and hasattr(why, "osError"):
            # Twisted would replace it by a failure that all connections share.
            self.removeReader(selectable)
            self.removeWriter(selectable)
            selectable.connectionLost(Failure(why))
        else:
            super()._disconnectSelectable(selectable, why, isRead)


def _accepting(port: Any, transport: type[EagerConnection]) -> Any:
    """Have a port make such transports; it accepts nothing before the reactor's next turn."""
    port.transport = transport
    take_place(port, Listener(port.socket))
    return port
