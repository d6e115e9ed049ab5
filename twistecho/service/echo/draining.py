"""How a connection ends well: after the peer's FIN, and when the service stops."""

import socket

from twisted.internet.interfaces import IHalfCloseableProtocol, ISystemHandle
from zope.interface import implementer

from .connection import ends_connection
from .patience import PatientConnection

FIRST_MESSAGE = 0.5
"""Seconds for which a stopping service waits for the first message of a new connection."""


@implementer(IHalfCloseableProtocol)
class DrainingConnection(PatientConnection):
    """A connection that is answered all it is owed before it closes."""

    __slots__ = ()

    @ends_connection
    def readConnectionLost(self) -> None:
        """Note the peer's FIN: answer what is owed, then close. See `IHalfCloseableProtocol`."""
        self._ended = True
        self._plain = False
        self._close_if_done()

    def writeConnectionLost(self) -> None:
        """Do nothing: this side never closes half. See `IHalfCloseableProtocol`."""

    @ends_connection
    def drain(self) -> None:
        """Answer what has reached this host until now, then close."""
        if self._allowance is None:
            self._plain = False
            self._allowance = self._unread()
            if not (self._allowance or self._messages or self._held):
                self._wait_for_first_message()
            self._close_if_done()

    def _wait_for_first_message(self) -> None:
        """Give a client that has only connected yet a moment: its message may be on its way."""
        self._allowance = self.factory.limits.waiting_bytes
        self._held = True
        self._due = self.factory.line.now() + FIRST_MESSAGE
        self._gate()
        self.factory.line.add(self, self._due)

    def _allowed(self, data: bytes) -> bytes:
        """Cut off what came after the order to stop."""
        if self._allowance is not None:
            data = data[: self._allowance]
            self._allowance -= len(data)
        return data

    def _unread(self) -> int:
        """Count the bytes that the system holds for us, up to what one connection may wait for."""
        if not ISystemHandle.providedBy(self.transport):
            return 0
        handle = self.transport.getHandle()
        if not isinstance(handle, socket.socket):
            return 0  # TLS: what has not been read has not been decrypted
        try:
            peeked = handle.recv(self.factory.limits.waiting_bytes, socket.MSG_PEEK)
        except OSError:
            return 0
        return len(peeked)

    def _close_if_done(self) -> None:
        if self._waiting or self._held or self._closing:
            return
        if self._ended or (self._allowance is not None and not self._unread()):
            self._close()
