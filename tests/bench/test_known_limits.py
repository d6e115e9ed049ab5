"""The servers with a known limit keep it, even with other load on the machine.

A reply may be late because the machine is busy, but never early, and one that is late makes no
other late. So each is held to the earliest time that the server's rule allows, and only the least
late, or half of them, to how late they may be.
"""

import select
import socket
import subprocess
import time
import unittest
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from os import sched_getaffinity
from pathlib import Path
from random import Random
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.programs import Process, Programs, running
from tests.support.peers import read_exactly, read_to_end, reset
from tests.support.programs import program

SIZE = 16
TIMEOUT = 30.0
"""Seconds after which a test gives up."""


class Reply(NamedTuple):
    """A reply, and the seconds from before the first message was sent to when it was read."""

    at: float
    data: bytes


def message(number: int, size: int = SIZE) -> bytes:
    """Return the message with a number."""
    return b"%0*d" % (size, number)


def waits(arrivals: Sequence[float], service: float) -> Iterator[float]:
    """Return how long each message waits until one worker begins with it."""
    done = 0.0
    for at in arrivals:
        begun = max(at, done)
        done = begun + service
        yield begun - at


def poisson(random: Random, rate: float, count: int) -> list[float]:
    """Return arrival times of a Poisson process."""
    at, times = 0.0, []
    for _ in range(count):
        at += random.expovariate(rate)
        times.append(at)
    return times


class Client:
    """Sends messages over a connection when they are due, and reads the replies meanwhile."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = b""
        self.replies: list[Reply] = []
        self.sent: list[float] = []

    def send(self, due: Sequence[float], began: float) -> None:
        """Send a message at each of these times, in seconds, and read a reply to each."""
        while len(self.replies) < len(due):
            now = time.monotonic() - began
            assert now < TIMEOUT
            if len(self.sent) < len(due) and now >= due[len(self.sent)]:
                self.sent.append(now)
                self._connection.sendall(message(len(self.sent) - 1))
                continue
            pause = due[len(self.sent)] - now if len(self.sent) < len(due) else 1.0
            if select.select([self._connection], [], [], pause)[0]:
                self._take(began)

    def _take(self, began: float) -> None:
        self._unread += self._connection.recv(65536)
        now = time.monotonic() - began
        while len(self._unread) >= SIZE:
            self.replies.append(Reply(now, self._unread[:SIZE]))
            self._unread = self._unread[SIZE:]


class ServerCase(unittest.TestCase):
    """Compiles the servers, and runs one on a free port."""

    def setUp(self) -> None:
        """Make the folder for compiling; processes end with the test."""
        super().setUp()
        program("gcc", "gcc")
        self.ending = ExitStack()
        self.addCleanup(self.ending.close)
        self.programs = Programs(Path(self.ending.enter_context(TemporaryDirectory())))

    def start(self, name: str, *arguments: float, size: int = SIZE) -> Process:
        """Start a server, which listens on ``port``."""
        command = [*self.programs.command(name), *map(str, arguments), str(size), "0"]
        server = self.ending.enter_context(running(command, min(sched_getaffinity(0))))
        self.port = int(server.port())
        return server

    def connect(self) -> socket.socket:
        """Connect to it."""
        connection = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.ending.enter_context(connection)

    def all_at_once(self, count: int, connections: int) -> list[Reply]:
        """Send so many messages on each of some connections, at once, and take all replies.

        Each connection must be given its own bytes, in order.
        """
        sockets = [self.connect() for _ in range(connections)]
        began = time.monotonic()
        for number, each in enumerate(sockets):
            each.sendall(b"".join(message(number * count + n) for n in range(count)))
        found: dict[socket.socket, list[Reply]] = {each: [] for each in sockets}
        while waiting := [each for each, replies in found.items() if len(replies) < count]:
            ready = select.select(waiting, [], [], TIMEOUT)[0]
            assert ready
            for each in ready:
                data = read_exactly(each, SIZE)
                found[each].append(Reply(time.monotonic() - began, data))
        for number, replies in enumerate(found.values()):
            assert [r.data for r in replies] == [message(number * count + n) for n in range(count)]
        return sorted(reply for replies in found.values() for reply in replies)


class SaturatedTests(ServerCase):
    """At more than the limit, the rate is the limit."""

    def hold(self, replies: Sequence[Reply], rate: float, free: int) -> None:
        """Check that replies come at a rate, except for some free ones: no faster, no slower."""
        late = [each.at - (n + 1 - free) / rate for n, each in enumerate(replies)]
        assert min(late[free:]) >= 0
        quarter = late[-len(late) // 4 :]
        assert min(quarter) <= 0.005 * len(replies) / rate, min(quarter)

    def test_a_worker_serves_one_message_in_its_service_time(self) -> None:
        """Over all connections, to half a percent."""
        self.start("worker", 0.001)
        self.hold(self.all_at_once(250, 6), 1000, 0)

    def test_tokens_come_at_their_rate(self) -> None:
        """After the kept tokens of 5 ms."""
        self.start("bucket", 2000, 0.005)
        self.hold(self.all_at_once(500, 6), 2000, 10)

    def test_a_bucket_too_small_for_a_token_has_room_for_one(self) -> None:
        """Otherwise no message would ever be answered."""
        self.start("bucket", 1000, 0)
        self.hold(self.all_at_once(250, 2), 1000, 1)

    def test_tokens_are_kept_as_many_as_was_said(self) -> None:
        """Four, where one comes in 100 s: four messages are answered, the fifth has to wait."""
        self.start("bucket", 0.01, 400)
        connection = self.connect()
        connection.sendall(b"".join(message(n) for n in range(5)))
        assert read_exactly(connection, 4 * SIZE) == b"".join(message(n) for n in range(4))
        connection.setblocking(False)
        with self.assertRaises(BlockingIOError):
            connection.recv(1)


class BelowTheLimitTests(ServerCase):
    """At less than the limit, a message waits as long as theory says."""

    def talk(self, due: Sequence[float]) -> Client:
        """Send messages when they are due, over one connection."""
        client = Client(self.connect())
        client.send(due, time.monotonic())
        assert [each.data for each in client.replies] == [message(n) for n in range(len(due))]
        return client

    def test_random_arrivals_wait_for_the_worker_as_in_m_d_1(self) -> None:
        """Computed from the real times of the messages sent before."""
        service, load = 0.005, 0.7
        self.start("worker", service)
        client = self.talk(poisson(Random(5), load / service, 300))  # noqa: S311 - a simulation
        expected = [
            at + wait + service
            for at, wait in zip(client.sent, waits(client.sent, service), strict=True)
        ]
        late = [each.at - at for each, at in zip(client.replies, expected, strict=True)]
        assert min(late) >= 0
        assert median(late) <= service / 2

    def test_those_waits_are_the_ones_of_m_d_1(self) -> None:
        """Their mean is rho * s / (2 * (1 - rho))."""
        for load in (0.3, 0.7, 0.9):
            with self.subTest(load=load):
                arrivals = poisson(Random(1), load, 200_000)  # noqa: S311 - a simulation
                mean = fmean(waits(arrivals, 1.0))
                assert abs(mean / (load / (2 * (1 - load))) - 1) < 0.05

    def test_even_arrivals_find_a_token(self) -> None:
        """They do not wait for one: half of them return before the next token."""
        self.start("bucket", 100, 0.05)
        client = self.talk([n / 90 for n in range(90)])
        assert median(r.at - at for r, at in zip(client.replies, client.sent, strict=True)) < 0.005


class ConnectionTests(ServerCase):
    """Messages and connections, with either rule."""

    def test_messages_are_told_apart_by_their_size(self) -> None:
        """For any division into pieces: incomplete messages wait for the rest."""
        self.start("worker", 0.001)
        connection = self.connect()
        data = b"".join(message(n) for n in range(3))
        connection.sendall(data[: 2 * SIZE + 5])
        assert read_exactly(connection, 2 * SIZE) == data[: 2 * SIZE]
        connection.sendall(data[2 * SIZE + 5 :])
        assert read_exactly(connection, SIZE) == data[2 * SIZE :]

    def test_all_that_was_sent_before_fin_is_answered(self) -> None:
        """Then the server closes, too."""
        self.start("worker", 0.01)
        connection = self.connect()
        data = b"".join(message(n) for n in range(10))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == data

    def test_another_ones_messages_are_not_in_the_way_of_who_comes_after_it(self) -> None:
        """A connection that closed with pending replies leaves no byte to the next one."""
        self.start("worker", 0.01)
        gone = self.connect()
        gone.sendall(b"".join(message(n) for n in range(20)))
        read_exactly(gone, SIZE)
        reset(gone)
        connection = self.connect()
        connection.sendall(message(77))
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == message(77)

    def test_a_queue_without_end_is_not_taken_in(self) -> None:
        """Further messages stay unread, without a busy loop."""
        server = self.start("bucket", 0.01, 0, size=1024)
        connection = self.connect()
        connection.setblocking(False)
        sent, data, most = 0, b"x" * 65536, 64 << 20
        while sent < most and select.select([], [connection], [], 1.0)[1]:
            sent += connection.send(data)
        assert sent < most
        assert server.resident() < most
        before, began = sum(server.cpu()), time.monotonic()
        select.select([], [connection], [], 0.5)
        assert sum(server.cpu()) - before < (time.monotonic() - began) / 10

    def test_it_ends_with_its_standard_input(self) -> None:
        """So none is left over if its parent was killed."""
        command = [*self.programs.command("worker"), "0.001", str(SIZE), "0"]
        ended = subprocess.run(command, input=b"", capture_output=True, timeout=TIMEOUT, check=True)
        assert int(ended.stdout)

    def test_arguments_that_make_no_server_are_refused(self) -> None:
        """With exit code 2."""
        for name, *arguments in (
            ("worker", "1"),
            ("worker", "0", "16", "0"),
            ("worker", "1", "0", "0"),
        ):
            with self.subTest(arguments=arguments):
                command = [*self.programs.command(name), *arguments]
                assert subprocess.run(command, check=False, timeout=TIMEOUT).returncode == 2
