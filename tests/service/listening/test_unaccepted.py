"""Ports whose connects never complete, and then do: real sockets."""

import errno
import os
import socket
from typing import Any
from unittest import TestCase, mock

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from tests.support.listening import ListeningCase, port_of, reactor
from tests.support.tcp import SYN_SENT, tcp_info
from twistecho import EchoFactory, EchoService
from twistecho.service.listening import unaccepted
from twistecho.service.listening.accepting import (
    Turn,
    adopted_endpoint,
    back_off,
    number_of,
    take_turns,
)
from twistecho.service.listening.endpoint import endpoint_for
from twistecho.service.listening.fillers import Filler, Marks, queue_of
from twistecho.service.listening.unaccepted import Unaccepted
from twistecho.service.scenario.faults import NO_FAULTS
from twistecho.service.scenario.parsing import parse_faults

from .test_accepting import StandInPort, board_of

UNACCEPTED = parse_faults(["unaccepted"])


class UnacceptedCase(ListeningCase):
    """Clients that connect, or cannot."""

    def connecting(self, address: Any, family: int = socket.AF_INET) -> socket.socket:
        """Begin to connect a client."""
        client = socket.socket(family)
        self.addCleanup(client.close)
        client.setblocking(False)
        assert client.connect_ex(address) in (0, errno.EINPROGRESS)
        return client

    async def hangs(self, client: socket.socket) -> None:
        """Hold that a connect does not complete while twenty others, begun later, do."""
        with socket.create_server(("127.0.0.1", 0)) as elsewhere:
            for _ in range(20):
                other = self.connecting(elsewhere.getsockname())
                await self.until(lambda: not other.connect_ex(elsewhere.getsockname()))  # noqa: B023 - called at once
                elsewhere.accept()[0].close()
                assert tcp_info(client)[0] == SYN_SENT

    async def answered(self, client: socket.socket) -> None:
        """Hold that a client is answered, once it is connected."""
        sent, got = False, b""
        while got != b"x":
            await deferLater(reactor, 0.01)
            try:
                if not sent:
                    client.send(b"x")
                sent = True
                got = client.recv(10)
            except BlockingIOError:
                continue


class PortTests(UnacceptedCase):
    """One port, in one process."""

    def port(self, description: str = "tcp:0:interface=127.0.0.1") -> tuple[Any, Unaccepted]:
        """Start a service; give its factory and what keeps its port."""
        self.service = self.start(description)
        kept = Unaccepted(self.service.ports[0], reactor)
        self.addCleanup(kept.end)
        return self.service.factory, kept

    async def test_connects_hang_and_get_in_later(self) -> None:
        """A SYN that is sent again is not answered either; when it may, the next one is."""
        factory, kept = self.port()
        await kept.begin()
        client = self.connecting(("127.0.0.1", port_of(self.service)))
        await self.until(lambda: tcp_info(client)[1] > 0)
        assert tcp_info(client)[0] == SYN_SENT
        assert factory.counts.accepted == 0
        kept.end()
        await self.answered(client)
        assert factory.counts.accepted == 1  # that is the client, nobody else

    async def test_everywhere(self) -> None:
        """IPv6, all addresses of either kind, and all of both."""
        for interface, family, host in (
            ("\\:\\:1", socket.AF_INET6, "::1"),
            ("0.0.0.0", socket.AF_INET, "127.0.0.1"),
            ("\\:\\:", socket.AF_INET6, "::1"),
            ("\\:\\:", socket.AF_INET, "127.0.0.1"),
        ):
            with self.subTest(interface=interface, host=host):
                factory, kept = self.port(f"tcp:0:interface={interface}")
                address = host, port_of(self.service)
                for _ in range(2):
                    await kept.begin()
                    client = self.connecting(address, family)
                    await self.hangs(client)
                    client.close()
                    kept.end()
                    await self.answered(self.connecting(address, family))
                assert factory.counts.accepted == 2

    async def test_who_has_connected_is_served(self) -> None:
        """Those who wait to be accepted too; they go on while nobody else gets in."""
        factory, kept = self.port()
        address = "127.0.0.1", port_of(self.service)
        before = self.connecting(address)
        await self.until(lambda: factory.count_open() == 1)
        waiting = [self.connecting(address) for _ in range(20)]
        await kept.begin()
        assert factory.count_open() == 21
        client = self.connecting(address)
        for each in (before, *waiting):
            await self.answered(each)
        assert tcp_info(client)[0] == SYN_SENT

    async def test_the_backlog_is_what_it_was(self) -> None:
        """After any number of turns; what was begun twice is ended once, and the reverse."""
        _, kept = self.port("tcp:0:interface=127.0.0.1:backlog=7")
        listening = self.service.ports[0].socket
        assert queue_of(listening) == (0, 7)
        for _ in range(3):
            await kept.begin()
            await kept.begin()
            assert queue_of(listening) == (1, 0)
            kept.end()
            kept.end()
            assert queue_of(listening).backlog == 7

    async def test_it_is_kept_full(self) -> None:
        """Though somebody else who has the socket accepts what fills it."""
        factory, kept = self.port()
        listening = self.service.ports[0].socket
        await kept.begin()
        for _ in range(3):
            with socket.socket(fileno=os.dup(listening.fileno())) as other:
                other.accept()[0].close()
            assert queue_of(listening).waiting == 0
            await self.until(lambda: queue_of(listening).waiting == 1)
        kept.end()
        await self.answered(self.connecting(("127.0.0.1", port_of(self.service))))
        assert factory.counts.accepted == 1

    async def test_a_port_that_cannot_be_filled_accepts(self) -> None:
        """What the system says is said on."""
        _, kept = self.port()
        with mock.patch.object(unaccepted, "Filler", side_effect=OSError(errno.EMFILE, "no more")):
            await self.assertFailure(kept.begin(), OSError)
        await self.answered(self.connecting(("127.0.0.1", port_of(self.service))))

    def test_what_is_no_tcp_socket_is_refused(self) -> None:
        """A Unix socket, and a port that is no socket at all."""
        service = self.start(f"unix:{self.folder()}/echo")
        for port in (service.ports[0], mock.Mock(spec=[])):
            with self.assertRaisesRegex(ValueError, "unaccepted: needs TCP ports"):
                Unaccepted(port, reactor)


class ServiceTests(UnacceptedCase):
    """The ports of a service do as its scenario says."""

    async def test_from_the_start_and_when_it_changes(self) -> None:
        """All of them."""
        factory = EchoFactory(reactor, reply="raw", faults=UNACCEPTED)
        endpoints = [
            endpoint_for(reactor, f"tcp:0:interface={host}") for host in ("127.0.0.1", "\\:\\:1")
        ]
        service = EchoService(reactor, factory, endpoints)
        service.startService()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.stop(service)))
        ports: Any = service.ports
        there = [
            (("127.0.0.1", ports[0].getHost().port), socket.AF_INET),
            (("::1", ports[1].getHost().port), socket.AF_INET6),
        ]
        for _ in range(2):
            for address, family in there:
                client = self.connecting(address, family)
                await self.hangs(client)
                client.close()
            factory.scenario = factory.scenario.replace(faults=NO_FAULTS)
            await service.follow_scenario()
            for address, family in there:
                await self.answered(self.connecting(address, family))
            factory.scenario = factory.scenario.replace(faults=UNACCEPTED)
            await service.follow_scenario()
        assert factory.counts.accepted == 4

    async def test_stopping_leaves_nothing(self) -> None:
        """Nobody has been accepted, and the port is free."""
        service = self.start("tcp:0:interface=127.0.0.1", faults=UNACCEPTED)
        address = "127.0.0.1", port_of(service)
        await service.stopService()
        assert service.factory.counts.accepted == 0
        with socket.socket() as client:
            assert client.connect_ex(address) == errno.ECONNREFUSED

    def test_a_service_with_another_port_does_not_start(self) -> None:
        """Nor does it listen anywhere any more."""
        path = f"{self.folder()}/echo"
        factory = EchoFactory(reactor, faults=UNACCEPTED)
        endpoints = [endpoint_for(reactor, f"unix:{path}")]
        service = EchoService(reactor, factory, endpoints)
        with self.assertRaisesRegex(ValueError, "needs TCP ports"):
            service.startService()
        assert service.ports == []

    async def test_one_that_is_told_so_later_goes_on(self) -> None:
        """With all its ports."""
        service = self.start(f"unix:{self.folder()}/echo")
        service.factory.scenario = service.factory.scenario.replace(faults=UNACCEPTED)
        assert isinstance(self.flushLoggedErrors(ValueError)[0].value, ValueError)
        with self.assertRaisesRegex(ValueError, "needs TCP ports"):
            await service.follow_scenario()
        await self.answered(self.connecting(service.ports[0].getHost().name, socket.AF_UNIX))


class SharingService(EchoService):
    """One of two services in this process that accept on the same socket."""

    turn: Turn

    def prepare(self, port: Any) -> None:
        """Take turns, and number connections."""
        take_turns(port, self.clock, self.turn, self.turn._board)
        self.factory.connections.number_of = number_of


class SharedTests(UnacceptedCase):
    """A socket that several processes share, each of which is told by itself."""

    def share(self) -> tuple[list[SharingService], Any]:
        """Start two services on a socket that listens, as two workers do."""
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0), backlog=9))
        listening.setblocking(False)
        board, services = board_of(self, 2), []
        for number in range(2):
            factory = EchoFactory(reactor, reply="raw", faults=parse_faults(["corrupt:0"]))
            descriptor = os.dup(listening.fileno())
            service = SharingService(
                reactor, factory, [adopted_endpoint(reactor, "tcp:0", descriptor)]
            )
            service.turn = Turn(board, number, [0, 0], factory.count_open)
            service.startService()
            self.addCleanup(lambda each: Deferred.fromCoroutine(self.stop(each)), service)
            services.append(service)
        return services, listening

    def accepted(self, services: list[SharingService]) -> int:
        """Count the clients of all."""
        return sum(service.factory.counts.accepted for service in services)

    async def test_one_after_the_other(self) -> None:
        """None takes another's connection for a client, and no number is lost."""
        services, listening = self.share()
        address = listening.getsockname()
        kept = [Unaccepted(service.ports[0], reactor) for service in services]
        for each in kept:
            self.addCleanup(each.end)
        first = kept[0].begin()
        client = self.connecting(address)
        await self.answered(client)  # the other has not been told yet
        await kept[1].begin()
        await first
        assert queue_of(listening) == (1, 0)
        client = self.connecting(address)
        await self.hangs(client)
        client.close()
        kept[0].end()
        await self.answered(self.connecting(address))  # the first has been told
        kept[1].end()
        assert queue_of(listening).backlog == 9
        for _ in range(10):
            await self.answered(self.connecting(address))
        assert self.accepted(services) == 12
        numbers = sorted(
            getattr(connection, "number", -1)
            for service in services
            for connection in service.factory.connections
        )
        assert numbers == list(range(12))

    async def test_what_one_leaves_behind_is_no_client(self) -> None:
        """A process that dies leaves its connection in the queue."""
        services, listening = self.share()
        marks = services[0].ports[0].socket.marks  # type: ignore[attr-defined]  # a shared port's
        Filler(listening, marks).close()
        await self.answered(self.connecting(listening.getsockname()))
        assert self.accepted(services) == 1


class FillerTests(TestCase):
    """Whom accepting passes over."""

    def test_only_what_was_marked_once(self) -> None:
        """By the port that it comes from, the one that it goes to, and the host."""
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        target, marks = listening.getsockname()[1], Marks()
        marks.set(1000, target)
        for address in ("", ("127.0.0.1", 1001), ("192.0.2.1", 1000)):
            assert not marks.pass_over(listening, address)
        assert marks.pass_over(listening, ("127.0.0.1", 1000))
        assert not marks.pass_over(listening, ("127.0.0.1", 1000))
        marks.set(1000, target + 1)
        assert not marks.pass_over(listening, ("127.0.0.1", 1000))

    def test_one_that_did_not_come_in_is_not_marked(self) -> None:
        """Whether there was no room for it, or nobody listens."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            marks, address = Marks(), listening.getsockname()
            listening.listen(0)
            first, second = Filler(listening, marks), Filler(listening, marks)
            assert first.stands
            assert second.pending
            assert sum(marks._target[port] == address[1] for port in range(65536)) == 2
            second.close()
            assert sum(marks._target[port] == address[1] for port in range(65536)) == 1
            first.close()
            connection, where = listening.accept()
            connection.close()
            assert marks.pass_over(listening, where)
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            refused = Filler(bound, marks)
            assert not (refused.stands or refused.pending)
            refused.close()
        assert not any(marks._target[port] for port in range(65536))


class HoldTests(TestCase):
    """A port that is left alone, and one that rests for a moment, are two things."""

    def test_rest_and_hold(self) -> None:
        """It reads again once neither is any more, whichever ends last."""
        for held_last in (True, False):
            clock, listening = Clock(), socket.create_server(("127.0.0.1", 0))
            port: Any = StandInPort(listening)
            back_off(port, clock)
            self.addCleanup(port.socket.close)
            port.socket.rest(1.0)
            port.socket.hold()
            if held_last:
                clock.advance(1.0)
                assert port.steps == ["rests", "rests"]
                port.socket.release()
            else:
                port.socket.release()
                assert port.steps == ["rests", "rests"]
                clock.advance(1.0)
            assert port.steps == ["rests", "rests", "reads"]
