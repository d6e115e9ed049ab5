"""A scenario that changes while messages are answered: what the next ones meet, in memory."""

import unittest
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.pipes import connect
from twistecho import EchoFactory
from twistecho.service.scenario.answers import On


class OwnDelay:
    """A delay of the user's own, which has no hash."""

    longest = 0.0
    __hash__ = None  # type: ignore[assignment]  # that is what is tested

    def seconds(self, _connection: int, _message: int) -> float:
        """Give none."""
        return 0.0


class ChangesCase(unittest.TestCase):
    """Makes factories whose clock is the test's."""

    def setUp(self) -> None:
        """Make the clock."""
        self.clock = Clock()

    def factory(self, **options: Any) -> EchoFactory:
        """Make a factory."""
        return EchoFactory(self.clock, **{"reply": "raw", **options})

    def change(self, factory: EchoFactory, **fields: Any) -> None:
        """Change some fields of its scenario."""
        factory.scenario = factory.scenario.replace(**fields)


class WaitingTests(ChangesCase):
    """Replies that wait, and those that queue behind them."""

    def test_what_queues_behind_a_longer_delay_is_not_late(self) -> None:
        """It is due with the one before it; so it was neither early nor late."""
        factory = self.factory(delay=1)
        protocol, transport = connect(factory)
        protocol.dataReceived(b"a")
        self.change(factory, delay=0.25)
        protocol.dataReceived(b"b")
        self.clock.advance(0.5)
        assert transport.value() == b""
        self.clock.advance(0.5)
        assert transport.value() == b"ab"
        lateness = factory.counts.lateness
        assert (lateness.count, lateness.sum) == (2, 0.0)
        protocol.dataReceived(b"c")
        self.clock.advance(0.25)
        assert transport.value() == b"abc"

    def test_those_that_wait_are_left_alone_where_replies_are_written_as_before(self) -> None:
        """There may be a hundred thousand; and one alone goes on in the short way."""
        factory = self.factory(delay=1)
        protocol, transport = connect(factory)
        protocol.dataReceived(b"a")
        queue: Any = protocol._queue
        waiting = queue.entries
        self.change(factory, delay=2, faults="silent:0.5", seed=4)
        assert queue.entries is waiting
        self.change(factory, reply="stamped")
        assert queue.entries is not waiting
        self.clock.advance(1)
        assert transport.value() == b"a"

    def test_each_step_from_fast_to_slow_and_back_keeps_the_order(self) -> None:
        """Whatever way a message takes through the service."""
        factory = self.factory()
        protocol, transport = connect(factory)
        sent = b""
        changes: tuple[dict[str, Any], ...] = (
            {}, {"delay": 1}, {"delay": 0}, {"reply": "stamped"}, {"reply": "raw"},
            {"on": [On("^x", "x")]}, {"on": ()}, {"faults": "drip,bytes=1,pause=1ms"},
            {"delay": "uniform:0,1"}, {"faults": ()}, {"delay": 0}, {"in_band": True},
        )  # fmt: skip
        for number, fields in enumerate(changes):
            self.change(factory, **fields)
            for part in range(3):
                message = b"<%d.%d>" % (number, part)
                protocol.dataReceived(message)
                sent += message if fields != {"reply": "stamped"} else b""
        self.clock.pump([0.001] * 4000)
        stamped = transport.value()
        begin, end = stamped.index(b"<2.2>") + 5, stamped.index(b"<4.0>")
        assert stamped[:begin] + stamped[end:] == sent
        assert stamped[begin:end].count(b"<3.") == 3
        assert factory.connections.budget.used == 0


class LimitTests(ChangesCase):
    """What is left of limits."""

    def test_it_stays_in_any_order_and_whatever_the_delay_is(self) -> None:
        """Equals are matched one by one."""
        own = On("b", "2", delay=OwnDelay(), limit=2)
        twice = [On("a", "1", limit=1), own, On("a", "1", limit=1)]
        factory = self.factory(on=twice)
        protocol, transport = connect(factory)
        for message in (b"a", b"b"):
            protocol.dataReceived(message)
        self.change(factory, on=twice[::-1])
        for message in (b"a", b"a", b"b", b"b"):
            protocol.dataReceived(message)
        assert transport.value() == b"121a2b"

    def test_a_restart_gives_all_of_it_to_those_who_come_then(self) -> None:
        """Those who are there have gone as far as limits are concerned."""
        factory = self.factory()
        protocol, transport = connect(factory)
        initial = factory.scenario.replace(faults="bandwidth,rate=1000,limit=1")
        factory.connections.restart(initial)
        assert transport.aborted
        assert not factory.faults_met
        protocol.connectionLost(Failure(ConnectionDone()))
        connect(factory)
        assert factory.faults_met == {"bandwidth": 1}
