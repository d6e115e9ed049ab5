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
"""The most events per poll; the bytes that their callbacks write are sent before the next."""

_SMALL = 2048
# Bytes: a turn of larger writes would hold enough memory that malloc returns it to the system and
# requests it again every time.

_FD_SETSIZE = 1024  # select takes descriptors below

_NO_CONTEXT: dict[object, object] = {}  # the log context outside of callbacks


def install() -> "EagerReactor":
    """Install an eager reactor as the global one. Raises ReactorAlreadyInstalledError.

    It is in this module because programs that start others with the same reactor let them import
    the module of its class and call ``install``.
    """
    reactor = EagerReactor()
    main.installReactor(reactor)
    return reactor


class EagerReactor(EPollReactor):
    """Twisted's epoll reactor, which tries to write at once; see `twistecho.eagerreactor`."""

    def __init__(self) -> None:
        # A step of the wall clock would stall timers; `IDelayedCall.getTime` must be epoch time.
        self.seconds = steady_epoch()
        # Connections that have bytes to write and may be untried, in order.
        self.untried: list[EagerConnection] = []
        # Connections that the current round has not tried yet; None outside a round.
        self._trying: Iterator[EagerConnection] | None = None
        # Connections that are registered for reading, by their descriptors.
        self.reading: dict[int, EagerConnection] = {}
        super().__init__()

    # Making connections: it listens, connects and adopts as Twisted does, but every stream
    # transport that it makes is an eager one.

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

    # Reading

    def addReader(self, reader: Any) -> None:
        """Call ``doRead`` when there are bytes to read."""
        if not isinstance(reader, EagerConnection):
            super().addReader(reader)
            return
        fd = reader.fileno()
        if fd not in self.reading:
            self._add(reader, self._reads, self._writes, self._selectables, EPOLLIN, EPOLLOUT)
            self.reading[fd] = reader

    def removeReader(self, reader: Any) -> None:
        """Stop calling ``doRead``."""
        if not isinstance(reader, EagerConnection):
            super().removeReader(reader)
            return
        fd = reader.fileno()
        if fd == -1:  # other code has closed the socket
            fd = next((fd for fd, other in self.reading.items() if other is reader), fd)
        if self.reading.pop(fd, None) is not None:
            self._remove(reader, self._reads, self._writes, self._selectables, EPOLLIN, EPOLLOUT)

    # Writing

    def addWriter(self, writer: Any) -> None:
        """Call ``doWrite`` at the end of this turn, or when the descriptor is ready."""
        if not (isinstance(writer, EagerConnection) and writer.connected):
            super().addWriter(writer)
            return
        writer.close_shortcut()
        if not writer.untried and writer.fileno() not in self._writes:
            writer.untried = True
            self.untried.append(writer)

    def removeWriter(self, writer: Any) -> None:
        """Stop calling ``doWrite``."""
        if isinstance(writer, EagerConnection):
            writer.close_shortcut()
            if writer.untried:
                writer.untried = False
                return
            if 0 <= writer.fileno() not in self._writes:
                return
        super().removeWriter(writer)

    def getWriters(self) -> list[Any]:
        """List the transports that have bytes to write."""
        untried = [*(copy(self._trying) or ()), *self.untried]
        wanting = (writer for writer in untried if writer.untried or writer.chunk)
        return [*super().getWriters(), *wanting]

    def removeAll(self) -> list[Any]:
        """Remove all descriptors but the reactor's own, and list them."""
        self.await_all()
        removed: list[Any] = super().removeAll()
        self.reading.clear()
        return removed

    def await_writing(self, writer: EagerConnection) -> None:
        """Register a transport with bytes left for writability, as Twisted does at once."""
        writer.close_shortcut()
        if writer.untried:
            writer.untried = False
            super().addWriter(writer)

    def await_all(self) -> None:
        """Register all untried transports, also those of a round that is in progress."""
        untried = self._take_up()
        while untried:
            self.await_writing(untried[-1])
            untried.pop()

    def _take_up(self) -> list[EagerConnection]:
        """Put the rest of a round in progress back into ``untried``, and return that list."""
        if self._trying is not None:
            self.untried[:0] = self._trying
            self._trying = None
        return self.untried

    # Sending

    def _try_all(self) -> None:
        """Try each transport that has bytes to write once; bytes written meanwhile wait.

        A callback may run the reactor, and a signal's handler may raise between any two
        transports: those that were not tried yet are then in ``_trying``.
        """
        untried = self.untried if self._trying is None else self._take_up()
        self.untried = []
        writers = self._trying = iter(untried)
        self._send(writers)
        if self._trying is writers:
            self._trying = None

    def _send(  # noqa: C901 - inlined, to save the calls
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
                    except Exception:  # noqa: BLE001 - doWrite below raises it again
                        writer.close_shortcut()
                    except BaseException as raised:  # noqa: BLE001 - it is unknown what was sent
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
        """Log an exception from a connection's turn, and disconnect it, as Twisted does."""
        log.err()
        self._settle(connection, raised, is_read=False)

    def _try(self, writer: EagerConnection) -> None:
        contexts = context.theContextTracker.currentContext().contexts
        here = len(contexts)
        contexts.append(writer)
        try:
            why = writer.doWrite()
        except BaseException as raised:  # noqa: BLE001 - as in _doReadOrWrite
            self._fail(writer, raised)
        else:
            if why or writer.untried:
                self._settle(writer, why, is_read=False)
        finally:
            del contexts[here:]

    # Events

    def runUntilCurrent(self) -> None:
        """Run the due calls, then send the bytes that they wrote."""
        super().runUntilCurrent()
        if self.untried:
            self._try_all()

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events, pass them to the descriptors, then send the bytes written."""
        if self.untried or self._trying is not None:
            self.await_all()
        events = self._wait(timeout)
        contexts = context.theContextTracker.currentContext().contexts
        here = len(contexts)
        contexts.append(_NO_CONTEXT)
        try:
            self._tell(events, contexts, here)
        finally:
            del contexts[here:]
        if self.untried:
            self._try_all()

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """Wait for events, for at most ``timeout`` seconds, and return them.

        Epoll waits for whole milliseconds and would round up. For less than one, select, which
        counts microseconds, waits on epoll's own descriptor; if that is not ready, epoll has no
        events.
        """
        poller, wait = self._poller, 0.0
        if timeout is None:
            wait = -1
        elif timeout >= 0.001:
            wait = (int(timeout * 1000) - 0.5) / 1000  # epoll rounds up to whole milliseconds
        elif timeout > 0 and (fd := poller.fileno()) < _FD_SETSIZE:
            ready, _, _ = select.select((fd,), (), (), timeout)
            if not ready:
                return []
        events: list[tuple[int, int]] = poller.poll(wait, MOST_EVENTS)
        return events

    doIteration = doPoll

    def _tell(  # noqa: C901, PLR0912 - inlined, to save the calls
        self, events: list[tuple[int, int]], contexts: list[Any], here: int
    ) -> None:
        """Pass each descriptor its event, with its transport as the log context at ``here``."""
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
                except BaseException as raised:  # noqa: BLE001 - as in _doReadOrWrite
                    self._fail(connection, raised)
                    continue
                if why:
                    self._settle(connection, why, is_read=True)
            elif fd in self._selectables:
                contexts[here] = _NO_CONTEXT
                selectable = self._selectables[fd]
                log.callWithLogger(selectable, self._doReadOrWrite, selectable, fd, event)

    def _settle(
        self, connection: EagerConnection, why: BaseException | int | None, *, is_read: bool
    ) -> None:
        """Disconnect a connection that has ended; otherwise wait for its writability."""
        try:
            if why:
                self._disconnectSelectable(connection, why, is_read)
            else:
                self.await_writing(connection)
        except BaseException:  # noqa: BLE001 - an error in connectionLost must not stop others
            log.err()

    def _disconnectSelectable(self, selectable: Any, why: Any, isRead: bool) -> None:  # type: ignore[override]
        """Disconnect, with the reason why a connection broke if that is known."""
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
    """Have a port make these transports; it accepts nothing before the reactor's next turn."""
    port.transport = transport
    take_place(port, Listener(port.socket))
    return port
