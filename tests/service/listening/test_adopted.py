"""Sockets that another process listens on: accepted from as their description says."""

import os
import socket
import ssl
from typing import Any

from tests.support.certificates import write_certificate
from tests.support.listening import ListeningCase, reactor
from twistecho import EchoFactory, EchoService
from twistecho.service.listening.adopted import adopted_endpoint

from .test_endpoint import half_close


class AdoptedTests(ListeningCase):
    """Listeners of this test, in the place of another process's."""

    def adopt(self, description: str, listening: socket.socket) -> EchoService:
        """Start a service on a copy of a socket that listens."""
        listening.setblocking(False)
        factory = EchoFactory(reactor, reply="raw")
        descriptor = os.dup(listening.fileno())
        service = EchoService(
            reactor, factory, [adopted_endpoint(reactor, description, descriptor)]
        )
        service.startService()
        self.addCleanup(self.stop_now, service)
        self.descriptor = descriptor
        return service

    def stop_now(self, service: EchoService) -> Any:
        """Stop a service."""
        return service.stopService() if service.running else None

    async def check(self, description: str, listening: socket.socket) -> None:
        """Answered, and left listening when the service stops: the socket is another's."""
        with listening:
            address = listening.getsockname()
            service = self.adopt(description, listening)
            with self.assertRaises(OSError):
                os.fstat(self.descriptor)  # a copy left open would go on listening
            assert await self.talk(address, half_close) == b"hi"
            await service.stopService()
            with socket.socket(listening.family) as waiting:
                waiting.connect(address)

    async def test_a_description_counts_for_nothing_but_its_kind(self) -> None:
        """The port it names is not bound: it is."""
        await self.check("tcp:1", socket.create_server(("127.0.0.1", 0)))

    async def test_unix(self) -> None:
        """Path and mode are the other process's business."""
        path = f"{self.folder()}/s"
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen(5)
        await self.check("unix:/nonexistent/s:mode=666", listening)
        assert os.path.exists(path)  # noqa: PTH110 - a socket's

    async def test_systemd(self) -> None:
        """Its variables are not looked at."""
        await self.check("systemd:domain=INET:name=echo", socket.create_server(("127.0.0.1", 0)))

    async def test_tls(self) -> None:
        """TLS comes on top, with the description's certificate."""
        certificate, key = write_certificate(self.folder())
        context = ssl.create_default_context(cafile=certificate)

        def client(connection: socket.socket) -> bytes:
            with context.wrap_socket(connection, server_hostname="127.0.0.1") as wrapped:
                wrapped.sendall(b"hi")
                return wrapped.recv(2)

        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.adopt(f"ssl:0:certKey={certificate}:privateKey={key}", listening)
            assert await self.talk(listening.getsockname(), client) == b"hi"
