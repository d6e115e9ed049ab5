"""Making one connection: to the first of a target's addresses that accepts, or by an endpoint.

A hostname endpoint would resolve the name for every client, and start its attempts 300 ms apart.
Here the name is resolved once, and the addresses are tried in turn, each as soon as the previous
one has failed.
"""

import logging
import socket
import typing
from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    DNSLookupError,
    NoRouteError,
)
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.interfaces import (
    IAddress,
    IConnector,
    IReactorTCP,
    IReactorUNIX,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from twistecho.fleet.plans.addresses import Address, reachable_from
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.outcome import reason_of_errno, reason_of_error

# No timeout by Twisted: the client has one for the connection as a whole.
_NEVER = typing.cast(float, None)


_OF_CONNECTING = (OSError, ConnectError, ConnectionClosed, ConnectingCancelledError, CancelledError)
"""The errors with which an endpoint usually fails."""

_OTHERS: dict[type[Exception], str] = {
    RefusedError: "refused",
    DNSLookupError: "no-address",
    NoRouteError: "unreachable",
}
"""The reasons for Twisted's errors without an errno."""

_log = logging.getLogger(__name__)


class IReactorStream(IReactorTCP, IReactorUNIX):
    """A reactor that connects TCP and Unix stream sockets."""


Dial = Callable[[Protocol, str | None], "Deferred[object]"]
"""Connects a protocol to one target, from a local address if one is given.

The Deferred fails if connecting fails, and can be cancelled. Nothing is raised.
"""


def dial_addresses(reactor: IReactorStream, addresses: Sequence[Address]) -> Dial:
    """Connect to the first address that accepts; fail with the last address's error."""
    return lambda protocol, source: _Attempts(reactor, protocol, source).begin(addresses)


def endpoint_of(reactor: object, target: Target) -> IStreamClientEndpoint:
    """Return the endpoint that a target's text describes. Raises ValueError for other text."""
    try:
        return typing.cast(IStreamClientEndpoint, clientFromString(reactor, target.text))
    except Exception as error:  # noqa: BLE001 - endpoint parsers raise various exceptions
        words = " ".join(str(error).split())
        raise ValueError(
            f"{target.text[:80]!r} is not host:port or an endpoint description: {words}"
        ) from None


def dial_endpoint(endpoint: IStreamClientEndpoint) -> Dial:
    """Connect through an endpoint, which chooses the local address itself.

    The first error that is not a connection error is logged with its traceback.
    """
    complaints = iter([_log.error])

    def connect(protocol: Protocol) -> "Deferred[object]":
        connecting = connectProtocol(endpoint, protocol)
        if not isinstance(connecting, Deferred):
            raise TypeError(
                f"connect() of {endpoint!r:.200} returned {connecting!r:.80}, not a Deferred"
            )
        return connecting.addCallback(connected, protocol)

    def connected(_result: object, protocol: Protocol) -> None:
        if protocol.transport is None:
            raise TypeError(f"{endpoint!r:.200} fired before it connected its protocol")

    def failed(failure: Failure) -> Failure:
        if not failure.check(*_OF_CONNECTING):
            for complain in complaints:
                complain("The endpoint failed; further failures are only counted",
                         exc_info=failure.value)  # fmt: skip
        return failure

    return lambda protocol, _source: maybeDeferred(connect, protocol).addErrback(failed)


class _Attempts(ClientFactory):
    """The attempts of one client, address after address."""

    noisy = False

    def __init__(
        self,
        reactor: IReactorStream,
        protocol: Protocol,
        source: str | None,
    ) -> None:
        self._reactor = reactor
        self._client = protocol
        self._left: list[Address] = []
        self._source = source
        self._connector: IConnector | None = None
        self._dialed: Deferred[object] = Deferred(self._cancel)

    def begin(self, addresses: Sequence[Address]) -> "Deferred[object]":
        """Try the first of the addresses that are reachable from the source."""
        try:
            self._left = reachable_from(addresses, self._source)
        except OSError:
            self._dialed.errback(Failure())
        else:
            self._try_next()
        return self._dialed

    def _try_next(self) -> None:
        """Try the next address; an exception for an unusable address is a failure too."""
        try:
            self._connector = self._connect(self._left.pop(0))
        except Exception:  # noqa: BLE001 - nothing above would handle it
            self._failed(Failure())

    def _connect(self, address: Address) -> IConnector:
        if address.family == socket.AF_UNIX:
            path = typing.cast(str, address.where)
            return self._reactor.connectUNIX(path, self, _NEVER)
        where = typing.cast("tuple[str, int] | tuple[str, int, int, int]", address.where)
        host, port = where[0] if len(where) == 2 else f"{where[0]}%{where[3]}", where[1]
        source = None if self._source is None else (self._source, 0)
        return self._reactor.connectTCP(host, port, self, _NEVER, source)

    def _cancel(self, _dialed: "Deferred[object]") -> None:
        self._left.clear()
        if self._connector is not None:
            self._connector.stopConnecting()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002 - IFactory
        """Return the client's protocol: the connection is made."""
        self._connector = None
        self._dialed.callback(None)
        return self._client

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:  # noqa: ARG002
        """Try the next address, or give up with this one's error."""
        self._connector = None
        self._failed(reason)

    def _failed(self, reason: Failure) -> None:
        if self._left:
            self._try_next()
        else:
            self._dialed.errback(reason)


def reason_of_failure(failure: Failure) -> tuple[str, int | None]:
    """Return the reason for which connecting failed, and its errno if there is one."""
    error = failure.value
    number = error.osError if isinstance(error, ConnectError) else getattr(error, "errno", None)
    if isinstance(number, int):
        return reason_of_errno(number), number
    for kind, reason in _OTHERS.items():
        if isinstance(error, kind):
            return reason, None
    return reason_of_error(error), None
