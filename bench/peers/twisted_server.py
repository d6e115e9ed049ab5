"""Stock Twisted: `wire.Echo` on the epoll reactor, or `deferLater` for each delayed reply."""

import sys
from typing import Any

from twisted.internet import epollreactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.protocols.wire import Echo


def delayed(reactor: Any, seconds: float) -> type[Protocol]:
    """Make a protocol that delays each reply."""

    class Delayed(Protocol):
        def dataReceived(self, data: bytes) -> None:
            deferLater(reactor, seconds, self._write, data)

        def _write(self, data: bytes) -> None:
            if self.transport is not None:
                self.transport.write(data)

    return Delayed


def main() -> None:
    """Serve until killed."""
    epollreactor.install()
    from twisted.internet import reactor as installed  # noqa: PLC0415 - after it is installed

    reactor: Any = installed
    seconds = int(sys.argv[1]) / 1000
    factory = Factory.forProtocol(delayed(reactor, seconds) if seconds else Echo)
    port = reactor.listenTCP(0, factory, backlog=4096, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
