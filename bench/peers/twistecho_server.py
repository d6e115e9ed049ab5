"""This project: the real factory with its limits, counters and half-close, on its own reactor."""

import sys
from typing import Any

from twistecho import EchoFactory
from twistecho.eagerreactor import install


def main() -> None:
    """Serve until killed."""
    reactor: Any = install()
    factory = EchoFactory(reactor, reply="raw", delay=int(sys.argv[1]) / 1000)
    port = reactor.listenTCP(0, factory, backlog=4096, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
