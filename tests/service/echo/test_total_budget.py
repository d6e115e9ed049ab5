"""One bound for all that waits on all connections, in memory: reads and write buffers among it."""

from types import SimpleNamespace
from unittest import TestCase

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.pipes import Pipe, connect
from twistecho import EchoFactory, Limits
from twistecho.service.echo.limits import GUARANTEED, write_buffer_of
from twistecho.service.echo.transports import READ_SIZE, buffer_at_most

TOTAL = 1_000_000


def factory_of(clock: Clock, total: int = TOTAL) -> EchoFactory:
    """Make a factory of raw replies without a delay: a message is its own reply."""
    return EchoFactory(clock, reply="raw", limits=Limits(total_waiting_bytes=total))


class WriteBufferTests(TestCase):
    """At how many bytes a write buffer is full."""

    def test_all_together_with_a_read_each_keep_to_the_total_or_to_what_is_guaranteed(self) -> None:
        """The whole of a buffer while connections are few, and never less than is guaranteed."""
        limits = Limits(total_waiting_bytes=TOTAL)
        assert write_buffer_of(limits, 1) == limits.write_buffer
        for connections in (1, 7, 8, 50, 1000):
            size = write_buffer_of(limits, connections)
            assert 2 * size * connections <= max(TOTAL, 2 * GUARANTEED * connections)


class TotalBudgetTests(TestCase):
    """Peers that do not read, of a service that holds nothing back."""

    def test_peers_that_do_not_read_hold_the_total_together(self) -> None:
        """Also those that came while few were there, and took larger reads then."""
        factory = factory_of(Clock())
        made = []
        for _ in range(100):
            transport = Pipe()
            transport.full = True
            made.append(connect(factory, transport))
        for protocol, transport in made:
            while transport.producerState == "producing":
                protocol.dataReceived(b"z" * transport.bufferSize)
        held = sum(len(transport.value()) for _, transport in made)
        assert held <= max(TOTAL, 100 * 2 * GUARANTEED)

    def test_those_who_are_left_get_their_whole_buffers_back(self) -> None:
        """Once the others have gone."""
        factory = factory_of(Clock())
        made = [connect(factory) for _ in range(100)]
        _, last = made[0]
        assert last.bufferSize < READ_SIZE
        for protocol, _ in made[1:]:
            protocol.connectionLost(Failure(ConnectionDone()))
        assert last.bufferSize == READ_SIZE == factory.limits.write_buffer

    def test_what_does_not_fill_a_buffer_is_charged_once_it_has_been_looked_at(self) -> None:
        """And no more once the peer has taken it."""
        clock = Clock()
        factory = factory_of(clock)
        protocol, transport = connect(factory)
        protocol.dataReceived(b"z" * 1000)
        transport.dataBuffer = b"z" * 1000  # as Twisted's transports call what they have not sent
        clock.pump([0.1] * 20)
        assert factory.connections.budget.used == 1000
        transport.dataBuffer = b""
        clock.pump([0.1] * 20)
        assert factory.connections.budget.used == 0

    def test_a_full_buffer_is_charged_from_when_it_is_full_until_it_is_empty(self) -> None:
        """At once: no round of the sweep has passed."""
        factory = factory_of(Clock())
        protocol, transport = connect(factory)
        transport.dataBuffer = b"z" * 5000
        for _ in range(2):
            protocol.pauseProducing()
            assert factory.connections.budget.used == 5000
            assert transport.producerState == "paused"
        transport.dataBuffer = b""
        protocol.resumeProducing()
        assert factory.connections.budget.used == 0

    def test_who_waits_for_the_total_reads_again_as_soon_as_a_buffer_is_empty(self) -> None:
        """No timer has to ring for it."""
        limits = Limits(waiting_bytes=100_000, total_waiting_bytes=100_000)
        factory = EchoFactory(Clock(), reply="raw", delay=100, limits=limits)
        (hog, hogs), (reader, readers) = connect(factory), connect(factory)
        hogs.dataBuffer = b"z" * 100_000
        hog.pauseProducing()
        reader.dataReceived(b"y" * 2 * GUARANTEED)
        assert readers.producerState == "paused"
        hogs.dataBuffer = b""
        hog.resumeProducing()
        assert readers.producerState == "producing"

    def test_who_has_no_more_waiting_than_is_guaranteed_reads_though_nothing_is_left(self) -> None:
        """From when enough of its own replies have left."""
        clock = Clock()
        limits = Limits(waiting_bytes=100_000, total_waiting_bytes=100_000)
        factory = EchoFactory(clock, reply="raw", delay=100, limits=limits)
        (hog, hogs), (reader, readers) = connect(factory), connect(factory)
        hogs.dataBuffer = b"z" * 100_000
        hog.pauseProducing()
        reader.dataReceived(b"y" * 1000)
        clock.advance(1)
        for _ in range(3):
            assert readers.producerState == "producing"
            reader.dataReceived(b"y" * 1000)
        assert readers.producerState == "paused"
        clock.advance(99)
        assert (len(readers.value()), readers.producerState) == (1000, "producing")

    def test_of_tls_it_is_the_transport_below_that_buffers(self) -> None:
        """TLS hands on what it is asked for, and not what it is told."""
        below = SimpleNamespace(bufferSize=READ_SIZE)
        tls = SimpleNamespace(wrappedProtocol=object(), transport=below, bufferSize=READ_SIZE)
        buffer_at_most(tls, 5000)
        assert below.bufferSize == 5000
        buffer_at_most(tls, 10 * READ_SIZE)
        assert below.bufferSize == READ_SIZE
