"""One client of a fleet that speaks TLS; needs the extra ``tls``.

The handshake is a part of connecting. TLS has no half-close: closing is close_notify both ways, and
a server that closes its connection without one counts as having closed.
"""

import re
import typing
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.plans.target import Target

from .client import Client, Clients
from .endpoint_client import reason_of_handshake
from .sockets import errno_of, note_errors

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@implementer(IHandshakeListener)
class TLSClient(Client):
    """One client's TLS connection and its conversation."""

    ended_by: Failure = connectionDone
    """Why the connection under TLS ended."""

    _secured = False

    def connectionMade(self) -> None:
        """Wait for the handshake."""
        self.dialing = None
        # A message is sent as several records, none of which must wait for an acknowledgement.
        self._below().setTcpNoDelay(True)
        self._noting = note_errors(self._below())

    def _below(self) -> typing.Any:
        """Return the transport under TLS."""
        return typing.cast(TLSMemoryBIOProtocol, self.transport).transport

    def _timed_transport(self) -> object:
        return self._below()

    def handshakeCompleted(self) -> None:
        """Send the first message, if it is due."""
        # Older versions of Twisted also call this after they have refused the certificate.
        aborted = typing.cast(TLSMemoryBIOProtocol, self.transport).disconnecting
        if not aborted and self.conversation.outcome is None:
            self._secured = True
            self.conversation.pending = self._pending
            self._time_wire(self._timed_transport())
            self._go_on(self.conversation.connected(self._now()))
            self.fleet.settle(self.conversation.client)

    def _finish(self) -> None:
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end: of the handshake, of TLS, or of the connection under it."""
        now, conversation, sending = self._now(), self.conversation, self._sending()
        number = errno_of(self.ended_by, self._noting)
        if not self._secured:
            conversation.failed(reason_of_handshake(reason), now, errno=number)
        elif reason.check(SSL.Error):
            conversation.failed("tls", now)
        elif self.ended_by.check(ConnectionDone):
            conversation.closed(now, sending=sending)
        else:
            conversation.lost(number, now, sending=sending)
        self.fleet.ended(self)


class _Layer(TLSMemoryBIOProtocol):
    """TLS that passes on to its client why the connection under it ended."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the reason, and pass on TLS's own."""
        typing.cast(TLSClient, self.wrappedProtocol).ended_by = reason
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's own


class _Layers(TLSMemoryBIOFactory):
    protocol = _Layer
    noisy = False


class Secured:
    """Makes the clients of one TLS target. Raises ValueError, which names the unusable option."""

    def __init__(self, target: Target) -> None:
        self._creator = _creator(target)

    def client(self, fleet: Clients, conversation: Conversation) -> TLSClient:
        """Return a new client."""
        return TLSClient(fleet, conversation)

    def wire(self, client: Client) -> Protocol:
        """Return the protocol that connects for a client: TLS, with the client on top."""
        factory = ClientFactory.forProtocol(lambda: client)
        factory.noisy = False
        layers = _Layers(self._creator, True, factory)
        return typing.cast(Protocol, layers.buildProtocol(None))


def _creator(target: Target) -> IOpenSSLClientConnectionCreator:
    """Return the creator of TLS connections with the target's trust options."""
    if target.insecure:
        return _Unverified(target.name)
    root = None if target.ca is None else trustRootFromCertificates(_certificates(target.ca))
    return optionsForClientTLS(target.name, root)


def _certificates(file: str) -> list[Certificate]:
    try:
        found = _PEM.findall(Path(file).read_bytes())
    except OSError as error:
        raise ValueError(f"ca: {file}: {error.strerror or error}") from None
    if not found:
        raise ValueError(f"ca: {file} contains no certificates")
    return [Certificate.loadPEM(pem) for pem in found]


@implementer(IOpenSSLClientConnectionCreator)
class _Unverified:
    """Creates connections that accept any certificate, and send the server's name (SNI)."""

    def __init__(self, name: str) -> None:
        self._context = CertificateOptions().getContext()
        is_name = not (isIPAddress(name) or isIPv6Address(name))
        self._name = name.encode("idna") if is_name else None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: ARG002
        """Return a new connection."""
        connection = SSL.Connection(self._context, None)
        if self._name is not None:
            connection.set_tlsext_host_name(self._name)
        return connection
