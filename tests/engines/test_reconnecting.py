"""Both engines, whose clients make a new connection every few messages, against real servers."""

import socket
import threading
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread
from twisted.test.iosim import FakeTransport, connect

from tests.support.certificates import write_certificate
from tests.support.dialogues import Four
from tests.support.listening import ListeningCase, port_of, reactor
from tests.support.peers import Behaviour, read_exactly, read_to_end, reset, serving
from tests.support.stamps import stamped
from twistecho import EchoFactory, Fleet, Plan, ReplyFormat, Report
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.reports.figures import read
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.thread_engine.fleet import ThreadedFleet

RAW = ReplyFormat.RAW
PLAN = Plan(clients=3, messages=(b"one", b"two"), repeat=5, timeout=10, reply=RAW, reconnect=4)


def echo(connection: socket.socket, messages: int) -> int:
    """Echo so many messages of three bytes, or those that come before FIN; give how many came."""
    for number in range(messages):
        message = read_exactly(connection, 3)
        if not message:
            return number
        connection.sendall(message)
    return messages


class Counting:
    """A server's behaviour that notes how many messages came over each connection, and from where.

    It closes first once it has answered ``most``.
    """

    def __init__(self, most: int = 1000) -> None:
        self.carried: list[int] = []
        self.sources: list[str] = []
        self._most = most
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        """Echo, until FIN comes or enough was answered."""
        source = connection.getpeername()
        carried = echo(connection, self._most)
        with self._lock:
            self.carried.append(carried)
            self.sources.append(source[0])

    def taken(self) -> list[int]:
        """Give what was noted, sorted, and forget it."""
        carried, self.carried = sorted(self.carried), []
        return carried


class ReconnectingTests(ListeningCase):
    """What both engines must do alike, and see alike."""

    async def both(self, target: str, plan: Plan = PLAN, **fields: Any) -> list[Report]:
        """Run a plan with both engines, which must agree, on reports that add up."""
        plan = replace(plan, **fields)
        first = await Fleet(reactor, target, plan).run()
        second = await deferToThread(ThreadedFleet(target, plan).run)
        assert first.disagreements(second) == []
        for report in (first, second):
            assert invalid(replace(report, plan=replace(plan, rate=None))) == (), report.engine
        return [first, second]

    async def served(self, behaviour: Behaviour, **fields: Any) -> list[Report]:
        """Run a plan with both against a server that behaves so."""
        with serving(behaviour) as port:
            return await self.both(f"127.0.0.1:{port}", **fields)

    async def test_each_connection_carries_so_many_messages(self) -> None:
        """And the last one of each client the rest; the reports count them."""
        counting = Counting()
        for report in await self.served(counting):
            assert report.complete, report.failures
            assert (report.connects, report.messages) == (9, 30)
            assert [outcome.connects for outcome in report.outcomes] == [3] * 3
            assert Latencies(report.measured.connect).count == 9
            assert sum(interval.connected for interval in report.measured.intervals) == 9
            assert (read(report, "connects/s").value or 0) > 0
        assert counting.taken() == sorted(2 * 3 * [4, 4, 2])

    async def test_a_server_that_closes_first(self) -> None:
        """After as many messages as a connection carries: that is no failure, even at once."""
        for reconnect in (1, 4):
            counting = Counting(most=reconnect)
            for report in await self.served(counting, reconnect=reconnect):
                assert report.complete, report.failures
            assert sum(counting.taken()) == 60

    async def test_a_server_that_closes_before_that(self) -> None:
        """Fails its client as it does one that keeps its connection."""

        def close_after_three(connection: socket.socket) -> None:
            echo(connection, 3)
            read_exactly(connection, 3)

        for report in await self.served(close_after_three):
            assert report.failures == {"receive:closed": 3}
            assert (report.connects, report.messages) == (3, 9)

    async def test_a_server_that_resets(self) -> None:
        """In the midst of the second connection, or in place of closing the first one."""
        resetting: list[str] = []

        def on_second(connection: socket.socket) -> None:
            resetting.append("")
            if len(resetting) % 2:
                echo(connection, 9)
            else:
                echo(connection, 1)
                read_exactly(connection, 3)
                reset(connection)

        for report in await self.served(on_second, clients=1):
            assert report.failures == {"receive:reset": 1}
            assert (report.connects, report.messages) == (2, 5)

        def on_close(connection: socket.socket) -> None:
            echo(connection, 9)
            reset(connection)

        for report in await self.served(on_close):
            assert report.failures == {"close:reset": 3}
            assert (report.connects, report.messages) == (3, 12)

    async def test_a_server_that_is_gone(self) -> None:
        """Whoever cannot connect anew has failed, and what was answered counts."""
        plan = replace(PLAN, clients=1)
        for run in (
            lambda target: Fleet(reactor, target, plan).run(),
            lambda target: deferToThread(ThreadedFleet(target, plan).run),
        ):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                running = run(f"127.0.0.1:{listener.getsockname()[1]}")
                connection, _ = await deferToThread(listener.accept)
            with connection:
                await deferToThread(partial(echo, connection, 9))
            report = await running
            assert report.failures == {"connect:refused": 1}
            assert (report.connects, report.messages, invalid(report)) == (1, 4, ())

    async def test_a_server_that_does_not_close(self) -> None:
        """Fails its client when its time is over."""

        def hold(connection: socket.socket) -> None:
            echo(connection, 4)
            read_to_end(connection)
            holding.append(connection.dup())

        holding: list[socket.socket] = []
        try:
            for report in await self.served(hold, timeout=0.4):
                assert report.failures == {"close:timeout": 3}
        finally:
            for connection in holding:
                connection.close()

    async def test_every_format_and_load(self) -> None:
        """Pipelines, barriers, ramps, thinking and rates go on over connections."""
        for reply in ReplyFormat:
            target = f"127.0.0.1:{port_of(self.start('tcp:0:interface=127.0.0.1', reply=reply))}"
            for fields in (
                {"pipeline": 3},
                {"barrier": True, "ramp": 1000.0},
                {"think": 0.001},
                {"rate": 500.0, "arrivals": Arrivals.POISSON},
                {"ordered": True, "messages": (b"Ola" * 1000, b"{client}.{message}")},
            ):
                plan = replace(PLAN, reply=reply, **fields)
                for report in await self.both(target, plan):
                    assert report.complete, (report.failures, fields)
                    assert (report.connects, report.messages) == (9, 30)

    async def test_a_duration_ends_it(self) -> None:
        """Whatever a client does then; connections before what is measured are counted apart."""
        target = f"127.0.0.1:{port_of(self.start('tcp:0:interface=127.0.0.1'))}"
        plan = replace(PLAN, repeat=1, reconnect=2, duration=0.2, warmup=0.1, barrier=True)
        for engine in (partial(Fleet, reactor), ThreadedFleet):
            fleet: Any = engine(target, plan)
            threaded = isinstance(fleet, ThreadedFleet)
            report = await (deferToThread(fleet.run) if threaded else fleet.run())
            assert (report.failures, invalid(report)) == ({}, ())
            early = report.measured.early_connects
            assert 3 <= early <= report.connects
            assert Latencies(report.measured.connect).count == report.connects - early
            assert sum(recording.connections for recording in fleet.recordings()) == 3

    async def test_everything_is_timed_over_connections(self) -> None:
        """Every message of a small run on the wire, and every connection as the kernel has it."""
        target = f"127.0.0.1:{port_of(self.start('tcp:0:interface=127.0.0.1'))}"
        with stamped():
            for fields in ({}, {"rate": 500.0}, {"pipeline": 2}):
                for report in await self.both(target, replace(PLAN, **fields)):
                    assert report.measured.timed == 30, report.engine
                    assert Latencies(report.measured.connect_wire).count == 9
                    assert bool(report.measured.undelayed) == (report.plan.rate is not None)

    async def test_sources_take_turns(self) -> None:
        """Connections of one client, too: so all of their ports are of use."""
        counting = Counting()
        sources = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
        await self.served(counting, clients=1, sources=sources)
        assert sorted(counting.sources) == sorted(sources * 2)

    async def test_unix_sockets_and_a_protocol_of_one_s_own(self) -> None:
        """They reconnect like all others."""
        path = f"{self.folder()}/echo"
        self.start(f"unix:{path}")
        for report in await self.both(f"unix:{path}"):
            assert (report.complete, report.connects) == (True, 9)
        target = f"127.0.0.1:{port_of(self.start('tcp:0:interface=127.0.0.1'))}"
        for report in await self.both(target, protocol=Four):
            assert (report.complete, report.connects) == (True, 9)

    async def test_tls(self) -> None:
        """Each connection has its handshake; its records are timed."""
        certificate, key = write_certificate(self.folder())
        service = self.start(f"ssl:0:interface=127.0.0.1:certKey={certificate}:privateKey={key}")
        target = f"tls:127.0.0.1:{port_of(service)}:ca={certificate}"
        for fields in ({}, {"pipeline": 2, "rate": 500.0}, {"reconnect": 1}):
            for report in await self.both(target, replace(PLAN, **fields)):
                assert report.complete, report.failures
                assert report.connects == (9 if report.plan.reconnect == 4 else 30)

    async def test_through_an_endpoint(self) -> None:
        """That makes every connection."""
        port = port_of(self.start("tcp:0:interface=127.0.0.1"))
        report = await Fleet(reactor, f"tcp:127.0.0.1:{port}:timeout=5", PLAN).run()
        assert (report.complete, report.connects, invalid(report)) == (True, 9, ())

    async def test_clients_that_are_ended_early(self) -> None:
        """While they wait for the server to close: nothing is wrong with them, or outstanding."""
        holding: list[socket.socket] = []

        def hold(connection: socket.socket) -> None:
            echo(connection, 4)
            read_to_end(connection)
            holding.append(connection.dup())

        with serving(hold) as port:
            for make in (partial(Fleet, reactor), ThreadedFleet):
                fleet: Any = make(f"127.0.0.1:{port}", PLAN)
                threaded = isinstance(fleet, ThreadedFleet)
                running = deferToThread(fleet.run) if threaded else fleet.run()
                while len(holding) < PLAN.clients:
                    await deferLater(reactor, 0.01)
                fleet.stop()
                report = await running
                assert report.interruptions == {"close:interrupted": 3}
                assert (report.outstanding, report.connects, invalid(report)) == (0, 3, ())
                while holding:
                    holding.pop().close()


class Closing(FakeTransport):
    """A transport in memory, which has no half-close."""

    def loseWriteConnection(self) -> None:
        """Close."""
        self.loseConnection()


class InMemoryTests(ListeningCase):
    """Without a socket, in a clock's time."""

    def test_a_rate_is_one_of_messages(self) -> None:
        """One a second, and every second one comes over a new connection, made at once."""
        memory: Any = MemoryReactorClock()
        factory = EchoFactory(memory, reply="raw")
        plan = Plan(clients=1, messages=(b"ola",), repeat=5, reply=RAW, rate=1.0, reconnect=2)
        reports: list[Report] = []
        Fleet(memory, "echo.example:5000", plan).run().addCallback(reports.append)
        memory.advance(0)
        pumps: list[Any] = []
        made = []
        for second in range(6):
            for _ in range(3):
                for *_where, clients, _timeout, _source in memory.tcpClients[len(pumps) :]:
                    client, server = clients.buildProtocol(None), factory.buildProtocol(None)
                    ends = Closing(server, isServer=True), Closing(client, isServer=False)
                    pumps.append(connect(server, ends[0], client, ends[1]))
                    made.append(second)
                for pump in pumps:
                    pump.flush()
            memory.advance(1)
        [report] = reports
        assert (report.complete, report.connects, made) == (True, 3, [0, 1, 3])
        assert invalid(report) == ()
        summary = report.latencies()
        assert summary is not None
        assert summary.max <= 1e-6
        assert memory.getDelayedCalls() == []
