"""One of several processes on one port: its arguments are WAY PORT DESCRIPTOR NUMBER WORKERS BOARD.

WAY is how they share it: ``reuseport``, each has its own socket on PORT; ``shared``, all accept on
DESCRIPTOR; ``turns``, the same in turns, as with ``--workers``; ``numbered``, the same with numbers
for the connections. For each line of input, it prints how many connections it has accepted.
"""

import socket
import sys
from typing import Any

from twistecho.eagerreactor import install

install()

from twisted.internet import reactor as installed  # noqa: E402
from twisted.internet.protocol import Factory  # noqa: E402
from twisted.internet.stdio import StandardIO  # noqa: E402
from twisted.protocols.basic import LineOnlyReceiver  # noqa: E402

from twistecho.service.echo.factory import EchoFactory  # noqa: E402
from twistecho.service.listening.accepting import (  # noqa: E402
    Board,
    Turn,
    back_off,
    number_of,
    take_turns,
)

BACKLOG = 4096


class Control(LineOnlyReceiver):
    """Answers the measurement's lines."""

    delimiter = b"\n"

    def __init__(self, factory: EchoFactory) -> None:
        self._factory = factory

    def connectionMade(self) -> None:
        """Report that it accepts."""
        self.lineReceived(b"")

    def lineReceived(self, line: bytes) -> None:  # noqa: ARG002 - there is only one request
        """Print how many connections it has accepted."""
        self.sendLine(str(self._factory.counts.accepted).encode())


def own_socket(port: int) -> int:
    """Listen on a port that other processes listen on too."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening.detach()


def main(way: str, *numbers: int) -> None:
    """Serve until killed."""
    port, descriptor, number, workers, board = numbers
    reactor: Any = installed
    factory = EchoFactory(reactor, reply="raw")
    if way == "reuseport":
        descriptor = own_socket(port)
    listening = reactor.adoptStreamPort(descriptor, socket.AF_INET, factory)
    if way in ("turns", "numbered"):
        shared = Board(board, workers)
        turn = Turn(shared, number, [0] * workers, factory.count_open)
        numbering = shared if way == "numbered" else None
        take_turns(listening, reactor, turn, numbering)
        if numbering is not None:
            factory.connections.number_of = number_of
    else:
        back_off(listening, reactor)
    Factory.noisy = False
    StandardIO(Control(factory))
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
