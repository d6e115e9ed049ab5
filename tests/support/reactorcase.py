"""Test cases that build a reactor of their own, with plain sockets as peers.

Twisted's `ReactorBuilder` makes the cases, one class per reactor; the peers are blocking sockets of
this process, which the kernel serves while the reactor does not run.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.test.reactormixins import ReactorBuilder
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

EAGER = "twistecho.eagerreactor.reactor.EagerReactor"
EPOLL = "twisted.internet.epollreactor.EPollReactor"


class Recorder(Protocol):
    """Records events; a test sets further actions."""

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.lost: list[Failure] = []
        self.on_made: Callable[[Recorder], object] = lambda _made: None
        self.on_data: Callable[[Recorder, bytes], object] = lambda _made, _data: None
        self.on_lost: Callable[[Recorder], object] = lambda _made: None

    def connectionMade(self) -> None:
        """Call the test's function."""
        self.on_made(self)

    def dataReceived(self, data: bytes) -> None:
        """Record the bytes, call the test's function."""
        self.received += data
        self.on_data(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Record the reason, call the test's function."""
        self.lost.append(reason)
        self.on_lost(self)


class Handing(ClientFactory):
    """Returns protocols that were made before, one per connection."""

    noisy = False

    def __init__(self, *protocols: Protocol) -> None:
        self.waiting = list(protocols)

    def buildProtocol(self, addr: object) -> Protocol:  # noqa: ARG002 - all are alike
        """Return the next one."""
        return self.waiting.pop(0)


class RecordingSocket:
    """A socket that records sizes of sends, and first raises the given errors."""

    def __init__(self, real: socket.socket, *errors: BaseException) -> None:
        self._real = real
        self._errors = list(errors)
        self.sent: list[int] = []

    def send(self, data: bytes) -> int:
        """Raise the next error, or send and record the size."""
        if self._errors:
            raise self._errors.pop(0)
        self.sent.append(len(data))
        return self._real.send(data)

    def __getattr__(self, name: str) -> Any:
        """Return the attribute of the real socket."""
        return getattr(self._real, name)


if TYPE_CHECKING:

    class _Case(ReactorBuilder, SynchronousTestCase):
        """The bases of the classes that a builder makes."""
else:
    _Case = ReactorBuilder


class Builder(_Case):
    """Makes reactors, connections and peers that end with the test."""

    def listen(self, reactor: Any, *protocols: Protocol) -> int:
        """Let the reactor accept a connection per protocol; return the port."""
        port = reactor.listenTCP(0, Handing(*protocols), interface="127.0.0.1")
        return int(port.getHost().port)

    def peer(self, port: int) -> socket.socket:
        """Connect a plain socket to the port."""
        peer = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.addCleanup(peer.close)
        return peer

    def accepted(self, reactor: Any, protocol: Protocol) -> socket.socket:
        """Let the reactor accept one connection; return its peer."""
        return self.peer(self.listen(reactor, protocol))

    def run_reactor(self, reactor: Any) -> None:
        """Run the reactor until it is stopped, for at most ten seconds."""
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


def gathered(came: bytearray, peer: socket.socket) -> bytearray:
    """Add the bytes that wait for a peer to those received before."""
    came += received_by(peer)
    return came


def received_by(peer: socket.socket) -> bytes:
    """Return the bytes that wait for a peer, without waiting for more."""
    peer.setblocking(False)
    came = b""
    with suppress(BlockingIOError):
        while data := peer.recv(1 << 20):
            came += data
    return came
