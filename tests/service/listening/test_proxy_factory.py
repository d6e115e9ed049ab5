"""Clients behind a proxy: behind the real HAProxy, and behind what is none."""

import contextlib
import os
import socket
import subprocess
import time
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from zope.interface.verify import verifyObject

from tests.support import DOCS
from tests.support.listening import LONGEST_WAIT, ListeningCase, port_of, reactor
from tests.support.peers import read_exactly, read_to_end, reset
from tests.support.pipes import Pipe, tcp
from tests.support.programs import program
from twistecho import Limits
from twistecho.service.listening.proxy_factory import HeaderProtocol, ProxiedEchoFactory
from twistecho.service.listening.proxy_header import parse_trusted

from .test_proxy_header import v2, v2_of

CONFIGURATION = DOCS / "haproxy.cfg"
LOOPBACK = "127.0.0.0/31"  # where the trusted proxies of these tests are: not 127.0.0.2
HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 5000\r\n"


def half_close(connection: socket.socket) -> tuple[bytes, tuple[str, int]]:
    """Send, say FIN before the reply, read to the end; give what came, and one's own address."""
    connection.sendall(b"hi")
    connection.shutdown(socket.SHUT_WR)
    return read_to_end(connection), connection.getsockname()


def read_until_reset(connection: socket.socket) -> bytes:
    """Read to the end, close, and give what came: nothing after a reset."""
    with connection:
        try:
            return read_to_end(connection)
        except OSError:
            return b""


class ProxiedCase(ListeningCase):
    """A service that trusts 127.0.0.1 to be a proxy."""

    def start_proxied(self, trusted: str = LOOPBACK, timeout: float = 30, **options: Any) -> Any:
        """Start the service on a free port of 127.0.0.1."""
        factory = ProxiedEchoFactory(
            reactor,
            proxies=parse_trusted([trusted]),
            header_timeout=timeout,
            **{"reply": "raw", **options},
        )
        return self.start("tcp:0:interface=127.0.0.1", factory)

    async def say(self, service: Any, *pieces: bytes, source: str = "127.0.0.1") -> bytes:
        """Send pieces, say FIN, and read to the end; give what came, nothing after a reset."""

        def client(connection: socket.socket) -> bytes:
            with contextlib.suppress(OSError):  # the service may have reset the connection by now
                for piece in pieces:
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
            return read_until_reset(connection)

        came = await self.talk(("127.0.0.1", port_of(service)), client, (source, 0))
        await self.until(lambda: not service.factory.count_open())
        return bytes(came)

    def peers(self, service: Any) -> list[str]:
        """Give the addresses of the open connections."""
        return [connection.peer.host for connection in service.factory.connections]


class HAProxyTests(ProxiedCase):
    """HAProxy itself, with the configuration of the documentation."""

    def start_haproxy(self, service: Any, old: str = "", new: str = "") -> tuple[str, int]:
        """Start HAProxy in front of a service, on a free port; give its address."""
        haproxy = program("haproxy", "haproxy")
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        text = CONFIGURATION.read_text()
        for before, after in (
            ("bind 127.0.0.1:5001", f"bind fd@{listener.fileno()}"),
            ("127.0.0.1:5000 send", f"127.0.0.1:{port_of(service)} send"),
            ("inter 2s", "inter 100ms"),
            (old, new),
        ):
            assert before in text
            text = text.replace(before, after) if before else text
        path = Path(self.folder(), "haproxy.cfg")
        path.write_text(text)
        running = subprocess.Popen(
            [haproxy, "-db", "-q", "-f", str(path)], pass_fds=[listener.fileno()]
        )
        self.addCleanup(running.wait, LONGEST_WAIT)
        self.addCleanup(running.terminate)
        host, port = listener.getsockname()
        return host, port

    async def through(self, old: str = "", new: str = "") -> None:
        """Talk through HAProxy: the service sees the client, whose half-close survives."""
        service = self.start_proxied(delay=0.3)
        address = self.start_haproxy(service, old, new)
        talking: Deferred[Any] = Deferred.fromCoroutine(
            self.talk(address, half_close, ("127.0.0.2", 0))
        )
        await self.until(lambda: "127.0.0.2" in self.peers(service))
        (peer,) = (c.peer for c in service.factory.connections if c.peer.host == "127.0.0.2")
        reply, client = await talking
        assert (reply, client) == (b"hi", (peer.host, peer.port))

    async def test_version_2(self) -> None:
        """As documented."""
        await self.through()

    async def test_version_1(self) -> None:
        """The older header."""
        await self.through("send-proxy-v2", "send-proxy")

    async def test_version_2_with_extensions(self) -> None:
        """More behind the addresses."""
        await self.through("send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id")

    async def test_health_checks_are_haproxys_own(self) -> None:
        """They say LOCAL, are let in, and count as nothing wrong."""
        service = self.start_proxied()
        self.start_haproxy(service)
        await self.until(lambda: service.factory.counts.accepted >= 3)
        assert not service.factory.counts.refused

    async def test_caps_are_the_clients(self) -> None:
        """One client over its cap does not shut out another behind the same proxy."""
        service = self.start_proxied(limits=Limits(connections_per_peer=1))
        address = self.start_haproxy(service, " check inter 100ms", "")

        def clients() -> list[bytes]:
            came = []
            with socket.create_connection(address, LONGEST_WAIT, ("127.0.0.2", 0)) as first:
                first.sendall(b"a")
                came.append(read_exactly(first, 1))
                for source in ("127.0.0.2", "127.0.0.3"):
                    other = socket.create_connection(address, LONGEST_WAIT, (source, 0))
                    other.sendall(b"b")
                    other.shutdown(socket.SHUT_WR)
                    came.append(read_until_reset(other))
            return came

        assert await deferToThread(clients) == [b"a", b"", b"b"]
        assert service.factory.counts.refused == {"too-many-from-peer": 1}


class HeaderTests(ProxiedCase):
    """What peers say first, and who they are then."""

    async def test_a_header_in_one_piece_with_the_message(self) -> None:
        """What follows the header is the client's first message."""
        service = self.start_proxied()
        assert await self.say(service, HEADER + b"hi") == b"hi"
        assert await self.say(service, v2(b"", 0, 0x20) + b"hi") == b"hi"
        assert not service.factory.counts.refused

    def test_a_header_byte_by_byte(self) -> None:
        """Either version, each byte a read of its own."""
        for header in (HEADER, v2_of(IPv4Address("192.0.2.7"), 1234)):
            proxies = parse_trusted(["127.0.0.1"])
            factory = ProxiedEchoFactory(Clock(), reply="raw", proxies=proxies)
            transport: Any = Pipe()
            transport.protocol = factory.buildProtocol(tcp("127.0.0.1"))
            transport.protocol.makeConnection(transport)
            for byte in header + b"h":
                transport.protocol.dataReceived(bytes([byte]))
            assert (transport.value(), self.peers(SimpleNamespace(factory=factory))) == (
                b"h",
                ["192.0.2.7"],
            )

    async def test_what_comes_with_the_header_waits_for_the_delay_of_the_connection(self) -> None:
        """It has been read, but it is not answered before."""
        for delay_per in ("connection", "reply"):
            service = self.start_proxied(delay=0.3, delay_per=delay_per)
            began = time.monotonic()
            assert await self.say(service, HEADER + b"hi", b"ho") == b"hiho"
            assert time.monotonic() - began >= 0.3

    async def test_replies_of_ones_own_wait_too(self) -> None:
        """The same with a callable."""
        service = self.start_proxied(delay=0.3, delay_per="connection", answer=bytes.upper)
        began = time.monotonic()
        assert await self.say(service, HEADER + b"hi") == b"HI"
        assert time.monotonic() - began >= 0.3

    async def test_other_peers_are_clients_themselves(self) -> None:
        """Their bytes are echoed, a header too; it is not believed."""
        service = self.start_proxied()
        assert await self.say(service, HEADER, source="127.0.0.2") == HEADER

    async def test_a_trusted_peer_must_send_a_header(self) -> None:
        """Wrong bytes, and FIN or RST before the header's end, are counted."""
        service = self.start_proxied()
        assert await self.say(service, b"hello\r\n") == b""
        assert service.factory.counts.refused == {"bad-proxy-header": 1}
        assert await self.say(service, HEADER[:20]) == b""
        assert await self.say(service) == b""
        await self.talk(("127.0.0.1", port_of(service)), reset)
        await self.until(lambda: service.factory.counts.refused.total() == 4)
        assert service.factory.counts.refused["no-proxy-header"] == 3
        assert service.factory.counts.accepted == 0

    async def test_a_header_that_does_not_come_is_not_waited_for(self) -> None:
        """Many wait with one timer; all are closed at their deadline."""
        service = self.start_proxied(timeout=0.5)
        timers = len(reactor.getDelayedCalls())

        def clients() -> list[bytes]:
            address = ("127.0.0.1", port_of(service))
            waiting = [socket.create_connection(address, LONGEST_WAIT) for _ in range(20)]
            for number, connection in enumerate(waiting):
                connection.sendall(HEADER[:number])
            return [read_until_reset(connection) for connection in waiting]

        waiting = deferToThread(clients)
        await self.until(lambda: service.factory.count_open() == 20)
        assert len(reactor.getDelayedCalls()) <= timers + 2  # one, and that of `until` itself
        assert await waiting == [b""] * 20
        assert service.factory.counts.refused == {"no-proxy-header": 20}
        assert service.factory.count_open() == 0

    async def test_waiting_for_a_header_counts_as_a_connection(self) -> None:
        """The cap on all connections holds for those too."""
        service = self.start_proxied(limits=Limits(connections=2))

        def clients() -> bytes:
            address = ("127.0.0.1", port_of(service))
            with (
                socket.create_connection(address, LONGEST_WAIT),
                socket.create_connection(address, LONGEST_WAIT),
                socket.create_connection(address, LONGEST_WAIT) as third,
            ):
                return read_to_end(third)

        assert await deferToThread(clients) == b""
        assert service.factory.counts.refused["too-many-connections"] == 1

    def test_descriptors_that_come_with_the_header_are_closed(self) -> None:
        """With one line in the log, not one for each."""
        factory = ProxiedEchoFactory(Clock(), proxies=parse_trusted(["unix"]))
        protocol = factory.buildProtocol(UNIXAddress(b""))
        assert isinstance(protocol, HeaderProtocol)
        verifyObject(IFileDescriptorReceiver, protocol)
        kept, passed = os.pipe()
        with capturedLogs() as events, os.fdopen(kept, "rb") as other:
            for descriptor in (passed, os.dup(kept), os.dup(kept)):
                protocol.fileDescriptorReceived(descriptor)
            assert other.read() == b""  # nobody else has the end that writes
        assert [event["kind"] for event in events] == ["Descriptors closed"]

    async def test_over_a_unix_socket(self) -> None:
        """The word ``unix`` trusts its peers."""
        factory = ProxiedEchoFactory(reactor, reply="raw", proxies=parse_trusted(["unix"]))
        path = f"{self.folder()}/echo.sock"
        self.start(f"unix:{path}", factory)

        def client(connection: socket.socket) -> bytes:
            connection.sendall(HEADER + b"hi")
            return read_exactly(connection, 2)

        talking: Deferred[bytes] = Deferred.fromCoroutine(self.talk(path, client))
        await self.until(lambda: factory.counts.accepted == 1)
        assert await talking == b"hi"


class StopTests(ProxiedCase):
    """Stopping while headers are on their way."""

    async def test_what_has_arrived_is_answered(self) -> None:
        """Header and message that were not read yet, on connections not yet accepted."""
        service = self.start_proxied()
        clients = []
        for number in range(5):
            # The reactor does not turn here: nothing of this is accepted before the stop.
            client = socket.create_connection(("127.0.0.1", port_of(service)), LONGEST_WAIT)
            self.addCleanup(client.close)
            client.sendall(HEADER + b"owed %d" % number)
            clients.append(client)
        await service.stopService()
        assert [read_to_end(client) for client in clients] == [b"owed %d" % n for n in range(5)]

    async def test_a_header_that_is_not_there_is_not_waited_for(self) -> None:
        """The service ends at once; no timer is left, as trial checks."""
        service = self.start_proxied()
        with socket.create_connection(("127.0.0.1", port_of(service)), LONGEST_WAIT):
            await self.until(lambda: service.factory.count_open() == 1)
            await service.stopService()
        assert service.factory.count_open() == 0
