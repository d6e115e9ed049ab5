"""The counters as Prometheus asks for them."""

import socket
from typing import Any

from prometheus_client import CollectorRegistry
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.listening import ListeningCase, port_of, reactor
from tests.support.peers import read_to_end
from tests.support.pipes import connect, tcp
from twistecho import EchoFactory, Limits
from twistecho.service.listening.guarded import Guarded
from twistecho.service.process.metrics import EchoCollector, metrics_of, metrics_site


def scrape(connection: socket.socket) -> bytes:
    """Ask once, and read to the end."""
    connection.sendall(b"GET /metrics HTTP/1.0\r\nAccept: text/plain\r\n\r\n")
    return read_to_end(connection)


class MetricsTests(ListeningCase):
    """A service, and its metrics beside it."""

    def serve(self, factory: EchoFactory) -> str:
        """Serve a factory's metrics on a Unix socket; give its path."""
        path = f"{self.folder()}/metrics.sock"
        port: IListeningPort = reactor.listenUNIX(path, metrics_site(metrics_of(factory)))
        self.addCleanup(port.stopListening)
        return path

    async def test_a_scrape_through_a_unix_socket(self) -> None:
        """It says what was counted, to one who asks again too."""
        service = self.start("tcp:0:interface=127.0.0.1")
        path = self.serve(service.factory)

        def say(connection: socket.socket) -> bytes:
            connection.sendall(b"hi")
            return connection.recv(16)

        assert await self.talk(("127.0.0.1", port_of(service)), say) == b"hi"
        for _ in range(2):
            found: bytes = await self.talk(path, scrape)
            assert found.startswith(b"HTTP/1.0 200 OK\r\n")
            assert b"\ntwistecho_messages_total 1.0\n" in found

    async def test_whatever_a_scrape_asks_for_it_is_answered(self) -> None:
        """Formats that do not exist are no formats; a body is dropped."""
        path = self.serve(EchoFactory(reactor))
        asked = (
            b"\xff", b"text/plain;version=x", b"application/openmetrics-text;version=1.x",
            b"application/openmetrics-text;version=9.9.9", b"text/plain;version=1.0.0;escaping=x",
        )  # fmt: skip
        for accept in asked:
            request = b"GET /metrics HTTP/1.0\r\nAccept: %b\r\nContent-Length: 200000\r\n\r\n"
            body = bytes(200_000)

            def ask(connection: socket.socket, said: bytes = request % accept + body) -> bytes:
                connection.sendall(said)
                return read_to_end(connection)

            found: bytes = await self.talk(path, ask)
            assert found.startswith(b"HTTP/1.0 200 OK\r\n"), (accept, found)
            assert b"\ntwistecho_connections 0.0\n" in found
        assert self.flushLoggedErrors() == []

    async def test_one_who_goes_at_once_harms_nothing(self) -> None:
        """Nothing is logged, and the next one is answered."""
        path = self.serve(EchoFactory(reactor))

        def ask_and_go(connection: socket.socket) -> Any:
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")

        for _ in range(5):
            await self.talk(path, ask_and_go)
        assert b"twistecho_connections 0.0" in await self.talk(path, scrape)


class NameTests(SynchronousTestCase):
    """By what the log calls the port."""

    def test_it_goes_by_the_name_that_programs_look_for(self) -> None:
        """Also behind its guard."""
        site = metrics_site(metrics_of(EchoFactory(Clock())))
        assert Guarded(Clock(), site, "metrics").logPrefix() == "_QuietSite"


class CollectorTests(SynchronousTestCase):
    """The counters as Prometheus sees them."""

    def test_values_are_what_happened(self) -> None:
        """Connections, messages, bytes, what waits, how late replies were, who was dropped."""
        clock = Clock()
        factory = EchoFactory(clock, reply="prefixed", delay=1, limits=Limits(connections=2))
        registry = CollectorRegistry()
        registry.register(EchoCollector(factory))
        protocol, _ = connect(factory)
        gone, _ = connect(factory)
        assert factory.buildProtocol(tcp("192.0.2.1")) is None
        gone.connectionLost(Failure(ConnectionDone()))
        protocol.dataReceived(b"x" * 1030)

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(f"twistecho_{name}", labels)

        assert value("connections") == 1
        assert value("connections_accepted_total") == 2
        assert value("connections_refused_total", reason="too-many-connections") == 1
        factory.faults_met["reset"] += 3
        assert value("faults_total", kind="reset") == 3
        assert value("waiting_replies") == 2
        assert value("waiting_bytes") == 1030 + 2 * 128
        assert value("received_bytes_total") == 1030
        clock.advance(1.02)
        assert value("messages_total") == 2
        assert value("sent_bytes_total") == 1030 + 2 * len(b"Resposta => ")
        assert value("waiting_replies") == value("waiting_bytes") == 0
        assert value("reply_lateness_seconds_count") == 2
        assert value("reply_lateness_seconds_bucket", le="0.01") == 0
        assert value("reply_lateness_seconds_bucket", le="0.025") == 2
