"""How the eager reactor comes by its connections: it listens, connects and adopts as Twisted does,
and every stream transport it makes is an eager one.
"""  # noqa: D205 - one sentence

import socket
from typing import Any

from twisted.internet import error
from twisted.internet.posixbase import PosixReactorBase

from twistecho.base.sockets import Listener, take_place

from . import transports, unix
from .connection import EagerConnection


class EagerStreams(PosixReactorBase):
    """What listens, connects and adopts; mixed into a reactor that polls."""

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


def _accepting(port: Any, transport: type[EagerConnection]) -> Any:
    """Have a port make such transports; it accepts nothing before the reactor's next turn."""
    port.transport = transport
    take_place(port, Listener(port.socket))
    return port
