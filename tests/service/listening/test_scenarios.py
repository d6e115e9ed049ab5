"""Scenarios on real sockets: banners, framing, messages that are too long, and steering."""

import contextlib
import socket
import ssl
import tempfile
from collections.abc import Callable
from threading import Event
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher

from tests.support.certificates import write_certificate
from tests.support.peers import connect, read_exactly, read_to_end
from twistecho import EchoFactory, EchoService, Fleet, Limits, Plan, ReplyFormat
from twistecho.fleet.reports.report import Report
from twistecho.fleet.thread_engine.fleet import ThreadedFleet
from twistecho.service.listening.endpoint import endpoint_for
from twistecho.service.listening.proxy_factory import ProxiedEchoFactory
from twistecho.service.listening.proxy_header import parse_trusted
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.scenario import Scenario

from .test_echo_service import ServiceCase

reactor: Any = global_reactor


def read_banner(connection: socket.socket) -> bytes:
    """Read to the end, without having sent anything."""
    return read_to_end(connection)


class BannerTests(ServiceCase):
    """The service speaks first."""

    def serve(self, factory: EchoFactory, description: str) -> EchoService:
        """Start a service of this factory."""
        service = EchoService(reactor, factory, [endpoint_for(reactor, description)])
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    async def test_late_in_pieces_and_cut(self) -> None:
        """What the client sees of it before the connection ends."""
        for options, came in (
            ({"banner_delay": 0.1, "banner_fault": "close,at=after"}, b"220 ready\r\n"),
            ({"banner_fault": "close,at=middle"}, b"220 r"),
            ({"banner_fault": "close"}, b""),
        ):
            service = self.start(banner="220 ready\r\n", **options)
            assert await self.talk(service, read_banner) == came

    async def test_pieces_come_one_by_one(self) -> None:
        """A client that is quick sees each; who is not sees more at a time."""
        service = self.start(banner="abc", banner_fault="drip,bytes=1,pause=0.3")

        def client(connection: socket.socket) -> list[bytes]:
            came = [connection.recv(10)]
            while len(b"".join(came)) < 3:
                came.append(connection.recv(10))
            return came

        came = await self.talk(service, client)
        assert len(came) > 1
        assert b"".join(came) == b"abc"

    async def test_a_silent_one_and_then_a_reply(self) -> None:
        """The connection is otherwise sound."""
        service = self.start(banner="220 ready\r\n", banner_fault="silent", reply="raw")

        def client(connection: socket.socket) -> bytes:
            connection.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                return connection.recv(1)
            connection.settimeout(20)
            connection.sendall(b"hi")
            return read_exactly(connection, 2)

        assert await self.talk(service, client) == b"hi"
        assert service.factory.faults_met == {"silent": 1}

    async def test_a_reset_is_seen(self) -> None:
        """After the half of it."""
        service = self.start(banner="abcd", banner_delay=0.1, banner_fault="reset,at=middle")

        def client(connection: socket.socket) -> bytes:
            came = b""
            with contextlib.suppress(ConnectionResetError):
                while True:
                    came += connection.recv(10)
            return came

        assert await self.talk(service, client) in (b"", b"ab")  # the system may drop it

    async def test_over_tls(self) -> None:
        """Once hands are shaken; an end before that leaves nothing behind."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        certificate, key = write_certificate(folder.name)
        context = ssl.create_default_context(cafile=certificate)
        description = f"ssl:0:interface=127.0.0.1:certKey={certificate}:privateKey={key}"

        def client(connection: socket.socket) -> bytes:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(connection, server_hostname="127.0.0.1") as secure,
            ):
                secure.sendall(b"x")
                return read_exactly(secure, 3)
            return b"failed"

        for fault, came in (
            (None, (b"hix",)),
            ("drip,pause=10ms", (b"hix",)),
            ("silent", (b"x",)),
            ("close,at=after", (b"hi",)),
            ("close", (b"",)),
            ("reset", (b"", b"failed")),
            ("reset,at=after", (b"", b"hi", b"failed")),
        ):
            with self.subTest(fault):
                factory = EchoFactory(reactor, reply="raw", banner="hi", banner_fault=fault)
                service = self.serve(factory, description)
                if fault == "silent":
                    factory.scenario = factory.scenario.replace(on=[On("x", close=True)])
                assert await self.talk(service, client) in came
                await self.until(lambda f=factory: not f.connections)  # type: ignore[misc]
                assert factory.connections.budget.used == 0
                assert len(factory.connections.timers) == 0
                await self.stop(service)

    async def test_behind_a_proxy_it_follows_the_header(self) -> None:
        """Nothing is said to a peer that has not said whose connection it is."""
        factory = ProxiedEchoFactory(
            reactor,
            proxies=parse_trusted(["127.0.0.1"]),
            banner="hi\n",
            framing="line",
            reply="raw",
        )
        service = self.serve(factory, "tcp:0:interface=127.0.0.1")

        def client(connection: socket.socket) -> bytes:
            connection.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                return connection.recv(1)
            connection.settimeout(20)
            connection.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\na\nb")
            return read_exactly(connection, 5)

        assert await self.talk(service, client) == b"hi\na\n"


class FramingTests(ServiceCase):
    """Messages out of what TCP brings."""

    async def test_byte_by_byte_is_as_at_once(self) -> None:
        """Numbers, draws and faults too."""
        stream = b"".join(b"message %d\n" % number for number in range(60))
        options: dict[str, Any] = {
            "framing": "line",
            "reply": "prefixed",
            "faults": ["corrupt:0.3", "truncate:0.2", "silent:0.1", "extra:0.2"],
            "seed": 11,
        }

        def client(size: int) -> Callable[[socket.socket], bytes]:
            def run(connection: socket.socket) -> bytes:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for at in range(0, len(stream), size):
                    connection.sendall(stream[at : at + size])
                connection.shutdown(socket.SHUT_WR)
                return read_to_end(connection)

            return run

        whole = await self.talk(self.start(**options), client(len(stream)))
        for size in (1, 7):
            assert await self.talk(self.start(**options), client(size)) == whole

    async def test_a_long_message_ends_its_connection_alone(self) -> None:
        """After what it is owed; counted, logged in one line, and nothing is left of it."""
        service = self.start(framing="line", reply="raw", limits=Limits(message_size=1000))
        events: list[Any] = []
        note: Any = events.append
        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        going_on = Event()

        def sound(connection: socket.socket) -> bytes:
            connection.sendall(b"half ")
            assert going_on.wait(20)
            connection.sendall(b"of it\n")
            return read_exactly(connection, 11)

        def long(connection: socket.socket) -> bytes:
            connection.sendall(b"a\n" + b"x" * 1000)
            came = b""
            with contextlib.suppress(ConnectionResetError):
                while data := connection.recv(100):
                    came += data
            return came

        talking: Deferred[Any] = Deferred.fromCoroutine(self.talk(service, sound))
        await self.until(lambda: service.factory.connections.budget.used == 5)
        assert await self.talk(service, long) in (b"a\n", b"")  # the system may drop it
        going_on.set()
        assert await talking == b"half of it\n"
        assert service.factory.counts.dropped == {"message-too-long": 1}
        ended = [event for event in events if event.get("kind") == "Ended, message-too-long"]
        assert len(ended) == 1
        assert not any("log_failure" in event for event in events)
        await self.until(lambda: not service.factory.connections)
        assert service.factory.connections.budget.used == 0

    async def test_many_short_messages_are_all_answered(self) -> None:
        """More than may wait at a time, also where the client reads late, and after FIN."""
        service = self.start(framing="line", reply="raw", limits=Limits(waiting_bytes=20_000))
        stream = b"".join(b"%d\n" % number for number in range(60_000))
        sent = Event()

        def client(connection: socket.socket) -> bytes:
            def send() -> None:
                connection.sendall(stream)
                connection.shutdown(socket.SHUT_WR)
                sent.set()

            reactor.callInThread(send)
            sent.wait(0.3)  # it need not have been: then the buffers are full
            return read_to_end(connection)

        assert await self.talk(service, client) == stream
        await self.until(lambda: not service.factory.connections)
        assert service.factory.counts.messages == 60_000
        assert service.factory.connections.budget.used == 0


class SteeringTests(ServiceCase):
    """The scenario changes while peers are served."""

    def change(self, service: EchoService, scenarios: list[Scenario]) -> LoopingCall:
        """Change the scenario again and again until the end of the test."""
        turns = iter(range(10**9))

        def next_one() -> None:
            service.factory.scenario = scenarios[next(turns) % len(scenarios)]

        changing = LoopingCall(next_one)
        changing.start(0.003)
        self.addCleanup(self.end, changing)
        return changing

    def end(self, changing: LoopingCall) -> None:
        """Change it no more."""
        if changing.running:
            changing.stop()

    async def test_a_fleet_loses_nothing(self) -> None:
        """Of either engine, while delays and framing change; each reply is the right one."""
        service = self.start(reply="raw")
        delays = [
            Scenario(reply="raw"),
            Scenario(reply="raw", delay="2ms"),
            Scenario(reply="raw", delay="uniform:0,5ms", seed=3),
            Scenario(reply="raw", delay="1ms", in_band=True, framing="fixed:1"),
            Scenario(reply="raw", on=[On("no such message", "x")]),
        ]
        # One connection may be accepted under a framing that cuts messages: replies are raw.
        plan = Plan(clients=20, repeat=100, pipeline=4, timeout=20, reply=ReplyFormat.RAW)
        changing = self.change(service, delays)
        target = f"127.0.0.1:{self.port(service)}"
        threaded: Deferred[Report] = deferToThread(ThreadedFleet(target, plan).run)
        evented: Deferred[Report] = Fleet(reactor, target, plan).run()
        reports = await gatherResults([threaded, evented])
        self.end(changing)
        for report in reports:
            assert report.complete, report.failures
        assert reports[0].disagreements(reports[1]) == []
        counts = service.factory.counts
        assert counts.bytes_out == counts.bytes_in > 2 * 20 * 100
        await self.until(lambda: not service.factory.connections)
        assert service.factory.connections.budget.used == 0

    async def test_a_change_counts_for_what_arrives_after_it(self) -> None:
        """On an open connection; what waited before leaves first, as it was decided."""
        service = self.start(reply="raw", delay=0.2)
        with connect(self.port(service)) as connection:
            connection.sendall(b"one")
            await self.until(lambda: service.factory.counts.messages == 1)
            service.factory.scenario = Scenario(on=[On("two", "TWO", close=True)])
            connection.sendall(b"two")
            assert await deferToThread(read_to_end, connection) == b"oneTWO"
