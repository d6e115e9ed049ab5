"""Sockets that another process of the service listens on: accepted from as their description says.

The descriptor stands for the address; of the description only what comes on top of it counts, such
as TLS.
"""

import os
import socket
from typing import Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint

from .endpoint import OwnPorts, endpoint_for


def adopted_endpoint(reactor: Any, description: str, descriptor: int) -> IStreamServerEndpoint:
    """Make an endpoint that listens on a descriptor, which then is its own. Raises as it does."""
    if description.startswith("systemd:"):  # systemd's own variables are another process's
        return AdoptedStreamServerEndpoint(OwnPorts(reactor), descriptor, _family(descriptor))
    return endpoint_for(AdoptedPorts(reactor, descriptor), description)


def _family(descriptor: int) -> socket.AddressFamily:
    with socket.socket(fileno=os.dup(descriptor)) as passed:
        return passed.family


class AdoptedPorts(OwnPorts):
    """Adopts one socket in place of whatever is to be bound. See `IReactorTCP` and others."""

    def __init__(self, reactor: Any, descriptor: int) -> None:
        super().__init__(reactor)
        self._descriptor = descriptor

    def __getattr__(self, name: str) -> Any:
        """Give all else as the reactor has it."""
        return getattr(self._reactor, name)

    def _adopt(self, factory: IProtocolFactory) -> IListeningPort:
        port = self.adoptStreamPort(self._descriptor, _family(self._descriptor), factory)
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
