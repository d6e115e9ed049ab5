"""LineReceiver: an echo of lines, ``line_server REACTOR``."""

import sys

from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

from .reactors import serve


class EchoLines(LineReceiver):
    """Echoes received lines."""

    def lineReceived(self, line: bytes) -> None:
        """Send it back."""
        self.sendLine(line)


if __name__ == "__main__":
    serve(sys.argv[1], lambda: Factory.forProtocol(EchoLines))
