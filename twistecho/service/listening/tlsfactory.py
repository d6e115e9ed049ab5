"""TLS before a factory that may refuse a connection. Needs the ``tls`` extra."""

from typing import Any

from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol


class TLSFactory(TLSMemoryBIOFactory):
    """Twisted's own, which would wrap the None that refuses, and fail on it in mid-accept."""

    def buildProtocol(self, addr: Any) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]  # None refuses
        """Make the protocol of a new connection, or None, upon which it is closed at once."""
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)
