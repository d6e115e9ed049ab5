"""The eager reactor's Unix stream transports, which can receive file descriptors."""

import socket

from twisted.internet import unix
from twisted.python.log import msg

from .transports import EagerConnection, Ended

# The same room as in twisted.python.sendmsg.recvmsg.
_ANCILLARY_SIZE = socket.CMSG_SPACE(4096)


class _UNIXConnection(EagerConnection):
    """Unix stream connections: they may receive file descriptors with the bytes."""

    def doRead(self) -> Ended:  # type: ignore[override]  # Twisted's are not annotated
        """Read once, take the file descriptors that were received, pass the bytes on."""
        try:
            data, ancillary, _, _ = self.socket.recvmsg(self.bufferSize, _ANCILLARY_SIZE)
        except OSError as os_error:
            return self.not_received(os_error)
        for level, kind, contents in ancillary:
            self._take_ancillary(level, kind, contents)
        if not data:
            return self.end_of_stream()
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


class Server(_UNIXConnection, unix.Server):
    """An accepted Unix stream connection."""

    # File descriptors that wait to be sent go out with the buffer's bytes.
    writeSomeData = unix.Server.writeSomeData
    _writeSomeDataBase = EagerConnection  # type: ignore[assignment]  # this one's, as Twisted has its own


class Client(_UNIXConnection, unix.Client):
    """An outgoing Unix stream connection."""

    writeSomeData = unix.Client.writeSomeData
    _writeSomeDataBase = EagerConnection  # type: ignore[assignment]  # this one's, as Twisted has its own


class Connector(unix.Connector):
    """Makes Unix stream connections."""

    def _makeTransport(self) -> Client:  # type: ignore[override]  # a client all the same
        return Client(self.address, self, self.reactor, self.checkPID)
