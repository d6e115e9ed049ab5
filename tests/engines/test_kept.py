"""Connections that stay open between two runs of a fleet: the same tests for both engines."""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.support.certificates import write_certificate
from tests.support.listening import ListeningCase, port_of, reactor
from tests.support.peers import read_to_end, reset, serving
from tests.support.stamps import stamped
from twistecho import Fleet, Plan, ReplyFormat, Report
from twistecho.fleet.reactor_engine.kept import Kept as ReactorKept
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.thread_engine.fleet import ThreadedFleet
from twistecho.fleet.thread_engine.kept import Kept as ThreadKept

PLAN = Plan(
    clients=3, messages=(b"one", b"two"), repeat=2, timeout=10, reply=ReplyFormat.RAW, barrier=True
)
_CLOSING = 10.0


class Peer:
    """An echo server's behaviour that counts its connections, and sees how each of them ends.

    Each of them is echoed ``messages`` messages, and ``then`` is called; or all of them.
    """

    def __init__(
        self, then: Callable[[socket.socket], object] | None = None, messages: int = 4
    ) -> None:
        self.accepted = 0
        self.ends: list[str] = []
        self.over = threading.Semaphore(0)
        self._then, self._messages = then, messages
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        """Echo to one connection."""
        with self._lock:
            self.accepted += 1
            first = self.accepted <= PLAN.clients
        end = "reset"
        try:
            end = self._echo(connection, first=first)
        except ConnectionResetError:
            pass
        finally:
            with self._lock:
                self.ends.append(end)
            self.over.release()

    def _echo(self, connection: socket.socket, *, first: bool) -> str:
        echoed = 0
        while data := connection.recv(3):
            connection.sendall(data)
            echoed += 1
            if first and self._then is not None and echoed == self._messages:
                self._then(connection)
                return "own"
        return "closed"

    def await_ends(self, connections: int) -> None:
        """Wait until so many connections have ended."""
        for _ in range(connections):
            assert self.over.acquire(timeout=_CLOSING)


class Kept(Protocol):
    """What the two engines' kept connections have in common."""

    lost: int

    def __len__(self) -> int:
        """Count them."""

    def close(self) -> Any:
        """Close them."""


def sorted_outcomes(report: Report) -> list[Outcome]:
    """Give the outcomes in the order of the clients' numbers."""
    return sorted(report.outcomes, key=lambda outcome: outcome.client)


class BothEngines(ListeningCase):
    """What a test needs of an engine: `KeptTests` and `ThreadKeptTests` have it."""

    kept: Kept

    def setUp(self) -> None:
        """Have nothing kept yet; close what is in the end."""
        self.begin_anew()
        # Older trials do not wait for a coroutine here.
        self.addCleanup(lambda: Deferred.fromCoroutine(self.close()))

    def begin_anew(self) -> None:
        """Have nothing kept."""
        raise NotImplementedError

    async def run_kept(self, target: str, plan: Plan = PLAN) -> Report:
        """Run a plan over the connections that are kept."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close what is kept."""
        raise NotImplementedError

    async def settled(self, connections: int) -> None:
        """Wait until the engine has seen that so many connections are left."""
        raise NotImplementedError

    async def twice(self, target: str, plan: Plan = PLAN) -> list[Report]:
        """Run a plan twice."""
        return [await self.run_kept(target, plan), await self.run_kept(target, plan)]


class KeptTests(BothEngines):
    """What both engines must do alike; the reactor's here."""

    def begin_anew(self) -> None:
        """Have nothing kept."""
        self.kept = self.on_reactor = ReactorKept(reactor)

    async def run_kept(self, target: str, plan: Plan = PLAN) -> Report:
        """Run a plan on the reactor."""
        return await Fleet(reactor, target, plan, kept=self.on_reactor).run()

    async def close(self) -> None:
        """Close what is kept."""
        await self.on_reactor.close()

    async def settled(self, connections: int) -> None:
        """Let the reactor see the ends of connections."""
        await self.until(lambda: len(self.kept) == connections)

    async def test_the_second_run_makes_no_connection(self) -> None:
        """And there is nothing to tell of connecting then; each report adds up."""
        peer = Peer()
        with serving(peer) as port:
            for report, connects in zip(await self.twice(f"127.0.0.1:{port}"), (3, 0), strict=True):
                assert report.complete, report.failures
                assert (report.messages, report.connects) == (12, 3)
                assert report.measured.early_connects == 3 - connects
                assert bool(report.measured.connect) == bool(connects)
                assert invalid(report) == ()
            assert (peer.accepted, len(self.kept), self.kept.lost) == (3, 3, 0)

    async def test_closing_ends_all_of_them(self) -> None:
        """In an orderly way, which the other side sees as it does any client's end."""
        peer = Peer()
        with serving(peer) as port:
            await self.run_kept(f"127.0.0.1:{port}")
            assert peer.ends == []
            await self.close()
            await deferToThread(peer.await_ends, 3)
            assert peer.ends == ["closed"] * 3

    async def test_more_clients_and_fewer(self) -> None:
        """A client of a later run has the connection of its number, if there is one."""
        peer = Peer()
        with serving(peer) as port:
            for clients, accepted in ((2, 2), (4, 4), (1, 4), (4, 4)):
                report = await self.run_kept(f"127.0.0.1:{port}", replace(PLAN, clients=clients))
                assert report.complete, report.failures
                assert (peer.accepted, len(self.kept)) == (accepted, accepted)

    async def test_what_the_server_has_closed_is_made_anew(self) -> None:
        """Between two runs, closed well or reset: that fails nobody."""
        for end in (socket.socket.close, reset):
            peer = Peer(then=end)
            with serving(peer) as port:
                target = f"127.0.0.1:{port}"
                first = await self.run_kept(target)
                await deferToThread(peer.await_ends, 3)
                await self.settled(0)
                second = await self.run_kept(target)
                assert first.complete, first.failures
                assert second.complete, second.failures
                assert (peer.accepted, second.connects) == (6, 3)
                assert second.measured.early_connects == 0
                await self.close()
            self.begin_anew()

    async def test_bytes_that_nobody_asked_for(self) -> None:
        """Between two runs they fail the client, who connects anew in the third one."""
        said = threading.Semaphore(0)

        def say_more(connection: socket.socket) -> None:
            if may_say.acquire(timeout=_CLOSING):
                connection.sendall(b"more")
            said.release()
            with contextlib.suppress(OSError):
                read_to_end(connection)

        may_say = threading.Semaphore(0)
        peer = Peer(then=say_more)
        with serving(peer) as port:
            target = f"127.0.0.1:{port}"
            assert (await self.run_kept(target)).complete
            for _ in range(3):
                may_say.release()
                assert await deferToThread(said.acquire, timeout=_CLOSING)
            await self.settled(0)
            second = await self.run_kept(target)
            assert second.failures == {"receive:extra": 3}
            assert second.messages == 0
            assert (await self.run_kept(target)).complete
            assert peer.accepted == 6

    async def test_a_failed_client_is_reset_and_connects_anew(self) -> None:
        """Only connections that ended well are kept."""

        def answer_wrong(connection: socket.socket) -> None:
            connection.recv(3)
            connection.sendall(b"bad")
            with contextlib.suppress(ConnectionResetError):
                read_to_end(connection)
                ends.append("closed")

        ends: list[str] = []
        peer = Peer(then=answer_wrong, messages=3)
        with serving(peer) as port:
            target = f"127.0.0.1:{port}"
            first = await self.run_kept(target)
            assert (first.failures, len(self.kept)) == ({"receive:mismatch": 3}, 0)
            await deferToThread(peer.await_ends, 3)
            assert ends == []
            second = await self.run_kept(target)
            assert second.complete, second.failures
            assert (peer.accepted, second.measured.early_connects) == (6, 0)

    async def test_clients_that_reconnect_keep_nothing(self) -> None:
        """Connections are part of their load."""
        peer = Peer()
        with serving(peer) as port:
            for report in await self.twice(f"127.0.0.1:{port}", replace(PLAN, reconnect=2)):
                assert report.complete, report.failures
                assert report.connects == 6
            assert (peer.accepted, len(self.kept)) == (12, 0)

    async def test_an_open_load_for_some_time(self) -> None:
        """As a search has it; a client whose turn never comes keeps its connection, too."""
        plan = replace(PLAN, messages=(b"one",), repeat=1, rate=1.0, duration=0.4, warmup=0.1)
        peer = Peer()
        with serving(peer) as port:
            for report in await self.twice(f"127.0.0.1:{port}", plan):
                assert report.complete, report.failures
                assert [each.messages for each in sorted_outcomes(report)] == [1, 0, 0]
            assert len(self.kept) == 3
            await self.close()
            await deferToThread(peer.await_ends, 3)  # who says nothing may be accepted late
            assert peer.accepted == 3

    async def test_messages_are_timed_in_the_second_run_too(self) -> None:
        """The kernel's stamps are switched on again, on the same sockets."""
        peer = Peer()
        with serving(peer) as port, stamped():
            for report in await self.twice(f"127.0.0.1:{port}"):
                assert 0 < report.measured.timed <= report.messages

    async def test_each_run_finds_the_format_of_replies(self) -> None:
        """As ``auto`` has it, though the connection has seen some already."""
        port = port_of(self.start("tcp:0:interface=127.0.0.1", reply=ReplyFormat.STAMPED))
        for report in await self.twice(f"127.0.0.1:{port}", replace(PLAN, reply="auto")):
            assert report.complete, report.failures
            assert report.replies_found == {ReplyFormat.STAMPED: 3}

    async def test_unix_sockets_are_kept(self) -> None:
        """As those of TCP are."""
        path = f"{self.folder()}/s"
        self.start(f"unix:{path}", reply=ReplyFormat.RAW)
        reports = await self.twice(f"unix:{path}")
        assert all(report.complete for report in reports), [each.failures for each in reports]
        assert [report.measured.early_connects for report in reports] == [0, 3]

    async def test_tls_connections_are_kept(self) -> None:
        """No second handshake; what comes between two runs is noticed, and so is an end."""
        certificate, key = write_certificate(self.folder())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        may_go_on, went_on = threading.Semaphore(0), threading.Semaphore(0)
        handshakes: list[str] = []

        def behave(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as secured:
                handshakes.append("")
                number = len(handshakes)
                for _ in range(8 if number == 1 else 4):
                    secured.sendall(secured.recv(3))
                if number == 1 and may_go_on.acquire(timeout=_CLOSING):
                    secured.sendall(b"more")
                    went_on.release()
                with contextlib.suppress(OSError):
                    secured.recv(1)

        with serving(behave) as port:
            target, plan = f"tls:127.0.0.1:{port}:ca={certificate}", replace(PLAN, clients=1)
            for report in await self.twice(target, plan):
                assert report.complete, report.failures
            assert len(handshakes) == 1
            may_go_on.release()
            assert await deferToThread(went_on.acquire, timeout=_CLOSING)
            await self.settled(0)
            assert (await self.run_kept(target, plan)).failures == {"receive:extra": 1}
            again = await self.run_kept(target, plan)
            assert again.complete, again.failures
            assert len(handshakes) == 2
            await self.close()


class ThreadKeptTests(KeptTests):
    """The same, of threads."""

    def begin_anew(self) -> None:
        """Have nothing kept."""
        self.kept = self.in_threads = ThreadKept()

    async def run_kept(self, target: str, plan: Plan = PLAN) -> Report:
        """Run a plan with a thread for each client."""
        return await deferToThread(ThreadedFleet(target, plan, kept=self.in_threads).run)

    async def close(self) -> None:
        """Close what is kept."""
        self.in_threads.close()

    async def settled(self, _connections: int) -> None:
        """Wait until something has come over each connection: a thread looks only in a run."""
        open_ones = list(self.in_threads._open.values())

        def all_have_something() -> bool:
            return len(select.select(open_ones, [], [], 0)[0]) == len(open_ones)

        await self.until(all_have_something)
