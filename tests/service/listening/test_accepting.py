"""Accepting on a socket that several processes share: turns, numbers, and sockets adopted."""

import errno
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from tests.support.certificates import write_certificate
from tests.support.listening import ListeningCase, reactor
from tests.support.peers import read_exactly
from twistecho import EchoFactory, EchoService
from twistecho.base.sockets import Listener
from twistecho.service.listening.accepting import (
    FIRST_PAUSE,
    GONE,
    REST,
    BackingOffSocket,
    Board,
    NumberedConnection,
    SharedSocket,
    Turn,
    adopted_endpoint,
    number_of,
    slack,
    take_turns,
)
from twistecho.service.scenario.faults import Faults

from .test_endpoint import half_close

law = settings(max_examples=100, deadline=None)


def board_of(case: unittest.TestCase, workers: int) -> Board:
    """Make a board that nobody stands on yet."""
    shared = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the test
    case.addCleanup(shared.close)
    shared.truncate(Board.size(workers))
    board = Board(shared.fileno(), workers)
    for number in range(workers):
        board.open[number] = GONE
    return board


class Crowd:
    """Workers in this process that have connections, but no sockets."""

    def __init__(self, case: unittest.TestCase, workers: int, rooms: list[int]) -> None:
        self.board = board_of(case, workers)
        self.open = [0] * workers
        self.turns = [
            Turn(self.board, number, rooms, lambda number=number: self.open[number])  # type: ignore[misc]
            for number in range(workers)
        ]

    def ask(self, number: int) -> bool:
        """Have a worker accept if it is its turn."""
        ours = self.turns[number].is_ours()
        if ours:
            self.open[number] += 1
            self.turns[number].taken()
        return ours


class TurnTests(unittest.TestCase):
    """Whose turn it is."""

    @law
    @given(st.integers(2, 5), st.permutations(list(range(5))))
    def test_who_always_comes_first_takes_little_more(self, workers: int, order: list[int]) -> None:
        """The quickest leaves to others what is theirs, in whatever order they come."""
        crowd = Crowd(self, workers, [0] * workers)
        for _ in range(200):
            next(n for n in order if n < workers and crowd.ask(n))
        assert max(crowd.open) - min(crowd.open) <= slack(max(crowd.open)) + 1

    def test_who_finds_the_others_busy_accepts_after_a_moment(self) -> None:
        """A worker that answers to nobody holds up nobody."""
        crowd = Crowd(self, 2, [0, 0])
        taken = [crowd.ask(0) for _ in range(100)]
        assert not all(taken)
        assert not any(one is two is False for one, two in pairwise(taken))

    def test_how_many_more_a_worker_may_take(self) -> None:
        """A few more than another at once, and as many again after each moment."""
        assert [slack(connections) for connections in (0, 15, 16, 32)] == [2, 2, 3, 4]
        crowd = Crowd(self, 3, [0, 0, 0])
        assert [crowd.ask(0) for _ in range(7)] == [True] * 3 + [False, True, True, False]
        assert crowd.ask(1)
        assert [crowd.ask(0) for _ in range(3)] == [False, True, True]

    def test_who_has_gone_is_not_waited_for(self) -> None:
        """Nor before it is there."""
        crowd = Crowd(self, 2, [0, 0])
        crowd.board.open[1] = GONE
        assert all(crowd.ask(0) for _ in range(100))

    def test_the_full_leave_all_to_those_that_are_not(self) -> None:
        """However long these take; when all are full, each refuses what comes."""
        crowd = Crowd(self, 2, [3, 5])
        crowd.open = [3, 4]
        crowd.turns[1].is_ours()  # tells how many it has
        assert not any(crowd.turns[0].is_ours() for _ in range(10))
        assert crowd.ask(1)
        assert crowd.turns[0].is_ours()
        assert crowd.turns[1].is_ours()

    def test_who_stops_accepts_what_waits(self) -> None:
        """And is not waited for."""
        crowd = Crowd(self, 2, [0, 0])
        crowd.turns[0].end()
        assert all(crowd.ask(0) for _ in range(100))
        assert crowd.board.open[0] == GONE

    def test_who_is_forced_accepts_what_waits(self) -> None:
        """For a time, waiting for the lock; the others know how many it has then."""
        crowd = Crowd(self, 2, [0, 0])
        turn = crowd.turns[0]
        while crowd.ask(0):
            pass
        with turn.forced():
            assert all(crowd.ask(0) for _ in range(100))
            assert turn.tries > 1
        assert crowd.board.open[0] == crowd.open[0]
        assert turn.tries == 1
        assert crowd.ask(1)

    @law
    @given(st.integers(1, 50))
    def test_numbers_are_given_once(self, count: int) -> None:
        """Whoever asks."""
        boards = board_of(self, 1), board_of(self, 1)
        other = Board(boards[0]._descriptor, 1)
        given_out = []
        for at in range(count):
            board = (boards[0], other)[at % 2]
            with board.locked():
                given_out.append(board.take_number())
        assert given_out == list(range(count))
        assert boards[0].next_number == count


class StarvedTests(unittest.TestCase):
    """Accepting while the system's means come and go."""

    def test_one_line_however_often_it_rests(self) -> None:
        """Every other attempt succeeds: the pause is the shortest again, the log stays short."""
        clock, listening = Clock(), socket.create_server(("127.0.0.1", 0))
        port = BackingOffSocket(mock.Mock(socket=listening), clock)
        self.addCleanup(port.close)
        starved = OSError(errno.EMFILE, "")
        with capturedLogs() as events, mock.patch.object(Listener, "accept") as accept:
            accept.side_effect = [starved, (mock.Mock(), None)] * 50
            for rested in range(50):
                self.assertRaises(BlockingIOError, port.accept)
                clock.advance(FIRST_PAUSE)
                assert port._port.startReading.call_count == rested + 1
                port.accept()
        assert [formatEvent(event).partition(",")[0] for event in events] == [
            "Accepting pauses for a moment: Too many open files"
        ]


class LockTests(unittest.TestCase):
    """Accepting and numbering are one step, for all processes."""

    def test_what_else_is_in_the_file_has_locks_of_its_own(self) -> None:
        """Another process may hold one meanwhile."""
        board = board_of(self, 1)
        code = (
            "import fcntl, sys; fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB, 8, 16)"
        )
        descriptor = board._descriptor
        command = [sys.executable, "-c", code, str(descriptor)]
        with board.locked():
            subprocess.run(command, check=True, pass_fds=[descriptor])

    def test_another_process_finds_it_locked(self) -> None:
        """For as long as the block lasts; so the kernel knows, and frees it when one dies."""
        board = board_of(self, 1)
        code = (
            "import fcntl, sys\n"
            "try: fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
            "except BlockingIOError: sys.exit(7)\n"
        )
        descriptor = board._descriptor
        command = [sys.executable, "-c", code, str(descriptor)]
        with board.locked():
            assert subprocess.run(command, pass_fds=[descriptor], check=False).returncode == 7
        assert subprocess.run(command, pass_fds=[descriptor], check=False).returncode == 0

    def test_a_connection_is_accepted_and_numbered_under_the_lock(self) -> None:
        """Else another process could accept the second and number it first."""
        steps: list[str] = []
        board = board_of(self, 1)

        class Watched(Board):
            @contextmanager
            def locked(self, tries: int = 1) -> Iterator[bool]:  # noqa: ARG002 - it is free
                steps.append("locked")
                yield True
                steps.append("unlocked")

            def take_number(self) -> int:
                with pytest.raises(BlockingIOError):
                    listening.accept()  # the one that waited has been accepted
                steps.append("numbered")
                return 5

        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            port = StandInPort(listening.dup())
            turn = Turn(board, 0, [0], lambda: 0)
            watched = Watched(board._descriptor, 1)
            with (
                SharedSocket(port, Clock(), turn, watched) as shared,
                socket.create_connection(listening.getsockname()),
            ):
                connection, _ = shared.accept()
                with connection:
                    assert isinstance(connection, NumberedConnection)
                    assert connection.number == 5
                    assert not connection.getblocking()
        assert steps == ["locked", "numbered", "unlocked"]

    def test_nobody_waits_for_a_holder_that_is_stopped(self) -> None:
        """The port rests for a moment; whoever connected waits, and has the next number then."""
        board, clock = board_of(self, 1), Clock()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            port = StandInPort(listening.dup())
            turn = Turn(board, 0, [0], lambda: 0)
            with (
                SharedSocket(port, clock, turn, board) as shared,
                socket.create_connection(listening.getsockname()),
            ):
                with self.held_elsewhere(board):
                    with pytest.raises(BlockingIOError):
                        shared.accept()
                    assert port.steps == ["rests"]
                    clock.advance(REST)
                    assert port.steps == ["rests", "reads"]
                    turn.end()
                    with pytest.raises(BlockingIOError):  # after some tries, as it is the last
                        shared.accept()
                connection, _ = shared.accept()
                with connection:
                    assert isinstance(connection, NumberedConnection)
                    assert connection.number == 0

    @contextmanager
    def held_elsewhere(self, board: Board) -> Iterator[None]:
        """Have another process hold the lock, and do nothing."""
        code = (
            "import fcntl, sys\n"
            "fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX)\n"
            "print(flush=True); sys.stdin.read()"
        )
        descriptor = board._descriptor
        command = [sys.executable, "-c", code, str(descriptor)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, pass_fds=[descriptor], stdin=pipe, stdout=pipe) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            yield
            holder.communicate()


class StandInPort:
    """A port that has a socket and does nothing."""

    def __init__(self, listening: socket.socket) -> None:
        self.socket = listening
        self.steps: list[str] = []

    def stopReading(self) -> None:
        """Rest."""
        self.steps.append("rests")

    def startReading(self) -> None:
        """Rest no more."""
        self.steps.append("reads")


class SharingService(EchoService):
    """One of two services in this process that accept on the same socket."""

    turn: Turn
    board: Board

    def prepare(self, port: Any) -> None:
        """Take turns."""
        take_turns(port, self.clock, self.turn, self.board)
        self.factory.connections.number_of = number_of


class SharedSocketTests(ListeningCase):
    """A real socket, two services."""

    def share(self, description: str, listening: socket.socket) -> list[SharingService]:
        """Start two services on a socket that listens."""
        board = board_of(self, 2)
        services = []
        for number in range(2):
            factory = EchoFactory(reactor, reply="raw", faults=Faults(), in_band=True)
            descriptor = socket.socket(fileno=listening.dup().detach()).detach()
            endpoint = adopted_endpoint(reactor, description, descriptor)
            service = SharingService(reactor, factory, [endpoint])
            service.board = board
            service.turn = Turn(board, number, [0, 0], factory.count_open)
            service.startService()
            self.addCleanup(self.end, service)
            services.append(service)
        return services

    def end(self, service: EchoService) -> Deferred[None]:
        """Stop a service."""
        return Deferred.fromCoroutine(self.stop(service))

    async def numbers(self, description: str, listening: socket.socket, address: Any) -> None:
        """Connect clients one after the other: they have the numbers in that order."""
        services = self.share(description, listening)
        clients = []
        for number in range(30):
            client = socket.socket(listening.family)
            self.addCleanup(client.close)
            client.setblocking(False)
            client.connect_ex(address)
            clients.append(client)
            await self.until(lambda: sum(s.factory.count_open() for s in services) > number)  # noqa: B023 - called at once
        by_peer = {
            connection.number: service
            for service in services
            for connection in service.factory.connections
        }
        assert sorted(by_peer) == list(range(30))
        assert min(service.factory.count_open() for service in services) > 5
        for client in clients:
            client.setblocking(True)
            client.settimeout(20)
        assert await self.talk_all(clients) == [b"x"] * 30

    async def talk_all(self, clients: list[socket.socket]) -> list[bytes]:
        """Ask each client's service something."""
        from twisted.internet.threads import deferToThread  # noqa: PLC0415 - see listening

        def ask() -> list[bytes]:
            for client in clients:
                client.sendall(b"x")
            return [read_exactly(client, 1) for client in clients]

        return list(await deferToThread(ask))

    async def test_tcp(self) -> None:
        """Numbered in the order of accept, whichever service accepts, and evenly spread."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            await self.numbers("tcp:0", listening, listening.getsockname())

    async def test_unix(self) -> None:
        """The same."""
        path = f"{self.folder()}/s"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen(50)
            listening.setblocking(False)
            await self.numbers(f"unix:{path}", listening, path)


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
