"""Loads in stages by both engines: on sockets, and on a clock."""

import threading
import time
import unittest
from dataclasses import replace
from itertools import pairwise
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread
from twisted.test.iosim import IOPump, connect

from tests.engines.test_fleets import ServiceCase, run_reactor, run_threads
from tests.whole.test_memory_reactor import Closing
from twistecho import EchoFactory, EchoService, Fleet, Plan, ReplyFormat, Report
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.thread_engine.fleet import ThreadedFleet

RAW = ReplyFormat.RAW
RATES = Plan(clients=4, rate="100:200ms,100..300:400ms,0:100ms,40:0.5s", warmup=0.1, reply=RAW)
CLIENTS = Plan(clients="2:200ms,2..6:300ms,6..0:300ms,1:200ms", warmup=0.1, reply=RAW)


def sums(report: Report) -> tuple[int, int]:
    """Give how many messages were answered and unsent in all stages."""
    stages = report.by_stage
    return sum(s.answered for s in stages), sum(s.found.unsent for s in stages)


class SocketTests(ServiceCase):
    """On real sockets, whatever the speed of the machine."""

    async def test_every_message_of_a_rate_is_of_its_stage(self) -> None:
        """As many are due in each as its integral says; those that were sent are answered."""
        target = await self.serve(reply="raw")
        for run in (run_reactor, run_threads):
            report = await run(replace(RATES, barrier=True), target)
            assert report.complete, report.failures
            assert [stage.due for stage in report.by_stage] == [20, 80, 0, 20]
            answered, unsent = sums(report)
            assert answered == report.messages - report.measured.unmeasured
            assert unsent <= report.unsent
            assert Report.from_json(report.to_json()) == report

    async def test_poisson_arrivals_are_the_same_with_both(self) -> None:
        """By the seed."""
        target = await self.serve(reply="raw")
        # Behind a barrier: a client that is late to connect would miss what was due.
        plan = Plan(clients=3, rate="0..200:500ms", arrivals=Arrivals.POISSON, reply=RAW, seed=5,
                    barrier=True)  # fmt: skip
        due = []
        for run in (run_reactor, run_threads):
            [stage] = (await run(plan, target)).by_stage
            due.append(stage.due)
        assert due[0] == due[1]

    async def test_clients_come_and_go(self) -> None:
        """In order, each with a connection of its own; whoever goes is answered."""
        target = await self.serve(reply="raw")
        for run in (run_reactor, run_threads):
            report = await run(CLIENTS, target)
            assert len(report.outcomes) == report.plan.clients == 7
            assert report.complete, report.failures
            for outcome in report.outcomes:
                assert outcome.started >= report.plan.turn_of(outcome.client)
            started = [outcome.started for outcome in report.outcomes]
            assert all(one <= later for one, later in pairwise(started))
            answered, _ = sums(report)
            assert answered == report.messages - report.measured.unmeasured
            assert all(stage.offered <= 7 for stage in report.by_stage)
            # Two begin in the warm-up, which is of no stage; the last may come too late to send.
            first_bytes = [Latencies(s.measured.first_byte).count for s in report.stages]
            assert sum(first_bytes) == sum(
                outcome.first_byte is not None and outcome.offered_from > report.plan.warmup
                for outcome in report.outcomes
                if outcome.offered_from is not None
            )

    async def test_a_thread_ends_with_its_client(self) -> None:
        """While the others go on."""
        target = await self.serve(reply="raw")
        fleet = ThreadedFleet(target, Plan(clients="3..1:100ms,1:1h", reply=RAW))
        others = set(threading.enumerate())
        running = deferToThread(fleet.run)

        def see() -> int:
            """Wait until two clients have left; count the threads of those that have not."""
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                own = [each for each in threading.enumerate() if "_client" in each.name]
                left = len([each for each in own if each not in others])
                if len(fleet.outcomes) == 2 and left == 1:
                    break
                time.sleep(0.01)
            return left

        left = await deferToThread(see)
        fleet.stop()
        report = await running
        assert left == 1
        assert [outcome.interrupted for outcome in report.outcomes] == [False, False, True]


class ClockTests(unittest.TestCase):
    """In memory, where time is a clock's."""

    def setUp(self) -> None:
        """Serve on a reactor in memory, with a delay of 10 ms."""
        self.reactor: Any = MemoryReactorClock()
        factory = EchoFactory(self.reactor, reply="raw", delay=0.01)
        EchoService(self.reactor, factory, "tcp:5000:interface=127.0.0.1").startService()
        self.pumps: list[IOPump] = []

    def run_fleet(self, plan: Plan) -> Report:
        """Run a fleet, a millisecond after the other."""
        reports: list[Report] = []
        Fleet(self.reactor, "127.0.0.1:5000", plan).run().addCallback(reports.append)
        while not reports:
            self.reactor.advance(0.001)
            assert self.reactor.seconds() < 60
            for *_, clients, _timeout, _source in self.reactor.tcpClients[len(self.pumps) :]:
                client = clients.buildProtocol(None)
                server = self.reactor.tcpServers[0][1].buildProtocol(None)
                ends = Closing(server, isServer=True), Closing(client, isServer=False)
                self.pumps.append(connect(server, ends[0], client, ends[1]))
            for pump in self.pumps:
                pump.flush()
        return reports[0]

    def test_a_rate_is_offered_as_the_stages_say(self) -> None:
        """All of it in time."""
        report = self.run_fleet(Plan(clients=5, rate="50:1s,50..150:1s,150:1s", reply=RAW))
        assert [stage.in_time for stage in report.by_stage] == [50, 100, 150]
        assert [stage.rate for stage in report.by_stage] == [50, 100, 150]
        for stage in report.by_stage:
            summary = stage.latencies()
            assert summary is not None
            assert 0.009 < summary.min <= summary.max < 0.015

    def test_clients_are_there_as_the_stages_say(self) -> None:
        """On the average of each stage, and at every moment in order."""
        plan = Plan(clients="1..5:2s,5:1s,5..0:2s", reply=RAW)
        report = self.run_fleet(plan)
        assert report.complete
        for stage, asked in zip(report.by_stage, (3, 5, 2.5), strict=True):
            assert stage.asked == asked
            assert abs(stage.offered - asked) < 0.02
        for outcome in report.outcomes:
            assert abs(outcome.started - plan.turn_of(outcome.client)) < 0.002
            left = plan.sends_until(outcome.client) or 0.0
            assert left <= outcome.ended < left + 0.02
