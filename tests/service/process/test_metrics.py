"""The counters as Prometheus asks for them."""

import socket
from typing import Any

from twisted.internet.interfaces import IListeningPort

from tests.support.listening import ListeningCase, port_of, reactor
from tests.support.peers import read_to_end
from twistecho import EchoFactory
from twistecho.service.process.metrics import metrics_site


def scrape(connection: socket.socket) -> bytes:
    """Ask once, and read to the end."""
    connection.sendall(b"GET /metrics HTTP/1.0\r\nAccept: text/plain\r\n\r\n")
    return read_to_end(connection)


class MetricsTests(ListeningCase):
    """A service, and its metrics beside it."""

    def serve(self, factory: EchoFactory) -> str:
        """Serve a factory's metrics on a Unix socket; give its path."""
        path = f"{self.folder()}/metrics.sock"
        port: IListeningPort = reactor.listenUNIX(path, metrics_site(factory))
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

    async def test_one_who_goes_at_once_harms_nothing(self) -> None:
        """Nothing is logged, and the next one is answered."""
        path = self.serve(EchoFactory(reactor))

        def ask_and_go(connection: socket.socket) -> Any:
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")

        for _ in range(5):
            await self.talk(path, ask_and_go)
        assert b"twistecho_connections 0.0" in await self.talk(path, scrape)
