"""Faults that are bound to conditions, and less bandwidth: on connections, in memory."""

import unittest
from typing import Any
from unittest import mock

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from twistecho import EchoFactory
from twistecho.service.echo.pacing import QUANTUM


class ConditionsCase(unittest.TestCase):
    """Makes connections of a factory whose clock is the test's."""

    def setUp(self) -> None:
        """Make the clock."""
        self.clock = Clock()

    def factory(self, *faults: str, **options: Any) -> EchoFactory:
        """Make a factory with faults."""
        return EchoFactory(self.clock, **{"reply": "raw", "faults": faults, **options})

    def connect(self, factory: EchoFactory, host: str | None = "192.0.2.1") -> Any:
        """Connect from an address, or through a Unix socket; give the protocol."""
        peer = UNIXAddress(b"") if host is None else IPv4Address("TCP", host, 1)
        protocol = factory.buildProtocol(peer)
        assert protocol is not None
        protocol.makeConnection(Paused())
        return protocol


class Paused(StringTransport):
    """Notes whether its producer has stopped its reading."""

    def abortConnection(self) -> None:
        """End at once."""
        self.disconnecting = True
        self.aborting = True


class ConditionTests(ConditionsCase):
    """Where a fault comes about."""

    def test_a_limit_counts_all_connections(self) -> None:
        """Two in all; the third is served."""
        factory = self.factory("silent,limit=2")
        for expected in (b"", b"", b"x"):
            protocol = self.connect(factory)
            protocol.dataReceived(b"x")
            assert protocol.transport.value() == expected
        assert factory.faults_met == {"silent": 2}

    def test_a_limit_is_counted_from_when_it_was_set(self) -> None:
        """A change elsewhere does not begin it anew; another fault is another."""
        factory = self.factory("silent,limit=2")
        protocol = self.connect(factory)
        protocol.dataReceived(b"a")
        factory.scenario = factory.scenario.replace(delay="1s")
        protocol.dataReceived(b"b")
        protocol.dataReceived(b"c")
        self.clock.advance(1)
        assert protocol.transport.value() == b"c"
        factory.scenario = factory.scenario.replace(faults="silent,limit=1", delay=0)
        protocol.dataReceived(b"d")
        protocol.dataReceived(b"e")
        assert protocol.transport.value() == b"ce"

    def test_the_peer_and_the_message_count(self) -> None:
        """Of a network, and where a pattern is found; a Unix socket is in no network."""
        factory = self.factory("silent,peer=192.0.2.0/24,match=^GET")
        for host, message, answered in (
            ("192.0.2.9", b"GET", False),
            ("192.0.2.9", b"PUT", True),
            ("198.51.100.1", b"GET", True),
            (None, b"GET", True),
        ):
            with self.subTest(host=host, message=message):
                protocol = self.connect(factory, host)
                protocol.dataReceived(message)
                assert protocol.transport.value() == (message if answered else b"")

    def test_refusals_may_have_a_limit_and_a_peer(self) -> None:
        """The first two of a network."""
        factory = self.factory("refuse,limit=2,peer=192.0.2.1")
        hosts = ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.1")
        refused = [self.connect(factory, host).transport.disconnecting for host in hosts]
        assert refused == [True, False, True, False]


class ClosingTests(ConditionsCase):
    """How a connection is closed."""

    def test_only_tls_reads_on_after_a_close(self) -> None:
        """It is not closed before its peer has said so too; others have nothing to read for."""
        for wrapped, state in ((True, "producing"), (False, "paused")):
            with (
                self.subTest(wrapped=wrapped),
                mock.patch("twistecho.service.echo.connection.is_wrapped", lambda _: wrapped),  # noqa: B023 - called at once
            ):
                protocol = self.connect(self.factory("close,at=after"))
                protocol.transport.pauseProducing()
                protocol.dataReceived(b"x")
                assert protocol.transport.value() == b"x"
                assert protocol.transport.producerState == state


class BandwidthTests(ConditionsCase):
    """Bytes leave, or are read, at a rate."""

    def run_to(self, seconds: float) -> None:
        """Let time go by in small steps."""
        while self.clock.seconds() < seconds:
            self.clock.advance(QUANTUM / 4)

    def test_replies_leave_at_the_rate(self) -> None:
        """A thousand bytes a second, then all of it, and then others at once."""
        protocol = self.connect(self.factory("bandwidth,rate=1000,direction=out"))
        protocol.dataReceived(b"x" * 900)
        protocol.dataReceived(b"y" * 200)
        for seconds in (0.1, 0.5, 0.9):
            self.run_to(seconds)
            here = len(protocol.transport.value())
            assert abs(here - 1000 * self.clock.seconds()) <= 1000 * QUANTUM + 1, here
        self.run_to(1.2)
        assert protocol.transport.value() == b"x" * 900 + b"y" * 200
        assert not protocol.waiting

    def test_nothing_is_lost_where_it_changes(self) -> None:
        """Less, none, and again some, while replies are on their way."""
        factory = self.factory("bandwidth,rate=1000")
        protocol = self.connect(factory)
        protocol.dataReceived(b"a" * 500)
        self.run_to(0.1)
        factory.scenario = factory.scenario.replace(faults="bandwidth,rate=100,direction=out")
        before = len(protocol.transport.value())
        self.run_to(0.5)
        assert abs(len(protocol.transport.value()) - before - 40) <= 10
        factory.scenario = factory.scenario.replace(faults=())
        protocol.dataReceived(b"b")
        self.run_to(0.6)
        assert protocol.transport.value() == b"a" * 500 + b"b"

    def test_a_close_waits_for_what_is_on_its_way(self) -> None:
        """What has been replied before is not lost; nor is it counted twice."""
        protocol = self.connect(self.factory("bandwidth,rate=100,direction=out", "close,after=1"))
        protocol.dataReceived(b"x" * 20)
        protocol.dataReceived(b"y")
        assert not protocol.transport.disconnecting
        self.run_to(0.3)
        assert protocol.transport.value() == b"x" * 20
        assert protocol.transport.disconnecting

    def test_reading_stops_until_the_bytes_are_as_old_as_they_should(self) -> None:
        """A read of 500 bytes at a thousand a second is half a second's."""
        protocol = self.connect(self.factory("bandwidth,rate=1000,direction=in"))
        protocol.dataReceived(b"x" * 500)
        assert protocol.transport.value() == b"x" * 500
        assert protocol.transport.producerState == "paused"
        self.run_to(0.4)
        assert protocol.transport.producerState == "paused"
        self.run_to(0.55)
        assert protocol.transport.producerState == "producing"

    def test_each_direction_is_counted_once(self) -> None:
        """Of the connections that meet it."""
        factory = self.factory("bandwidth,rate=1000,limit=1")
        for _ in range(2):
            self.connect(factory)
        assert factory.faults_met == {"bandwidth": 1}
