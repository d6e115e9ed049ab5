"""TLS: Twisted's own echo, ``tls_server REACTOR CERTIFICATE KEY``; the last two are PEM files."""

import sys
from pathlib import Path

from twisted.internet.protocol import Factory
from twisted.internet.ssl import PrivateCertificate
from twisted.protocols.wire import Echo

from .reactors import serve


def main() -> None:
    """Serve until killed."""
    reactor, *files = sys.argv[1:]
    certificate = PrivateCertificate.loadPEM(b"".join(Path(file).read_bytes() for file in files))
    serve(reactor, lambda: Factory.forProtocol(Echo), certificate.options())


if __name__ == "__main__":
    main()
