"""One connection: to the first of a target's addresses that takes it, or through an endpoint.

A hostname endpoint would resolve the name anew for every client and stagger its attempts by 300 ms;
here the name is resolved once and the addresses are tried in turn, each as soon as the one before
has refused.
"""

import socket
import typing
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IAddress,
    IConnector,
    IReactorTCP,
    IReactorUNIX,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from twistecho.fleet.plans.target import Address
from twistecho.fleet.reports.outcome import reason_of_errno

# No timeout of Twisted's: whoever dials has one of its own, for the connection as a whole.
_NEVER = typing.cast(float, None)


class IReactorStream(IReactorTCP, IReactorUNIX):
    """A reactor that connects TCP and Unix stream sockets."""


Dial = Callable[[Protocol, str | None], "Deferred[object]"]
"""Connects a protocol to one target, from a local address if one is given.

The Deferred fails where no connection came about, and can be cancelled.
"""


def dial_addresses(reactor: IReactorStream, addresses: Sequence[Address]) -> Dial:
    """Connect to the first address that takes it; fail with the last one's error."""
    return lambda protocol, source: _Attempts(reactor, protocol, list(addresses), source).begin()


def dial_endpoint(endpoint: IStreamClientEndpoint) -> Dial:
    """Connect through an endpoint, which chooses the local address itself."""
    return lambda protocol, _source: connectProtocol(endpoint, protocol)


class _Attempts(ClientFactory):
    """The attempts of one client, address after address."""

    noisy = False

    def __init__(
        self,
        reactor: IReactorStream,
        protocol: Protocol,
        addresses: list[Address],
        source: str | None,
    ) -> None:
        self._reactor = reactor
        self._client = protocol
        self._left = addresses
        self._source = None if source is None else (source, 0)
        self._connector: IConnector | None = None
        self._dialed: Deferred[object] = Deferred(self._cancel)

    def begin(self) -> "Deferred[object]":
        """Try the first address."""
        self._try_next()
        return self._dialed

    def _try_next(self) -> None:
        family, where = self._left.pop(0)
        if family == socket.AF_UNIX:
            path = typing.cast(str, where)
            self._connector = self._reactor.connectUNIX(path, self, _NEVER)
        else:
            host, port = typing.cast("tuple[str, int]", where)
            self._connector = self._reactor.connectTCP(host, port, self, _NEVER, self._source)

    def _cancel(self, _dialed: "Deferred[object]") -> None:
        self._left.clear()
        if self._connector is not None:
            self._connector.stopConnecting()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002 - IFactory
        """Hand out the client's protocol: a connection stands."""
        self._connector = None
        self._dialed.callback(None)
        return self._client

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:  # noqa: ARG002
        """Try the next address, or give up with this one's error."""
        self._connector = None
        if self._left:
            self._try_next()
        else:
            self._dialed.errback(reason)


def reason_of_failure(failure: Failure) -> tuple[str, int | None]:
    """Name the reason for a connection that did not come about, and its errno if there is one."""
    error = failure.value
    number = error.osError if isinstance(error, ConnectError) else getattr(error, "errno", None)
    if isinstance(number, int):
        return reason_of_errno(number), number
    return type(error).__name__.removesuffix("Error").lower() or "error", None
