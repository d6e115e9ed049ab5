"""One client of a fleet whose connection is made by an endpoint.

The peer's part of the time to connect is unknown: an endpoint may resolve a name, or perform a
handshake with a proxy. With TLS the handshake is a part of connecting, as it is where the fleet
itself uses TLS.
"""

import typing

from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from .client import Client

try:
    from twisted.protocols.tls import TLSMemoryBIOProtocol
except ImportError:  # no TLS without the extra
    _TLS: tuple[type, ...] = ()
else:
    _TLS = (TLSMemoryBIOProtocol,)


@implementer(IHandshakeListener)
class EndpointClient(Client):
    """One client's connection through an endpoint, and its conversation."""

    _shaking_hands = False

    def connectionMade(self) -> None:
        """Send the first message, if it is due; with TLS after the handshake."""
        self._shaking_hands = _will_shake_hands(self.transport)
        if self._shaking_hands:
            self.dialing = None
        else:
            super().connectionMade()

    def handshakeCompleted(self) -> None:
        """Send the first message, if it is due."""
        # Older versions of Twisted also call this after they have refused the certificate.
        aborted = getattr(self.transport, "disconnecting", False)
        if self._shaking_hands and not aborted and self.conversation.outcome is None:
            self._shaking_hands = False
            super().connectionMade()

    def _waited(self) -> float | None:
        return None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end: of the handshake, of TLS, or of the connection."""
        if self._shaking_hands:
            self.conversation.failed(reason_of_handshake(reason), self._now())
        elif reason.check("OpenSSL.SSL.Error"):
            self.conversation.failed("tls", self._now())
        else:
            super().connectionLost(reason)
            return
        self.fleet.ended(self)


def _will_shake_hands(transport: object) -> bool:
    """Return whether a TLS handshake is pending; then `handshakeCompleted` is called after it."""
    inner = getattr(transport, "protocol", None) if getattr(transport, "TLS", False) else transport
    return isinstance(inner, _TLS) and not typing.cast(typing.Any, inner)._handshakeDone  # noqa: SLF001 - there is no public attribute


def reason_of_handshake(failure: Failure) -> str:
    """Return the reason for which a handshake failed."""
    refused = failure.check("service_identity.exceptions.VerificationError")
    return "certificate" if refused or "certificate verify" in str(failure.value) else "tls"
