"""The echo service on real sockets: half-close, resets, backpressure, stopping, and exposure."""

import contextlib
import gc
import socket
import unittest
import warnings
from collections.abc import Callable
from threading import Event
from typing import Any

from twisted.application.service import MultiService
from twisted.internet import reactor as global_reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.peers import connect, read_exactly, read_to_end, reset
from twistecho import EchoFactory, EchoService, Limits
from twistecho.base.log_lines import where
from twistecho.service.echo.transports import unread
from twistecho.service.listening.echo_service import is_exposed

reactor: Any = global_reactor


class ServiceCase(TestCase):
    """Starts services on free ports and stops them at the end of the test."""

    timeout = 60

    def start(self, drain: float | None = None, **options: Any) -> EchoService:
        """Start a service on a free port of 127.0.0.1."""
        factory = EchoFactory(reactor, **options)
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1:backlog=4096")
        service = EchoService(reactor, factory, [endpoint], drain)
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service: EchoService) -> Deferred[Any]:
        """Stop a service, at once if it has not been stopped yet."""
        if not service.running:
            return succeed(None)
        stopped = service.stopService()
        service.factory.abort()
        return stopped

    def port(self, service: EchoService) -> int:
        """Give the port that a service listens on."""
        return int(service.ports[0].getHost().port)  # type: ignore[attr-defined]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the reactor turn until something has come about; the test's timeout bounds it."""
        while not condition():
            await deferLater(reactor, 0.01)

    async def talk(self, service: EchoService, client: Callable[[socket.socket], Any]) -> Any:
        """Have a plain socket talk to the service from a thread."""
        port = self.port(service)

        def run() -> Any:
            with connect(port) as connection:
                return client(connection)

        return await deferToThread(run)


class PlaceTests(ServiceCase):
    """Where a service listens is an endpoint, a description or a port, or several."""

    def service_at(self, places: Any) -> EchoService:
        """Start a service there."""
        service = EchoService(reactor, EchoFactory(reactor, reply="raw"), places)
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    async def test_a_text_is_a_description_or_a_port_of_the_loopback(self) -> None:
        """So is a number; as ``--port`` has it, nobody else is served."""
        for place in ("tcp:0:interface=127.0.0.1", "0", 0):
            service = self.service_at(place)
            assert service.ports[0].getHost().host == "127.0.0.1"  # type: ignore[attr-defined]
            assert await self.talk(service, send_and_finish(b"x")) == b"x"

    def test_several_may_be_of_all_kinds(self) -> None:
        """In a list or a tuple."""
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        assert len(self.service_at(["0", endpoint, "tcp:0:interface=127.0.0.1"]).ports) == 3
        assert len(self.service_at((endpoint, 0)).ports) == 2
        assert self.service_at([]).ports == []

    def test_what_is_no_place_is_one_line(self) -> None:
        """It says what is wrong with it."""
        for place, problem in (
            ("70000", "^'70000' is not an endpoint description: 70000 is not a port, 0 to 65535$"),
            (
                "echo",
                "^'echo' is not an endpoint description: 'echo' is neither a port nor an endpoint",
            ),
            ("tpc:5000", "^'tpc:5000' is not an endpoint description: .*tpc"),
            (-1, "^-1 is not an endpoint description: '-1' is neither a port"),
        ):
            with self.subTest(place=place), self.assertRaisesRegex(ValueError, problem):
                EchoService(reactor, EchoFactory(reactor), place)


def send_and_finish(data: bytes) -> Callable[[socket.socket], bytes]:
    """Make a client that sends, says FIN, and reads to the end."""

    def client(connection: socket.socket) -> bytes:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return read_to_end(connection)

    return client


def send_and_wait(connection: socket.socket) -> bytes:
    """Send a message and read to the end, without saying FIN."""
    connection.sendall(b"owed")
    return read_to_end(connection)


class HalfCloseTests(ServiceCase):
    """FIN from the client means that no more messages come, not that it has gone."""

    async def test_before_the_first_reply(self) -> None:
        """The delayed reply still comes, then the connection closes."""
        service = self.start(reply="raw", delay=0.2)
        assert await self.talk(service, send_and_finish(b"hi")) == b"hi"

    async def test_with_nothing_sent(self) -> None:
        """A client that only says FIN gets FIN."""
        service = self.start(delay=30)
        assert await self.talk(service, send_and_finish(b"")) == b""

    async def test_in_mid_queue(self) -> None:
        """What is queued when FIN comes is answered in order."""
        service = self.start(reply="raw", delay=0.2)

        def client(connection: socket.socket) -> bytes:
            connection.sendall(b"one")
            first = read_exactly(connection, 3)
            connection.sendall(b"two" * 1000)
            connection.shutdown(socket.SHUT_WR)
            return first + read_to_end(connection)

        assert await self.talk(service, client) == b"one" + b"two" * 1000

    async def test_while_the_connection_is_held(self) -> None:
        """Message and FIN wait in the system's buffers, and are honoured."""
        service = self.start(reply="raw", delay=0.2, delay_per="connection")
        assert await self.talk(service, send_and_finish(b"hi")) == b"hi"

    async def test_every_byte_value_in_pieces(self) -> None:
        """A large message is echoed whole."""
        service = self.start(reply="raw")
        data = bytes(range(256)) * 4000
        came: list[bytes] = []

        def client(connection: socket.socket) -> None:
            for at in range(0, len(data), 10_000):
                connection.sendall(data[at : at + 10_000])
                came.append(read_exactly(connection, len(data[at : at + 10_000])))

        await self.talk(service, client)
        assert b"".join(came) == data


class LossTests(ServiceCase):
    """Clients that go without a word; trial checks that nothing is left in the reactor."""

    async def vanish(self, service: EchoService, client: Callable[[socket.socket], Any]) -> None:
        """Have a client reset its connection after what it does."""

        def run(connection: socket.socket) -> None:
            client(connection)
            reset(connection)

        await self.talk(service, run)
        await self.until(lambda: service.factory.counts.accepted > 0)
        await self.until(lambda: not service.factory.connections)
        assert len(service.factory.connections.timers) == 0
        assert self.flushLoggedErrors() == []

    async def test_reset_before_a_message(self) -> None:
        """Nothing is left."""
        await self.vanish(self.start(delay=30), lambda _connection: None)

    async def test_reset_before_the_reply(self) -> None:
        """The waiting reply is dropped at once, not when it is due."""
        await self.vanish(self.start(delay=30), lambda connection: connection.sendall(b"x" * 5000))

    async def test_reset_in_the_middle_of_a_reply(self) -> None:
        """A client that reads a part of its reply and goes."""

        def client(connection: socket.socket) -> None:
            connection.sendall(b"x" * 60_000)
            read_exactly(connection, 100)

        await self.vanish(self.start(), client)

    async def test_reset_after_the_reply(self) -> None:
        """A client that has read all and goes."""

        def client(connection: socket.socket) -> None:
            connection.sendall(b"x")
            read_exactly(connection, 1)

        await self.vanish(self.start(reply="raw"), client)

    async def test_reset_while_held(self) -> None:
        """It is noticed when the delay of the connection has passed, at the latest."""
        await self.vanish(self.start(delay=0.3, delay_per="connection"), lambda _connection: None)


class BackpressureTests(ServiceCase):
    """A peer that writes and never reads."""

    async def flood(self, service: EchoService) -> int:
        """Write without reading until the service takes no more; give the bytes written."""
        written = 0

        def client(connection: socket.socket) -> None:
            nonlocal written
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(0.5)
            try:
                while written < 64 * 2**20:
                    written += connection.send(b"x" * 65536)
            except TimeoutError:
                return

        await self.talk(service, client)
        return written

    def waiting(self, service: EchoService) -> int:
        """Count the bytes that one connection has waiting, in queue and write buffer."""
        (connection,) = service.factory.connections
        transport: Any = connection.transport
        buffered = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        return connection.waiting_bytes + int(buffered)

    async def held_back(self, **options: Any) -> None:
        """Watch the most that ever waits while a peer floods the service."""
        service = self.start(reply="stamped", limits=Limits(waiting_bytes=100_000), **options)
        most = 0
        flooding: Deferred[int] = Deferred.fromCoroutine(self.flood(service))
        while not flooding.called:
            if service.factory.connections:
                most = max(most, self.waiting(service))
            await deferLater(reactor, 0.005)
        written = await flooding
        assert written < 30 * 2**20
        assert 20_000 < most <= 100_000 + 65536

    async def test_is_held_back_without_a_delay(self) -> None:
        """Write buffer and queue stay within the bound plus one read."""
        await self.held_back()

    async def test_is_held_back_with_a_delay(self) -> None:
        """The queue counts too."""
        await self.held_back(delay=0.05)

    async def test_does_not_hold_others_back(self) -> None:
        """While one floods, and is not read from any more, another is answered."""
        service = self.start(reply="raw")
        answered = Event()

        def flood(connection: socket.socket) -> bool:
            connection.setblocking(False)
            while not answered.is_set():
                with contextlib.suppress(BlockingIOError):
                    connection.send(b"x" * 65536)
            return True

        flooding = Deferred.fromCoroutine(self.talk(service, flood))
        try:
            await self.until(lambda: bool(service.factory.connections))
            (flooded,) = service.factory.connections
            await self.until(lambda: flooded.transport not in reactor.getReaders())
            assert await self.talk(service, send_and_finish(b"hi")) == b"hi"
        finally:
            answered.set()
            assert await flooding


class StopTests(ServiceCase):
    """Stopping delivers what is owed, within its time."""

    async def test_owed_replies_are_delivered_and_new_connections_refused(self) -> None:
        """The service stops accepting at once and ends after its last reply."""
        service = self.start(reply="raw", delay=0.5)
        talking: Deferred[bytes] = Deferred.fromCoroutine(self.talk(service, send_and_wait))
        await self.until(lambda: len(service.factory.connections.timers) == 1)
        port = self.port(service)
        stopped = service.stopService()
        await deferLater(reactor, 0)  # Twisted closes a listener in the next turn
        with self.assertRaises(ConnectionRefusedError):
            await deferToThread(connect, port)
        assert await talking == b"owed"
        await stopped

    async def test_a_held_connection_is_still_answered(self) -> None:
        """What had arrived unread when the service was told to stop is owed too."""
        service = self.start(reply="raw", delay=0.5, delay_per="connection")
        talking: Deferred[bytes] = Deferred.fromCoroutine(self.talk(service, send_and_wait))
        await self.until(lambda: len(service.factory.connections.timers) == 1)
        await self.until(
            lambda: all(unread(c.transport, 9) == 4 for c in service.factory.connections)
        )
        await service.stopService()
        assert await talking == b"owed"

    async def test_a_deadline_ends_what_is_left(self) -> None:
        """A reply that is due after the drain time is given up, with a reset."""
        service = self.start(drain=0.2, reply="raw", delay=30)
        talking: Deferred[bytes] = Deferred.fromCoroutine(self.talk(service, send_and_wait))
        await self.until(lambda: len(service.factory.connections.timers) == 1)
        await service.stopService()
        with self.assertRaises(ConnectionResetError):
            await talking

    async def test_the_default_drain_is_the_longest_delay_and_five_seconds(self) -> None:
        """As the command's help says."""
        service = self.start(delay=7)
        assert service.drain == 12
        service.factory.scenario = service.factory.scenario.replace(delay=9)
        assert service.drain == 14


class FirstLineTests(ServiceCase):
    """What the log says first."""

    def test_it_is_where_the_service_listens(self) -> None:
        """What Twisted says of each port is a detail."""
        with capturedLogs() as events:
            service = self.start()
        first = next(event for event in events if event["log_level"] >= LogLevel.info)
        assert formatEvent(first).startswith(
            f"Listening on 127.0.0.1:{self.port(service)}: stamped"
        )
        details = [formatEvent(event) for event in events if event["log_level"] < LogLevel.info]
        assert f"EchoFactory starting on {self.port(service)}" in details

    def test_programs_find_the_ports_beside_the_echo_in_the_log(self) -> None:
        """As Twisted names them, for those who look there for a port that the system chose."""
        service = self.start()
        with capturedLogs() as events:
            endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
            service.listen(endpoint, Site(Resource()), "tea")
        said = [formatEvent(event) for event in events if event["log_level"] >= LogLevel.info]
        port = service.ports[-1].getHost().port  # type: ignore[attr-defined]
        assert f"Site starting on {port}" in said


class ListenTests(ServiceCase):
    """Starting: on all endpoints or on none."""

    def test_a_busy_port_is_raised_and_nothing_is_left_listening(self) -> None:
        """The endpoints that did listen are let go again."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            busy = other.getsockname()[1]
            endpoints = [
                serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1") for port in (0, busy)
            ]
            service = EchoService(reactor, EchoFactory(reactor), endpoints)
            self.assertRaises(CannotListenError, service.startService)
        assert service.ports == []
        # Twisted 24.7 leaves the socket that it could not bind to the collector: let it go here,
        # not in the midst of another test.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def test_descriptions_are_endpoints_too(self) -> None:
        """One or several, beside endpoints; what describes none is refused in one line."""
        factory = EchoFactory(reactor)
        made = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        for endpoints, ports in (
            ("tcp:0:interface=127.0.0.1", 1),
            (made, 1),
            (["tcp:0:interface=127.0.0.1", made], 2),
        ):
            service = EchoService(reactor, factory, endpoints)
            service.startService()
            self.addCleanup(self.stop, service)
            assert len(service.ports) == ports
        for wrong in ("50000000", "tcp", "tcp:x", "nonsense:1", "unix:"):
            with self.assertRaisesRegex(ValueError, f"^'{wrong}' is not an endpoint description: "):
                EchoService(reactor, factory, wrong)

    def test_where_names_every_kind_of_address(self) -> None:
        """IPv4, IPv6 and Unix."""

        class Address:
            def __init__(self, **fields: object) -> None:
                self.__dict__.update(fields)

        assert where(Address(host="127.0.0.1", port=5000)) == "127.0.0.1:5000"
        assert where(Address(host="::1", port=5000)) == "[::1]:5000"
        assert where(Address(name=b"/run/echo.sock")) == "/run/echo.sock"

    async def test_serves_beside_a_web_site_in_one_process(self) -> None:
        """The factory is a service's part like any other: the README's example."""

        class Page(Resource):
            isLeaf = True

            def render_GET(self, _request: object) -> bytes:
                return b"a page"

        application = MultiService()
        echo = EchoService(
            reactor,
            EchoFactory(reactor, answer=bytes.upper),
            [serverFromString(reactor, "tcp:0:interface=127.0.0.1")],
        )
        echo.setServiceParent(application)
        application.startService()
        self.addCleanup(application.stopService)
        site = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(Site(Page()))
        self.addCleanup(site.stopListening)
        assert await self.talk(echo, send_and_finish(b"ola")) == b"OLA"

        def browse(port: int) -> bytes:
            with connect(port) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return read_to_end(connection)

        page = await deferToThread(browse, site.getHost().port)
        assert page.endswith(b"\r\n\r\na page")


class ExposureTests(unittest.TestCase):
    """The addresses that ports have."""

    def test_the_loopback_and_unix_sockets_are_not_exposed(self) -> None:
        """In all their spellings."""
        for host in ("127.0.0.1", "127.9.9.9"):
            assert not is_exposed(IPv4Address("TCP", host, 5000))
        for host in ("::1", "::ffff:127.0.0.1"):
            assert not is_exposed(IPv6Address("TCP", host, 5000))
        assert not is_exposed(UNIXAddress(b"/run/echo.sock"))

    def test_everything_else_is(self) -> None:
        """All interfaces, and any one of them."""
        for host in ("0.0.0.0", "192.0.2.1", "10.0.0.1"):
            assert is_exposed(IPv4Address("TCP", host, 5000))
        for host in ("::", "fd00::1", "fe80::1%eth0", "::ffff:192.0.2.1"):
            assert is_exposed(IPv6Address("TCP", host, 5000))
