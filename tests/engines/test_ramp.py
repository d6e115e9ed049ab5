"""Clients that connect one after the other, on a clock."""

import unittest
from typing import Any

from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from twistecho import Fleet, Plan, ReplyFormat, Report


class RampTests(unittest.TestCase):
    """On the reactor in memory."""

    def test_a_client_whose_time_is_over_does_not_connect(self) -> None:
        """Where its turn comes after the duration: it has failed in nothing."""
        reactor: Any = MemoryReactorClock()
        reports: list[Report] = []
        plan = Plan(clients=2, ramp=0.5, duration=1.0, reply=ReplyFormat.RAW)
        Fleet(reactor, "127.0.0.1:5000", plan).run().addCallback(reports.append)
        reactor.advance(0)
        reactor.tcpClients[0][2].clientConnectionFailed(None, Failure(Refused()))
        reactor.advance(2.1)
        assert len(reactor.tcpClients) == 1
        assert reports[0].failures == {"connect:refused": 1}
        assert len(reports[0].outcomes) == 2
