"""A faster epoll reactor for any Twisted program: ``twist --reactor eager``, or `install`.

It is Twisted's `EPollReactor` with three differences, none of which a protocol can see but by the
clock:

1. *Writing is tried before it is waited for.* Twisted buffers what a protocol writes, registers the
   descriptor for writability, waits, sends and unregisters it: two ``epoll_ctl`` and one more
   ``epoll_wait`` for every reply. Here, a connected stream transport that wants to write is put on
   a list, and as soon as the callback has returned, the reactor calls its ``doWrite`` as if the
   descriptor had been reported. Only one that still wants to write after that is registered. So
   ``write`` itself never sends: all that one callback writes goes out together (with Nagle's
   algorithm, a second small segment would wait for the peer's delayed ACK), errors come up in the
   reactor and never in the midst of a protocol's code, TLS has its bytes to itself, and a pull
   producer does not recurse: each transport is tried once, what its producer writes then has to
   wait for writability, so that no transport keeps the others from being served.
2. *No log context is built for an event.* A transport is itself the context, and says which prefix
   log lines have when there is one to log; see `eagertransport`.
3. *The clock is monotonic*: a step of the wall clock moves no delayed call.

Stream connections that break keep their errno: the `ConnectionLost` that the protocol is given has
it as ``osError``.

What it uses of Twisted that is not public is in `TWISTED_INTERNALS`.
"""

import os
import socket
import time
from typing import Any

from twisted.internet import error, main
from twisted.internet.epollreactor import EPOLLIN, EPollReactor
from twisted.python import context, log
from twisted.python.failure import Failure

from .eagertransport import (
    Connector,
    EagerConnection,
    Server,
    UNIXConnector,
    UNIXServer,
    connection_lost,
)

TWISTED_INTERNALS: dict[str, str | None] = {
    # the event loop
    "twisted.internet.base.ReactorBase.runUntilCurrent": "self",
    "twisted.internet.epollreactor.EPollReactor.doPoll": "self timeout",
    "twisted.internet.posixbase._PollLikeMixin._doReadOrWrite": "self selectable fd event",
    "twisted.internet.posixbase._DisconnectSelectableMixin._disconnectSelectable":
        "self selectable why isRead",
    "twisted.python.context.theContextTracker.currentContext": "",
    "twisted.python.context.ContextTracker": "",
    # how connections are made
    "twisted.internet.posixbase.PosixReactorBase._supportedAddressFamilies": None,
    "twisted.internet.tcp.Port.transport": None,
    "twisted.internet.tcp.Server._fromConnectedSocket":
        "fileDescriptor addressFamily factory reactor",
    "twisted.internet.unix.Server._fromConnectedSocket": "fileDescriptor factory reactor",
    "twisted.internet.tcp.Connector._makeTransport": "self",
    "twisted.internet.unix.Connector._makeTransport": "self",
    "twisted.internet.tcp.BaseClient._connectDone": "self",
    # a connection's buffer and state
    "twisted.internet.abstract.FileDescriptor.doWrite": "self",
    "twisted.internet.abstract.FileDescriptor.dataBuffer": None,
    "twisted.internet.abstract.FileDescriptor.offset": None,
    "twisted.internet.abstract.FileDescriptor.SEND_LIMIT": None,
    "twisted.internet.abstract.FileDescriptor._writeDisconnecting": None,
    "twisted.internet.abstract.FileDescriptor._writeDisconnected": None,
    "twisted.internet.abstract.FileDescriptor._maybePauseProducer": "self",
    "twisted.internet.tcp.Connection.TLS": None,
    "twisted.internet.tcp.Connection.writeSomeData": "self data",
    "twisted.internet.unix._SendmsgMixin._writeSomeDataBase": None,
    "twisted.internet.unix._SendmsgMixin._ancillaryLevelSOLSOCKETTypeSCMRIGHTS": "self cmsgData",
    "twisted.internet.abstract._LogOwner._getLogPrefix": "self applicationObject",
}  # fmt: skip
"""What of Twisted is used beside its public interface, and the arguments it takes; the attributes
``_tempDataBuffer`` and ``_tempDataLen`` of connections, ``_reads``, ``_writes``, ``_selectables``
and ``_poller`` of reactors and ``contexts`` of context trackers exist only in instances."""

_MOST_EVENTS = 1024  # in one poll, for which Python allocates room every time


class EagerReactor(EPollReactor):
    """Twisted's epoll reactor, eager to write; see the module's docstring."""

    seconds = staticmethod(time.monotonic)

    def __init__(self) -> None:
        # Connections to try, in order; those no longer marked as untried are passed over.
        self.untried: list[EagerConnection] = []
        super().__init__()

    # What wants to write

    def addWriter(self, writer: Any) -> None:
        """Have ``doWrite`` called: after the running callback, or when the descriptor is ready."""
        if not (isinstance(writer, EagerConnection) and writer.connected):
            super().addWriter(writer)
        elif not writer.untried and writer.fileno() not in self._writes:
            writer.untried = True
            self.untried.append(writer)

    def removeWriter(self, writer: Any) -> None:
        """Have ``doWrite`` called no more."""
        if isinstance(writer, EagerConnection) and writer.untried:
            writer.untried = False
        else:
            super().removeWriter(writer)

    def getWriters(self) -> list[Any]:
        """List what wants to write."""
        return [*super().getWriters(), *(writer for writer in self.untried if writer.untried)]

    def removeAll(self) -> list[Any]:
        """Forget all descriptors but the reactor's own, and list them."""
        self._await_all()
        removed: list[Any] = super().removeAll()
        return removed

    def _await(self, writer: EagerConnection) -> None:
        """Register a transport that still wants to write, as Twisted would have done at first."""
        if writer.untried:
            writer.untried = False
            super().addWriter(writer)

    def _await_all(self) -> None:
        while self.untried:
            self._await(self.untried.pop())

    def _try_all(self) -> None:
        """Let each transport that wants to write try once; what they write meanwhile waits."""
        untried, self.untried = self.untried, []
        contexts = context.theContextTracker.currentContext().contexts
        for writer in untried:
            if writer.untried:
                contexts.append(writer)
                try:
                    why = writer.doWrite()
                except BaseException as raised:  # noqa: BLE001 - as _doReadOrWrite has it
                    why = raised
                    log.err()
                if why or writer.untried:
                    self._settle(writer, why, is_read=False)
                contexts.pop()

    # What happens

    def runUntilCurrent(self) -> None:
        """Run what is due, and send what that wrote."""
        super().runUntilCurrent()
        if self.untried:
            self._try_all()

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events, tell the descriptors, and send what that wrote."""
        self._await_all()
        most = min(len(self._selectables), _MOST_EVENTS)
        try:
            events = self._poller.poll(-1 if timeout is None else timeout, most)
        except InterruptedError:
            return
        self._tell(events)
        if self.untried:
            self._try_all()

    doIteration = doPoll

    def _tell(self, events: list[tuple[int, int]]) -> None:
        contexts = context.theContextTracker.currentContext().contexts
        find = self._selectables.get
        for fd, event in events:
            selectable = find(fd)
            if event == EPOLLIN and isinstance(selectable, EagerConnection):
                contexts.append(selectable)
                is_read = True
                why: BaseException | int | None
                try:
                    why = selectable.doRead()
                    if selectable.untried and not why:
                        is_read = False
                        why = selectable.doWrite()
                except BaseException as raised:  # noqa: BLE001 - as _doReadOrWrite has it
                    is_read = False
                    why = raised
                    log.err()
                if why or selectable.untried:
                    self._settle(selectable, why, is_read=is_read)
                contexts.pop()
            elif selectable is not None:
                log.callWithLogger(selectable, self._doReadOrWrite, selectable, fd, event)

    def _settle(
        self, connection: EagerConnection, why: BaseException | int | None, *, is_read: bool
    ) -> None:
        """Disconnect what has ended, and wait for what could not write."""
        try:
            if why:
                self._disconnectSelectable(connection, why, is_read)
            else:
                self._await(connection)
        except BaseException:  # noqa: BLE001 - what connectionLost raised harms nobody else
            log.err()

    def _disconnectSelectable(self, selectable: Any, why: Any, isRead: bool) -> None:  # type: ignore[override]
        """Disconnect, and say why a connection broke where that is known."""
        if isinstance(selectable, EagerConnection) and why is main.CONNECTION_LOST:
            why = _why_lost(selectable)
        if why.__class__ is error.ConnectionLost and hasattr(why, "osError"):
            # Twisted would replace it by a failure that all connections share.
            self.removeReader(selectable)
            self.removeWriter(selectable)
            selectable.connectionLost(Failure(why))
        else:
            super()._disconnectSelectable(selectable, why, isRead)

    # Connections

    def listenTCP(self, port: Any, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """Listen on a TCP port. See `IReactorTCP.listenTCP`."""
        return _accepting(super().listenTCP(port, factory, backlog, interface), Server)

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> Any:
        """Listen on a Unix socket. See `IReactorUNIX.listenUNIX`."""
        return _accepting(super().listenUNIX(address, factory, backlog, mode, wantPID), UNIXServer)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: Any, factory: Any) -> Any:
        """Listen on a socket that listens already. See `IReactorSocket.adoptStreamPort`."""
        port = super().adoptStreamPort(fileDescriptor, addressFamily, factory)
        return _accepting(port, UNIXServer if addressFamily == socket.AF_UNIX else Server)

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: Any, factory: Any) -> Any:
        """Take over a connected socket. See `IReactorSocket.adoptStreamConnection`."""
        if addressFamily not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(addressFamily)
        if addressFamily == socket.AF_UNIX:
            return UNIXServer._fromConnectedSocket(fileDescriptor, factory, self)
        return Server._fromConnectedSocket(fileDescriptor, addressFamily, factory, self)

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30,
        bindAddress: Any = None,
    ) -> Any:
        """Connect to a TCP port. See `IReactorTCP.connectTCP`."""
        connector = Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float = 30, checkPID: int = 0
    ) -> Any:
        """Connect to a Unix socket. See `IReactorUNIX.connectUNIX`."""
        connector = UNIXConnector(address, factory, timeout, self, checkPID)
        connector.connect()
        return connector


def _accepting(port: Any, transport: type[EagerConnection]) -> Any:
    """Have a port make such transports; it accepts nothing before the reactor's next turn."""
    port.transport = transport
    return port


def _why_lost(connection: EagerConnection) -> error.ConnectionLost:
    """Ask a socket that was reported as broken, unless it has told already."""
    if connection.broken:
        return connection.broken
    number = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return connection_lost(OSError(number, os.strerror(number))) if number else main.CONNECTION_LOST


def install() -> EagerReactor:
    """Install an eager reactor as the global one. Raises ReactorAlreadyInstalledError."""
    reactor = EagerReactor()
    main.installReactor(reactor)
    return reactor
