"""A model of one connection against the service: over a fake transport, and over a real socket.

The model is as plain as the promise: what was sent comes back, in order, once and whole, and after
FIN the connection ends.
"""

import socket
from contextlib import ExitStack

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.service.process.test_tap import twist_echo
from tests.support.clocks import ShufflingClock
from tests.support.peers import connect as connect_to
from tests.support.peers import read_exactly, read_to_end
from tests.support.pipes import Pipe, connect
from twistecho import EchoFactory, Limits


class FakeConnection(RuleBasedStateMachine):
    """Random sends, pauses, slow reading and FIN, in memory."""

    @initialize(seed=st.integers(0, 2**32), delay=st.sampled_from([0.0, 0.5, 2.0]))
    def begin(self, seed: int, delay: float) -> None:
        """Connect."""
        self.clock = ShufflingClock(seed)
        limits = Limits(waiting_bytes=20_000, idle=0, stall=0)
        factory = EchoFactory(self.clock, reply="raw", delay=delay, limits=limits)
        self.pipe = Pipe()
        self.pipe.full = True
        self.protocol, _ = connect(factory, self.pipe)
        self.factory = factory
        self.sent = self.came = b""
        self.finished = False

    def reading(self) -> bool:
        """Say whether the service reads, and the peer may still send."""
        return self.pipe.producerState == "producing" and not self.finished

    @precondition(reading)
    @rule(data=st.binary(min_size=1, max_size=3000))
    def send(self, data: bytes) -> None:
        """The peer sends, if it is read from."""
        self.sent += data
        self.protocol.dataReceived(data)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 3.0]))
    def pause(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @rule()
    def read(self) -> None:
        """The peer reads all there is."""
        self.came += self.pipe.drain()

    @precondition(reading)
    @rule()
    def finish(self) -> None:
        """The peer says FIN."""
        self.finished = True
        self.protocol.readConnectionLost()

    @invariant()
    def nothing_but_what_was_sent_comes_back(self) -> None:
        """In order, and the bounds hold."""
        if hasattr(self, "sent"):
            assert self.sent.startswith(self.came + self.pipe.value())
            assert self.protocol.waiting_bytes <= self.factory.limits.queue + 3000 + 4 * 128

    def teardown(self) -> None:
        """In the end all has come back, and after FIN the connection is closed."""
        if not hasattr(self, "sent"):
            return
        if not self.finished:
            self.protocol.readConnectionLost()
        for _ in range(100):
            self.clock.advance(1)
            self.read()
        assert self.came == self.sent
        assert self.pipe.disconnecting
        assert len(self.factory.connections.timers) == 0


FakeConnectionTests = FakeConnection.TestCase
FakeConnectionTests.settings = settings(deadline=None, max_examples=60, stateful_step_count=25)


class RealConnection(RuleBasedStateMachine):
    """Random sends and half-closes on several connections of one real service."""

    port = 0

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.clients: list[tuple[socket.socket, bytearray]] = []

    @rule()
    def come(self) -> None:
        """A client connects."""
        self.clients.append((self.stack.enter_context(connect_to(type(self).port)), bytearray()))

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 99), data=st.binary(min_size=1, max_size=5000))
    def send(self, which: int, data: bytes) -> None:
        """A client sends something."""
        client, sent = self.clients[which % len(self.clients)]
        client.sendall(data)
        sent += data

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 99), part=st.floats(0, 1))
    def read(self, which: int, part: float) -> None:
        """A client reads some of what it is owed."""
        client, sent = self.clients[which % len(self.clients)]
        size = int(len(sent) * part)
        assert read_exactly(client, size) == sent[:size]
        del sent[:size]

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 99))
    def finish(self, which: int) -> None:
        """A client says FIN, reads the rest, and goes."""
        client, sent = self.clients.pop(which % len(self.clients))
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == sent

    def teardown(self) -> None:
        """Whoever is left gets what it is owed."""
        while self.clients:
            self.finish(0)
        self.stack.close()


class RealConnectionTests(RealConnection.TestCase):  # type: ignore[misc, valid-type]
    """The real socket's machine, against one service for all its examples."""

    settings = settings(deadline=None, max_examples=25, stateful_step_count=25)

    @classmethod
    def setUpClass(cls) -> None:
        """Start the service."""
        cls.stack = ExitStack()
        _, started = cls.stack.enter_context(twist_echo("-p0", "-rraw", "-d0.005"))
        RealConnection.port = started[0]["port"]

    @classmethod
    def tearDownClass(cls) -> None:
        """End it."""
        cls.stack.close()
