"""What stands before every port beside the echo's: bounds, idle time, who is told of it."""

import os
from collections.abc import Sequence
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.support.listening import ListeningCase, reactor
from tests.support.pipes import tcp
from twistecho.service.echo.limits import Limits
from twistecho.service.listening.endpoint import endpoint_for
from twistecho.service.listening.guarded import Guarded, GuardedConnection


class Aborting(StringTransport):
    """A transport that knows whether it was reset."""

    aborted = False

    def abortConnection(self) -> None:
        """Remember it."""
        self.aborted = True


def said(events: Sequence[LogEvent]) -> list[str]:
    """Give the texts of what was logged."""
    return [formatEvent(event) for event in events]


class GuardedTests(SynchronousTestCase):
    """A factory behind the bounds, in memory."""

    def setUp(self) -> None:
        """Guard a factory that lets two connections in, for ten seconds of idleness."""
        self.clock = Clock()
        limits = Limits(connections=2, idle=10)
        self.guarded = Guarded(self.clock, Factory.forProtocol(Protocol), "tea", limits)

    def connect(self) -> tuple[GuardedConnection, Aborting]:
        """Let one in."""
        connection = self.guarded.buildProtocol(tcp("192.0.2.1"))
        assert connection is not None
        transport = Aborting()
        connection.makeConnection(transport)
        return connection, transport

    def test_one_too_many_takes_the_place_of_the_oldest(self) -> None:
        """However busy that is; who else comes before it has gone is refused, and that is said."""
        (first, going), (second, staying) = self.connect(), self.connect()
        first.dataReceived(b"x")
        with capturedLogs() as events:
            self.connect()
            assert [self.guarded.buildProtocol(tcp("192.0.2.1")) for _ in range(50)] == [None] * 50
        assert [text.partition(":")[0] for text in said(events)] == [
            "Dropped, the oldest of too many, of tea",
            "Refused, too-many-connections, of tea",
        ]
        assert (going.aborted, staying.aborted) == (True, False)
        first.connectionLost()
        self.connect()
        assert staying.aborted
        second.connectionLost()
        assert len(self.guarded.protocols) == 2

    def test_idle_ones_are_reset(self) -> None:
        """Ten seconds after the last byte that came."""
        connection, transport = self.connect()
        self.clock.advance(9)
        connection.dataReceived(b"x")
        self.clock.advance(9)
        resets = [transport.aborted]
        self.clock.advance(1)
        resets.append(transport.aborted)
        assert resets == [False, True]
        connection.connectionLost()
        assert self.clock.getDelayedCalls() == []

    def test_bytes_that_came_while_the_process_slept_are_no_idleness(self) -> None:
        """They are read first; see `Deadlines`."""
        connection, transport = self.connect()
        self.clock.advance(60)
        connection.dataReceived(b"x")
        self.clock.advance(9)
        resets = [transport.aborted]
        self.clock.advance(1)
        assert [*resets, transport.aborted] == [False, True]
        connection.connectionLost()

    def test_descriptors_that_come_along_are_closed(self) -> None:
        """With one line, not one for each."""
        connection, _ = self.connect()
        passed = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]
        with capturedLogs() as events:
            for descriptor in passed:
                connection.fileDescriptorReceived(descriptor)
        for descriptor in passed:
            self.assertRaises(OSError, os.fstat, descriptor)
        assert len(events) == 1


class PortTests(ListeningCase):
    """A port beside the echo's."""

    def test_it_is_guarded_announced_and_backs_off(self) -> None:
        """Where other machines reach it, that is said too."""
        service = self.start("tcp:0:interface=127.0.0.1")
        with capturedLogs() as events:
            for address in ("127.0.0.1", "0.0.0.0"):
                endpoint = endpoint_for(reactor, f"tcp:0:interface={address}")
                service.listen(endpoint, Factory.forProtocol(Protocol), "tea")
        ports: list[Any] = service.ports[1:]
        here, everywhere = (f"{each.getHost().host}:{each.getHost().port}" for each in ports)
        texts = said(events)
        assert f"Listening on {here} for tea" in texts
        assert f"Listening on {everywhere} for tea" in texts
        warned = [text for text in texts if "from other machines" in text]
        assert [text.split()[0] for text in warned] == [everywhere]
        for port in ports:
            assert type(port.factory) is Guarded
            assert type(port.socket).__name__ == "BackingOffSocket"
