"""The stream transports of the eager reactor: Twisted's own, with shorter ways where nothing is in
the way, and with the errno of a connection that breaks.

Buffers, producers, TLS and closing stay Twisted's. A transport that wants to write is *untried*
until its socket has been asked for the first time, which `eagerreactor` does as soon as the running
callback has returned; only where the socket refuses is it registered for writability.
"""  # noqa: D205 - one sentence

import socket
from errno import EBADF, ENOBUFS, EWOULDBLOCK
from typing import Any

from twisted.internet import error, main, tcp, unix
from twisted.python import context
from twisted.python.log import ILogContext, msg

from .localports import share_local_ports

# What twisted.python.sendmsg.recvmsg makes room for.
_ANCILLARY_SIZE = socket.CMSG_SPACE(4096)

_REFUSED = (EWOULDBLOCK, ENOBUFS)  # try again when the socket is writable

_Ended = error.ConnectionLost | error.ConnectionDone | None


def connection_lost(os_error: OSError) -> error.ConnectionLost:
    """Make a `ConnectionLost` whose ``osError`` and ``__cause__`` say what the system said."""
    lost = error.ConnectionLost()
    lost.osError = lost.__cause__ = os_error  # type: ignore[attr-defined]  # this adds it
    return lost


class EagerConnection(tcp.Connection):
    """What the eager reactor's stream transports have in common; mixed in before Twisted's class.

    In its own callbacks a transport is also the log context: Twisted's context stack asks its
    members for ``member[ILogContext]``, and this one computes the answer only when something is
    logged. That a thread started from the callback inherits it is as in Twisted.
    """

    untried = False  # wants to write, and its socket has not been asked yet
    broken: error.ConnectionLost | None = None  # what the first try of a write found

    # Twisted deletes the first two when the connection is lost; the third is any FD-set reactor.
    protocol: Any
    socket: Any
    reactor: Any

    def __getitem__(self, key: object) -> dict[str, Any]:
        """Give the log context of this connection's callbacks. Raises KeyError for other keys."""
        if key is not ILogContext:
            raise KeyError(key)
        contexts = context.theContextTracker.currentContext().contexts
        outer = contexts[: contexts.index(self)]
        base = next(under[key] for under in reversed(outer) if key in under)
        return {**base, "system": self.logPrefix()}

    def __contains__(self, key: object) -> bool:
        """Say whether `__getitem__` has an answer."""
        return key is ILogContext

    def doRead(self) -> _Ended:  # type: ignore[override]  # Twisted's are not annotated
        """Read once and hand the bytes to the protocol."""
        try:
            data = self.socket.recv(self.bufferSize)
        except OSError as os_error:
            return self._not_received(os_error)
        if not data:
            # A failed send takes the socket's error with it: what follows looks like a FIN.
            return self.broken or main.CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def _not_received(self, os_error: OSError) -> error.ConnectionLost | None:
        if os_error.errno == EWOULDBLOCK:
            return None
        if os_error.errno == EBADF:  # somebody has closed the socket behind our back
            return error.ConnectionFdescWentAway("File descriptor lost")
        return connection_lost(os_error)

    def doWrite(self) -> BaseException | int | None:  # type: ignore[override]  # Twisted's are not annotated
        """Send what is buffered, then tell who waits for that."""
        if self.untried:
            return self._unless_broken(super().doWrite())
        return self.broken or super().doWrite()

    def _unless_broken(self, why: BaseException | int | None) -> BaseException | int | None:
        """Keep what a first try found broken until the socket is reported as ready.

        What the peer said before it went is read first then, as it is where Twisted waits.
        """
        if why.__class__ is not error.ConnectionLost:
            return why
        self.broken = self.broken or why
        return None

    def writeSomeData(self, data: bytes | memoryview) -> int | error.ConnectionLost:
        """Send up to ``SEND_LIMIT`` bytes; give how many, or why the connection is lost."""
        if not data:
            return 0
        if len(data) > self.SEND_LIMIT:
            data = memoryview(data)[: self.SEND_LIMIT]
        try:
            sent: int = self.socket.send(data)
        except OSError as os_error:
            return 0 if os_error.errno in _REFUSED else connection_lost(os_error)
        return sent


class _TCPConnection(EagerConnection):
    """What TCP connections have besides: short ways for what most messages need."""

    def _keep_at_hand(self) -> None:
        """Have as the instance's own what every message asks for: that is found at once."""
        self.TLS = self.TLS
        self._writeDisconnected = self._writeDisconnected
        self._writeDisconnecting = self._writeDisconnecting
        self.disconnecting = self.disconnecting
        self.producerPaused = self.producerPaused
        self.dataBuffer = self.dataBuffer
        self.bufferSize = self.bufferSize
        self.untried = self.untried
        self.SEND_LIMIT = self.SEND_LIMIT

    def write(self, data: bytes) -> None:
        """Buffer bytes; they are sent as soon as the running callback has returned."""
        if self.TLS or self._writeDisconnected or not (self.connected and type(data) is bytes):
            super().write(data)
        elif data:
            self._tempDataBuffer.append(data)
            self._tempDataLen += len(data)
            if self._tempDataLen + len(self.dataBuffer) > self.bufferSize:
                self._maybePauseProducer()
            # What the socket has refused is in dataBuffer, and waited for.
            if not (self.untried or self.dataBuffer):
                self.untried = True
                self.reactor.untried.append(self)

    def doWrite(self) -> BaseException | int | None:  # type: ignore[override]  # Twisted's are not annotated
        """Send what is buffered, then tell who waits for that."""
        if (
            len(self._tempDataBuffer) == 1
            and self.untried
            and self._tempDataLen <= self.SEND_LIMIT
            and not (self.dataBuffer or self.disconnecting or self._writeDisconnecting)
            and (self.producer is None or (self.streamingProducer and not self.producerPaused))
        ):
            try:
                sent = self.socket.send(self._tempDataBuffer[0])
            except OSError as os_error:
                return self._refused(os_error)
            chunk = self._tempDataBuffer.pop()
            if sent == self._tempDataLen:
                self.untried = False
            else:
                self.dataBuffer, self.offset = chunk, sent
            self._tempDataLen = 0
            return None
        return super().doWrite()

    def _refused(self, os_error: OSError) -> BaseException | int | None:
        """Keep the only chunk where it is waited for, unless the connection is broken."""
        if os_error.errno not in _REFUSED:
            return self._unless_broken(connection_lost(os_error))
        self.dataBuffer, self.offset = self._tempDataBuffer.pop(), 0
        self._tempDataLen = 0
        return None


class Server(_TCPConnection, tcp.Server):
    """An accepted TCP connection."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._keep_at_hand()


class Client(_TCPConnection, tcp.Client):
    """A TCP connection that is made here."""

    def createInternetSocket(self) -> Any:
        """Make the socket; where it is bound to an address, ``connect`` chooses the port."""
        made = super().createInternetSocket()
        share_local_ports(made)
        return made

    def _connectDone(self) -> None:
        self._keep_at_hand()
        super()._connectDone()


class Connector(tcp.Connector):
    """Makes TCP connections."""

    def _makeTransport(self) -> Client:
        return Client(self.host, self.port, self.bindAddress, self, self.reactor)


class _UNIXConnection(EagerConnection):
    """What Unix stream connections have besides: file descriptors may come along."""

    def doRead(self) -> _Ended:  # type: ignore[override]  # Twisted's are not annotated
        """Read once, take the file descriptors that came along, hand the bytes to the protocol."""
        try:
            data, ancillary, _, _ = self.socket.recvmsg(self.bufferSize, _ANCILLARY_SIZE)
        except OSError as os_error:
            return self._not_received(os_error)
        for level, kind, contents in ancillary:
            self._take_ancillary(level, kind, contents)
        if not data:
            return self.broken or main.CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def _take_ancillary(self, level: int, kind: int, contents: bytes) -> None:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            self._ancillaryLevelSOLSOCKETTypeSCMRIGHTS(contents)  # type: ignore[attr-defined]  # unix._SendmsgMixin
            return
        msg(
            format="%(protocolName)s (on %(hostAddress)r) received unsupported ancillary data "
            "(level=%(cmsgLevel)r, type=%(cmsgType)r) from %(peerAddress)r.",
            hostAddress=self.getHost(),
            peerAddress=self.getPeer(),
            protocolName=self._getLogPrefix(self.protocol),
            cmsgLevel=level,
            cmsgType=kind,
        )


class UNIXServer(_UNIXConnection, unix.Server):
    """An accepted Unix stream connection."""

    # File descriptors that wait to be sent go out with the buffer's bytes.
    writeSomeData = unix.Server.writeSomeData
    _writeSomeDataBase = Server  # type: ignore[assignment]  # this module's, as Twisted has its own


class UNIXClient(_UNIXConnection, unix.Client):
    """A Unix stream connection that is made here."""

    writeSomeData = unix.Client.writeSomeData
    _writeSomeDataBase = Client  # type: ignore[assignment]  # this module's, as Twisted has its own


class UNIXConnector(unix.Connector):
    """Makes Unix stream connections."""

    def _makeTransport(self) -> UNIXClient:  # type: ignore[override]  # a client all the same
        return UNIXClient(self.address, self, self.reactor, self.checkPID)
