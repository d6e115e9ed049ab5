"""Two fleets that take turns: in memory, and over sockets with the threads."""

import unittest
from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.test.iosim import FakeTransport, IOPump, connect

from tests.support.commands import echoing
from twistecho import EchoFactory, EchoService
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.plans.turns import InTurns, Turns
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.search.both_fleets import BothFleets
from twistecho.fleet.search.side_by_side import run_side_by_side
from twistecho.fleet.search.slices import SliceRecording, pairs_of

PLAN = Plan(clients=2, messages=(b"ola",), reply=ReplyFormat.RAW)
TURNS = Turns(4, 1.0, 0.1)


class Closing(FakeTransport):
    """A transport that has no half-close; the one it stands for does nothing where it is asked."""

    def loseWriteConnection(self) -> None:
        """Close."""
        self.loseConnection()


class InMemoryTests(unittest.TestCase):
    """On the reactor's clock: nothing is late, and nothing else runs."""

    def setUp(self) -> None:
        """Serve twice, with delays that differ."""
        self.reactor: Any = MemoryReactorClock()
        self.pumps: list[IOPump] = []
        for number, delay in enumerate((0.010, 0.020)):
            factory = EchoFactory(self.reactor, reply="raw", delay=delay)
            endpoint = f"tcp:{5000 + number}:interface=127.0.0.1"
            EchoService(self.reactor, factory, endpoint).startService()
        self.reports: list[Report] = []

    def begin(self, **plan: Any) -> BothFleets:
        """Begin a run of both fleets, whose clients have connected."""
        fields = {"barrier": True, "duration": TURNS.duration, **plan}
        plan_of_both = Plan(**(vars(PLAN) | fields))
        sides = [
            (f"127.0.0.1:{5000 + side}", {
                "load": partial(InTurns, TURNS, side), "recording": partial(SliceRecording, TURNS),
            })
            for side in (0, 1)
        ]  # fmt: skip
        both = BothFleets(self.reactor, plan_of_both, sides)
        both.run().addCallback(lambda _: self.reports.extend(both.reports()))
        self.reactor.advance(0)
        return both

    def connect(self, ports: Sequence[int] = (5000, 5001)) -> None:
        """Connect the clients of these ports to their service."""
        for _host, port, clients, *_ in self.reactor.tcpClients:
            if port in ports:
                client = clients.buildProtocol(None)
                server = self.reactor.tcpServers[port - 5000][1].buildProtocol(None)
                ends = Closing(server, isServer=True), Closing(client, isServer=False)
                self.pumps.append(connect(server, ends[0], client, ends[1]))

    def advance(self, seconds: float, step: float = 0.005) -> None:
        """Let time go on, and bytes go where they are sent."""
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)
            for pump in self.pumps:
                pump.flush()

    def test_only_one_is_talked_to_at_a_time_and_each_in_its_slices(self) -> None:
        """Twice as long a delay is half as many messages."""
        both = self.begin()
        self.connect()
        self.advance(TURNS.duration + 3, step=0.001)
        assert [report.complete for report in self.reports] == [True, True]
        assert [invalid(report) for report in self.reports] == [(), ()]
        for side, report in enumerate(self.reports):
            busy = [round(second.start) - 2 for second in report.measured.intervals
                    if second.answered > 9]  # fmt: skip
            assert busy == [number for number in range(-2, 8) if TURNS.side_of(number) == side]
        pairs = pairs_of(TURNS, [fleet.recordings()[0].slices for fleet in both.fleets], 8)  # type: ignore[attr-defined]
        assert len(pairs) == 4
        for one, two in pairs:
            self.assertAlmostEqual(one.rate / two.rate, 2.0, delta=0.2)
            self.assertAlmostEqual(two.times["p50"] / one.times["p50"], 2.0, delta=0.2)

    def test_an_open_load_keeps_its_rate_in_either_s_slices(self) -> None:
        """Each target is asked for the rate while it is its turn, and the reports are valid."""
        both = self.begin(rate=100.0, pipeline=4)
        self.connect()
        self.advance(TURNS.duration + 3)
        assert [invalid(report) for report in self.reports] == [(), ()]
        assert [report.messages for report in self.reports] == [500, 500]
        pairs = pairs_of(TURNS, [fleet.recordings()[0].slices for fleet in both.fleets], 8)  # type: ignore[attr-defined]
        for pair in pairs:
            for each in pair:
                self.assertAlmostEqual(each.rate, 100.0, delta=3)

    def test_nobody_begins_before_all_of_both_have_connected(self) -> None:
        """So the turns of both begin at the same moment."""
        both = self.begin()
        self.connect([5000])
        self.advance(5)
        assert [fleet.recordings()[0].answered for fleet in both.fleets] == [0, 0]
        self.connect([5001])
        self.advance(1)
        assert both.fleets[0].recordings()[0].answered > 0
        both.stop()
        self.advance(0.1)
        assert [report.interrupted for report in self.reports] == [True, True]

    def test_where_all_clients_of_one_have_failed_the_other_ends(self) -> None:
        """At once: there is nothing left to compare with."""
        both = self.begin(timeout=2.0)
        self.connect([5000])
        self.advance(3)
        assert len(self.reports) == 2
        assert self.reports[1].failures == {"connect:timeout": 2}
        assert [report.interrupted for report in self.reports] == [True, False]
        assert both.fleets[0].recordings()[0].answered < 10


class ThreadsTests(unittest.TestCase):
    """Over sockets, with a thread a client."""

    def test_a_slower_target_answers_less(self) -> None:
        """In each of few short slices; the reports add up."""
        turns = Turns(4, 0.2, 0.05)
        with echoing(reply="raw") as one, echoing(reply="raw", delay="40ms") as two:
            targets = [parse_target(one), parse_target(two)]
            found = run_side_by_side("threads", PLAN, targets, turns)
        assert [invalid(report) for report in found.reports] == [(), ()]
        assert (found.comparison.pairs, found.alike.pairs) == (4, 2)
        assert not found.interrupted
        assert (found.comparison.figure("rate").ratio or 1.0) < 0.9

    def test_a_target_where_nobody_listens_ends_it(self) -> None:
        """Long before the turns are over."""
        with echoing(reply="raw") as one:
            targets = [parse_target(one), parse_target("127.0.0.1:1")]
            found = run_side_by_side("threads", PLAN, targets, Turns(1000, 10.0))
        assert found.reports[1].failures == {"connect:refused": 2}
        assert found.comparison.pairs == 0
        assert not found.interrupted
