"""Test cases that build a reactor of their own, with plain sockets for peers.

Twisted's `ReactorBuilder` makes the cases, one class for each reactor named; the peers are blocking
sockets of this same process, which the kernel serves while the reactor does not run.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.internet.test.reactormixins import ReactorBuilder
from twisted.python.failure import Failure

EAGER = "twistecho.eagerreactor.EagerReactor"
EPOLL = "twisted.internet.epollreactor.EPollReactor"


class Recorder(Protocol):
    """Notes what happens; what it does beside that, a test sets."""

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.lost: list[Failure] = []
        self.on_made: Callable[[Recorder], object] = lambda _: None
        self.on_data: Callable[[Recorder, bytes], object] = lambda _, data: None
        self.on_lost: Callable[[Recorder], object] = lambda _: None

    def connectionMade(self) -> None:
        """Do as told."""
        self.on_made(self)

    def dataReceived(self, data: bytes) -> None:
        """Note it, do as told."""
        self.received += data
        self.on_data(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note why, do as told."""
        self.lost.append(reason)
        self.on_lost(self)


class RecordingSocket:
    """A socket that notes what is sent, and first raises the errors it was given."""

    def __init__(self, real: socket.socket, *errors: OSError) -> None:
        self._real = real
        self._errors = list(errors)
        self.sent: list[int] = []

    def send(self, data: bytes) -> int:
        """Raise, or send and note how much was tried."""
        if self._errors:
            raise self._errors.pop(0)
        self.sent.append(len(data))
        return self._real.send(data)

    def __getattr__(self, name: str) -> Any:
        """Be the real one."""
        return getattr(self._real, name)


class Builder(ReactorBuilder):  # type: ignore[misc]  # Twisted's is not annotated
    """Makes reactors, connections and peers that are gone after the test."""

    def listen(self, reactor: Any, *protocols: Protocol) -> int:
        """Have the reactor accept so many connections; give the port."""
        waiting = list(protocols)
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = lambda addr: waiting.pop(0)  # type: ignore[method-assign]
        return int(reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port)

    def peer(self, port: int) -> socket.socket:
        """Connect a plain socket to the port."""
        peer = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.addCleanup(peer.close)
        return peer

    def accepted(self, reactor: Any, protocol: Protocol) -> socket.socket:
        """Have the reactor accept one connection; give its peer."""
        return self.peer(self.listen(reactor, protocol))

    def client_of(self, protocol: Protocol) -> ClientFactory:  # type: ignore[type-arg]  # not on the floor
        """Give a factory that connects this protocol."""
        factory = ClientFactory()
        factory.noisy = False
        factory.buildProtocol = lambda addr: protocol  # type: ignore[method-assign, assignment, return-value]
        return factory

    def run_reactor(self, reactor: Any) -> None:
        """Run until something stops it, ten seconds at most."""
        self.runReactor(reactor, timeout=10)

    def until(self, reactor: Any, condition: Callable[[], object]) -> None:
        """Run the reactor until the condition holds after one of its turns."""

        def look() -> None:
            if condition():
                reactor.stop()
            else:
                reactor.callLater(0, look)

        reactor.callWhenRunning(look)
        self.run_reactor(reactor)


def received_by(peer: socket.socket) -> bytes:
    """Give what waits for a peer, without waiting for more."""
    peer.setblocking(False)
    came = b""
    with suppress(BlockingIOError):
        while data := peer.recv(1 << 20):
            came += data
    return came
