"""A stock Twisted client that verifies every byte and records every latency."""

import sys
from time import monotonic
from typing import Any

from twisted.internet import epollreactor
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from .records import Records


class Client(Protocol):
    """One client: sends a message, compares the reply, sends the next."""

    factory: "Clients"

    def connectionMade(self) -> None:
        """Send the first message."""
        self._left, self._heard = self.factory.repeat, b""
        self._send()

    def _send(self) -> None:
        self._sent = monotonic()
        self.transport.write(self.factory.message)  # type: ignore[union-attr]  # it is connected

    def dataReceived(self, data: bytes) -> None:
        """Compare; continue when the reply is complete."""
        self._heard += data
        assert self.factory.message.startswith(self._heard)
        if len(self._heard) < len(self.factory.message):
            return
        self.factory.records.latencies.append(monotonic() - self._sent)
        self._heard = b""
        self._left -= 1
        if self._left:
            self._send()
        else:
            self.transport.loseConnection()  # type: ignore[union-attr]  # it is connected

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 - Twisted's
        """Count this client as done."""
        self.factory.records.running -= 1
        if not self.factory.records.running:
            self.factory.reactor.stop()


class Clients(ClientFactory):
    """The state that all clients share."""

    noisy = False
    protocol: type[Protocol] = Client

    def __init__(self, reactor: Any, clients: int, message: bytes, repeat: int) -> None:
        self.reactor, self.message, self.repeat = reactor, message, repeat
        self.records = Records(clients)


def main() -> None:
    """Run all clients; print messages and seconds."""
    epollreactor.install()
    from twisted.internet import reactor as installed  # noqa: PLC0415 - after it is installed

    reactor: Any = installed
    port, clients, size, repeat = map(int, sys.argv[1:])
    message = (bytes(range(256)) * (size // 256 + 1))[:size]
    factory = Clients(reactor, clients, message, repeat)
    for _ in range(clients):
        reactor.connectTCP("127.0.0.1", port, factory)
    reactor.run()
    print(factory.records)


if __name__ == "__main__":
    main()
