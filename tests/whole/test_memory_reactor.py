"""Factory, service and fleet on Twisted's reactor in memory: its clock's time, and no threads."""

import unittest
from typing import Any

from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect

from twistecho import EchoFactory, EchoService, Fleet, Plan, ReplyFormat, Report

PLAN = Plan(clients=3, messages=(b"ola",), repeat=2, reply=ReplyFormat.RAW)


class Closing(FakeTransport):
    """A transport that has no half-close; the one it stands for does nothing where it is asked."""

    def loseWriteConnection(self) -> None:
        """Close."""
        self.loseConnection()


class MemoryReactorTests(unittest.TestCase):
    """What a test of a user's own can do without a socket, and without waiting."""

    def setUp(self) -> None:
        """Make a reactor, whose time is not the system's."""
        self.reactor: Any = MemoryReactorClock()
        self.pumps: list[IOPump] = []

    def serve(self, **options: Any) -> EchoService:
        """Serve where the fleet of these tests goes."""
        factory = EchoFactory(self.reactor, reply="raw", **options)
        service = EchoService(self.reactor, factory, "tcp:5000:interface=127.0.0.1")
        service.startService()
        return service

    def run_fleet(self, plan: Plan = PLAN, target: str = "echo.example:5000") -> list[Report]:
        """Begin a run, and connect its clients to the service; give where the report will be."""
        reports: list[Report] = []
        Fleet(self.reactor, target, plan).run().addCallback(reports.append)
        self.reactor.advance(0)
        for *_, clients, _timeout, _source in self.reactor.tcpClients:
            client = clients.buildProtocol(None)
            server = self.reactor.tcpServers[0][1].buildProtocol(None)
            ends = Closing(server, isServer=True), Closing(client, isServer=False)
            self.pumps.append(connect(server, ends[0], client, ends[1]))
        return reports

    def advance(self, seconds: float) -> None:
        """Let time go on, and bytes go where they are sent."""
        self.reactor.advance(seconds)
        for pump in self.pumps:
            pump.flush()

    def test_time_is_the_clock_s(self) -> None:
        """A reply that is held for two seconds took two seconds, whatever the wall clock says."""
        self.serve(delay=2)
        reports = self.run_fleet()
        self.advance(1.5)
        self.advance(0.5)
        assert reports == []
        self.advance(2)
        [report] = reports
        assert report.complete
        assert (report.makespan, report.began, report.cpu_seconds) == (4.0, 0.0, None)
        summary = report.latencies()
        assert summary is not None
        assert abs(summary.min - 2) < 0.01
        assert abs(summary.max - 2) < 0.01

    def test_two_runs_are_the_same(self) -> None:
        """Nothing in a report is from outside."""
        found = []
        for _ in range(2):
            self.setUp()
            self.serve()
            found.append(self.run_fleet())
            self.advance(0)
        assert len(found[0]) == 1
        assert found[0] == found[1]

    def test_the_target_is_used_as_it_is(self) -> None:
        """Nobody asks for a name; sources are used, of whatever family the name is."""
        plan = Plan(clients=2, sources=("127.0.0.2", "::1"))
        Fleet(self.reactor, "echo.example:5000", plan).run()
        self.reactor.advance(0)
        tried = [(host, port, source) for host, port, _, _, source in self.reactor.tcpClients]
        assert tried == [
            ("echo.example", 5000, ("127.0.0.2", 0)),
            ("echo.example", 5000, ("::1", 0)),
        ]
        Fleet(self.reactor, "unix:/run/echo.sock", Plan(clients=1)).run()
        self.reactor.advance(0)
        assert self.reactor.unixClients[0][0] == "/run/echo.sock"

    def test_an_address_of_the_other_family_is_named(self) -> None:
        """As with any reactor."""
        reports: list[Report] = []
        plan = Plan(clients=1, sources=("::1",))
        Fleet(self.reactor, "127.0.0.1:5000", plan).run().addCallback(reports.append)
        self.reactor.advance(0)
        assert reports[0].failures == {"connect:address-family": 1}

    def test_a_refused_connection_and_a_timeout_are_named(self) -> None:
        """A client that nobody answers gives up when the clock says so."""
        reports: list[Report] = []
        Fleet(self.reactor, "127.0.0.1:5000", Plan(clients=2, timeout=3)).run().addCallback(
            reports.append
        )
        self.reactor.advance(0)
        self.reactor.tcpClients[0][2].clientConnectionFailed(None, Failure(Refused()))
        self.advance(2.9)
        assert reports == []
        self.advance(0.2)  # a little late, as no deadline minds
        assert reports[0].failures == {"connect:refused": 1, "connect:timeout": 1}

    def test_many_clients_begin_at_once(self) -> None:
        """How long the system takes for them does not count: the clock stands still."""
        Fleet(self.reactor, "127.0.0.1:5000", Plan(clients=5000)).run()
        self.reactor.advance(0)
        assert len(self.reactor.tcpClients) == 5000

    def test_a_service_stops(self) -> None:
        """It listens no more; what is owed has its time."""
        service = self.serve(delay=2)
        reports = self.run_fleet(Plan(clients=1, messages=(b"ola",), reply=ReplyFormat.RAW))
        self.advance(1)
        stopped = service.stopService()
        held: list[Any] = []
        stopped.addCallback(held.append)
        assert held == []
        self.advance(1)
        assert len(held) == 1
        assert reports[0].complete
        assert self.reactor.getDelayedCalls() == []
