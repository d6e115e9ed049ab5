"""How the reactor engine connects: address after address, in memory."""

import socket
import unittest
from typing import Any, cast

from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from twistecho.fleet.plans.addresses import Address
from twistecho.fleet.reactor_engine.dial import _Attempts


class AttemptTests(unittest.TestCase):
    """One client's attempts."""

    def setUp(self) -> None:
        """Begin to connect to a name of three addresses."""
        self.reactor: Any = cast("Any", MemoryReactorClock())
        self.protocol = Protocol()
        addresses = [Address(socket.AF_INET, (f"192.0.2.{last}", 7)) for last in (1, 2, 3)]
        self.dialed = _Attempts(self.reactor, self.protocol, None).begin(addresses)
        self.results: list[Any] = []
        self.dialed.addBoth(self.results.append)

    def hosts(self) -> list[str]:
        """Give the hosts that were tried until now."""
        return [host for host, *_ in self.reactor.tcpClients]

    def fail(self) -> None:  # type: ignore[override]  # an attempt, not the test
        """Have the last attempt fail."""
        factory = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(self.reactor.connectors[-1], Failure(Refused()))

    def test_one_at_a_time_until_one_stands(self) -> None:
        """The next is tried when one has failed, and none after that."""
        assert self.hosts() == ["192.0.2.1"]
        self.fail()
        assert (self.hosts(), self.results) == (["192.0.2.1", "192.0.2.2"], [])
        assert self.reactor.tcpClients[-1][2].buildProtocol(None) is self.protocol
        assert self.results == [None]
        assert len(self.hosts()) == 2

    def test_the_last_one_s_error_is_the_client_s(self) -> None:
        """All three have been tried."""
        for _ in range(3):
            self.fail()
        assert self.hosts() == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        (failure,) = self.results
        assert failure.check(Refused)

    def test_after_it_was_cancelled_nothing_more_is_tried(self) -> None:
        """The attempt that runs is given up, which fails it."""
        self.reactor.connectors[-1].stopConnecting = self.fail
        self.dialed.cancel()
        assert self.hosts() == ["192.0.2.1"]
        assert len(self.results) == 1
