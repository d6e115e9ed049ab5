"""Connections through a proxy, which sends the client's address first.

    <- PROXY header (see `proxy_header`)
    <- the client's bytes
    -> the replies

A small protocol reads the header and then passes its transport to an `EchoProtocol` built for the
client's address. No wrapper stays in between, since Twisted's wrappers hide half-close.
"""

from math import inf
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IFileDescriptorReceiver, IReactorTime, IReadDescriptor
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from twistecho.base.timers import Deadlines
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.echo.protocol import EchoProtocol
from twistecho.service.echo.transports import close_passed

from .proxy_header import ProxyHeader, ProxyHeaderError, TrustedProxies, read_header

HEADER_TIMEOUT = 5.0
"""Seconds within which the header must arrive: the specification asks for at least three."""


class ProxiedEchoFactory(EchoFactory):
    """An `EchoFactory` that gets its clients' addresses from trusted proxies.

    A peer in ``proxies`` must begin with a PROXY header within ``header_timeout`` seconds, or its
    connection is reset. Limits, counts and the log then use the client's address. Any other peer is
    a client itself. ``options`` are those of `EchoFactory`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        proxies: TrustedProxies,
        header_timeout: float = HEADER_TIMEOUT,
        **options: Any,
    ) -> None:
        super().__init__(clock, **options)
        self.proxies = proxies
        self.headerless: set[HeaderProtocol] = set()
        self._header_timeout = header_timeout
        self._deadlines = Deadlines(clock)

    def buildProtocol(self, addr: object) -> Protocol | None:  # type: ignore[override]  # a header comes first
        """Make the protocol of a new connection, or return None to have it closed at once."""
        if addr not in self.proxies:
            return super().buildProtocol(addr)
        if 0 < self.limits.connections <= self.count_open():
            self.connections.refuse("too-many-connections", addr)
            return None
        return HeaderProtocol(self, addr)

    def client_protocol(self, addr: object) -> EchoProtocol | None:
        """Make the protocol for a client behind a proxy, or return None to refuse it."""
        return super().buildProtocol(addr)

    def await_header(self, connection: "HeaderProtocol") -> None:
        """Set the time within which a connection must send the header."""
        self.headerless.add(connection)
        self._deadlines.set(connection, self._deadlines.now() + self._header_timeout)

    def header_done(self, connection: "HeaderProtocol") -> None:
        """Remove a connection that waited for its header."""
        self.headerless.discard(connection)
        self._deadlines.discard(connection)

    def count_open(self) -> int:
        """Count the connections, including those without a header yet."""
        return super().count_open() + len(self.headerless)

    def drain(self) -> Deferred[None]:
        """Read the headers that have arrived, then drain; see `EchoFactory.drain`."""
        for connection in list(self.headerless):
            connection.read_now()
        return super().drain()

    def abort(self) -> None:
        """End every connection at once."""
        for connection in list(self.headerless):
            connection.give_up()
        super().abort()


@implementer(IFileDescriptorReceiver)
class HeaderProtocol(Protocol):
    """One connection from a proxy, until its header is complete."""

    factory: ProxiedEchoFactory
    transport: Any  # ITransport names neither `protocol` nor `abortConnection`

    def __init__(self, factory: ProxiedEchoFactory, proxy: object) -> None:
        self.factory = factory
        self._proxy = proxy
        self._came = b""
        self.wake_at = inf

    def connectionMade(self) -> None:
        """Wait for the header."""
        self.factory.await_header(self)
        if getattr(self.transport, "protocol", self) is not self:
            # A wrapper such as TLS: the header must come before it.
            self._end("proxy-header-in-tls")

    def dataReceived(self, data: bytes) -> None:
        """Collect the header; hand over when it is complete."""
        if self not in self.factory.headerless:
            return
        self._came += data
        try:
            header = read_header(self._came)
        except ProxyHeaderError:
            self._end("bad-proxy-header")
            return
        if header is not None:
            self._hand_over(header)

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Close a descriptor passed over a Unix socket. See `IFileDescriptorReceiver`."""
        close_passed(descriptor, self.factory.connections.occasionally, self._proxy)

    def _hand_over(self, header: ProxyHeader) -> None:
        """Pass the transport, and the bytes after the header, to the client's protocol."""
        self.factory.header_done(self)
        inner = self.factory.client_protocol(self._client(header))
        if inner is None:
            self.transport.loseConnection()
            return
        self.transport.protocol = inner
        inner.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted's
        rest = self._came[header.size :]
        if rest:
            inner.dataReceived(rest)

    def _client(self, header: ProxyHeader) -> object:
        """Return the client's address; the proxy's own if the header has none."""
        if header.client is None:
            return self._proxy
        host, port = header.client
        return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)

    def give_up(self) -> None:
        """Reset a connection without a header."""
        self._end("no-proxy-header")

    def wake(self, _now: float) -> None:
        """Reset a connection whose header has not arrived in time. See `Timed`."""
        self.give_up()

    def _end(self, reason: str) -> None:
        self.factory.header_done(self)
        self.factory.connections.refuse(reason, self._proxy)
        self.transport.abortConnection()

    def read_now(self) -> None:
        """Read the bytes that have arrived; reset the connection if the header is incomplete."""
        if IReadDescriptor.providedBy(self.transport):
            self.transport.doRead()
        if self in self.factory.headerless:
            self.give_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 - Twisted's
        """Count the connection as refused if it had no header."""
        if self in self.factory.headerless:
            self.factory.header_done(self)
            self.factory.connections.refuse("no-proxy-header", self._proxy)
