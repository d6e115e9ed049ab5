"""The service under hostile clients, want of files, signals and load, on real sockets."""

import contextlib
import os
import resource
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import TestCase

from twisted.internet import reactor as global_reactor
from twisted.internet.threads import deferToThread
from twisted.trial import unittest as trial

from tests.cli.test_main import TWISTECHO
from tests.service.listening.test_echo_service import ServiceCase
from tests.service.process.test_tap import twist_echo
from tests.support.peers import connect, read_exactly, read_to_end, reset, unused_port
from twistecho import Limits, Report
from twistecho.base.sockets import Listener

reactor: Any = global_reactor
MIB = 1024 * 1024


def memory(pid: int) -> int:
    """Give the resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def cpu(pid: int) -> float:
    """Give the CPU time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition; fail where it does not come about in so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


class Service:
    """A ``twist echo`` process with metrics."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, metrics: int) -> None:
        self.process = process
        self.port = port
        self._metrics = metrics

    def metric(self, name: str) -> float:
        """Give the sum of a metric over its labels."""
        where = f"http://127.0.0.1:{self._metrics}/metrics"
        with urllib.request.urlopen(where, timeout=20) as page:
            lines = page.read().decode().splitlines()
        values = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return sum(float(v) for n, _, v in values if n.partition("{")[0] == f"twistecho_{name}")


@contextmanager
def service(*options: str) -> Iterator[Service]:
    """Run ``twist echo`` on a free port, with metrics."""
    metrics = unused_port()
    with twist_echo("-p0", "--reply=raw", f"--metrics={metrics}", *options) as (echo, started):
        yield Service(echo.process, started[0]["port"], metrics)


class HostileClientTests(TestCase):
    """Many clients that behave badly at once."""

    def test_peers_that_never_read_cost_no_more_than_the_budget_and_are_dropped(self) -> None:
        """500 send until nobody takes more; a well-behaved client beside them is answered.

        The systems between take what they can: the budget is at stake only beyond that.
        """
        budget = 32 * MIB
        with service(f"--max-waiting-total={budget}", "--stall=8") as echo, ExitStack() as stack:
            before = memory(echo.process.pid)
            hogs = [stack.enter_context(self._hog(echo.port)) for _ in range(500)]
            client = stack.enter_context(connect(echo.port))
            most, held, latencies = self._flood(echo, hogs, client)
            growth = most - before
            assert held > budget / 4, "the systems took all"
            assert growth < 1.2 * budget, f"{growth / MIB:.1f} MiB"
            # Where other test runs share the machine, their time is in it too.
            busy = {"TWISTECHO_BUSY", "PYTEST_XDIST_WORKER"} & os.environ.keys()
            slower = 10 if busy else 1
            assert statistics.median(latencies) < 0.1 * slower
            until(lambda: echo.metric("connections") == 1)
            assert echo.metric("connections_dropped_total") == 500
            assert echo.metric("waiting_bytes") == 0
            self._ask(client)

    def _hog(self, port: int) -> socket.socket:
        """Connect with small segments and a small window: the systems between take little."""
        hog = socket.socket()
        hog.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        hog.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        hog.connect(("127.0.0.1", port))
        hog.setblocking(False)
        return hog

    def _flood(
        self, echo: Service, hogs: list[socket.socket], client: socket.socket
    ) -> tuple[int, float, list[float]]:
        """Send for three seconds, and until nobody took all of something, for each peer.

        Gives the most memory and the most waiting bytes that were seen, and how long replies took.
        """
        could = set(hogs)  # who has sent whatever it tried
        selector = selectors.DefaultSelector()
        for hog in hogs:
            selector.register(hog, selectors.EVENT_WRITE)
        most, held, latencies = 0, 0.0, []
        deadline = time.monotonic() + 3
        while could or time.monotonic() < deadline:
            for key, _ in selector.select(0.05):
                peer: Any = key.fileobj
                sent = 0
                with contextlib.suppress(OSError):
                    sent = peer.send(b"x" * 65536)
                if sent < 65536:
                    could.discard(peer)
            most = max(most, memory(echo.process.pid))
            held = max(held, echo.metric("waiting_bytes"))
            latencies.append(self._ask(client))
        selector.close()
        return most, held, latencies

    def _ask(self, client: socket.socket) -> float:
        began = time.monotonic()
        client.sendall(b"hello")
        assert read_exactly(client, 5) == b"hello"
        return time.monotonic() - began


class LeftoverTests(ServiceCase):
    """What is left when hostile clients have gone: nothing."""

    async def test_nothing_is_left_of_drippers_mutes_and_vanishers(self) -> None:
        """200 write a byte at a time, 200 say nothing, 1,000 connect and reset."""
        echo = self.start(delay=0.05)
        port = self.port(echo)

        def clients() -> int:
            with ExitStack() as stack:
                drippers = [stack.enter_context(connect(port)) for _ in range(200)]
                mutes = [stack.enter_context(connect(port)) for _ in range(200)]
                for _ in range(1000):
                    reset(connect(port))
                for _ in range(10):
                    for dripper in drippers:
                        dripper.sendall(b"x")
                heads = [read_exactly(dripper, 20) for dripper in drippers]
                for mute in mutes[:100]:
                    reset(mute)
                return heads.count(b"Resposta eco => b'x'") + heads.count(b"Resposta eco => b'xx")

        assert await deferToThread(clients) == 200
        await self.until(lambda: not echo.factory.connections)
        assert echo.factory.counts.accepted == 1400
        assert len(echo.factory.connections.timers) == 0
        assert echo.factory.connections.budget.used == 0
        assert len(echo.factory.connections.budget) == 0
        assert echo.factory.connections._sweep._timer is None
        assert self.flushLoggedErrors() == []

    async def test_caps_close_at_once_without_a_byte(self) -> None:
        """The third connection of a peer reads FIN."""
        echo = self.start(limits=Limits(connections_per_peer=2))
        port = self.port(echo)

        def clients() -> bytes:
            with connect(port), connect(port), connect(port) as third:
                return read_to_end(third)

        assert await deferToThread(clients) == b""
        assert echo.factory.counts.refused == {"too-many-from-peer": 1}
        await self.until(lambda: not echo.factory.connections)

    async def test_a_system_without_means_is_asked_rarely_and_recovers(self) -> None:
        """Accept fails with ENFILE for a second: below 50 attempts, then all are served."""
        echo = self.start(reply="raw")
        attempts: list[float] = []
        real_accept = Listener.accept

        def accept(listener: Listener) -> Any:
            attempts.append(time.monotonic())
            if attempts[-1] - attempts[0] < 1:
                raise OSError(23, "Too many open files in system")
            return real_accept(listener)

        self.patch(Listener, "accept", accept)
        port = self.port(echo)

        def client() -> bytes:
            with connect(port) as connection:
                connection.sendall(b"hi")
                return read_exactly(connection, 2)

        assert await deferToThread(client) == b"hi"
        failed = [at for at in attempts if at - attempts[0] < 1]
        assert 1 < len(failed) < 50

    async def test_a_port_that_rests_can_be_closed(self) -> None:
        """Its timer goes with it."""
        echo = self.start()

        def accept(_listener: Listener) -> Any:
            raise OSError(105, "No buffer space available")

        self.patch(Listener, "accept", accept)
        resting: Any = echo.ports[0]
        with await deferToThread(connect, self.port(echo)):
            await self.until(lambda: resting.socket._resting is not None)
            await self.stop(echo)


class OpenFilesTests(TestCase):
    """Fewer files than clients."""

    def test_a_cap_that_does_not_fit_is_lowered_and_said(self) -> None:
        """With 64 files, 48 connections are served, the others closed; nothing spins."""
        with twist_echo("-p0", "-rraw", prefix=["bash", "-c", 'ulimit -n 64; exec "$@"', "-"]) as (
            echo,
            started,
        ):
            assert (echo.said["files"], echo.said["room"]) == (64, 48)
            self._crowd(echo.process.pid, started[0]["port"], 48)

    def test_running_out_of_files_leaves_those_who_are_in_alive(self) -> None:
        """EMFILE itself: the limit is cut under a running service."""
        with twist_echo("-p0", "-rraw") as (echo, started):
            resource.prlimit(echo.process.pid, resource.RLIMIT_NOFILE, (64, 64))
            self._crowd(echo.process.pid, started[0]["port"], 30)

    def _crowd(self, pid: int, port: int, least: int) -> None:
        """Have 200 clients come; at least so many are served, and all when there is room again."""
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(port)) for _ in range(200)]
            served = self._served(clients[:60], least)
            assert len(served) < 60
            assert len(self._served(served, len(served))) == len(served)
            before = cpu(pid)
            time.sleep(1)  # the CPU time of one second is what is measured
            assert cpu(pid) - before < 0.5
        until(lambda: self._can_come(port))

    def _served(self, clients: list[socket.socket], least: int) -> list[socket.socket]:
        """Give those of the clients that are answered: so many, however long it takes."""
        served: list[socket.socket] = []
        with selectors.DefaultSelector() as selector:
            for client in clients:
                selector.register(client, selectors.EVENT_READ)
                with contextlib.suppress(OSError):  # closed already
                    client.sendall(b"hi")

            def enough() -> bool:
                for key, _ in selector.select(0.1):
                    client: Any = selector.unregister(key.fileobj).fileobj
                    with contextlib.suppress(OSError):
                        served.extend([client] * (read_exactly(client, 2) == b"hi"))
                return len(served) >= least

            until(enough)
        return served

    def _can_come(self, port: int) -> bool:
        with connect(port) as client:
            return self._is_served(client)

    def _is_served(self, client: socket.socket) -> bool:
        client.settimeout(0.5)  # who is not served waits, or was closed
        try:
            client.sendall(b"hi")
            return read_exactly(client, 2) == b"hi"
        except OSError:
            return False


class SignalTests(TestCase):
    """Signals under load."""

    def test_sigterm_delivers_every_reply_that_is_owed(self) -> None:
        """1,000 connections, five replies each, due within a second: 5,000, right and in order."""
        with twist_echo("-p0", "-rraw", "-d1") as (echo, started), ExitStack() as stack:
            messages = [[b"%04d %d " % (n, k) * 128 for k in range(5)] for n in range(1000)]
            clients = [stack.enter_context(connect(started[0]["port"])) for _ in range(1000)]
            for client, owed in zip(clients, messages, strict=True):
                for message in owed:
                    client.sendall(message)
            echo.process.send_signal(signal.SIGTERM)
            for client, owed in zip(clients, messages, strict=True):
                assert read_to_end(client) == b"".join(owed)
            assert echo.process.wait(timeout=30) == -signal.SIGTERM

    def test_a_service_that_was_stopped_for_two_seconds_answers_right(self) -> None:
        """SIGSTOP and SIGCONT under load: every reply in order."""
        with twist_echo("-p0", "-d0.01") as (echo, started):
            fleet = subprocess.Popen(
                [*TWISTECHO, "fleet", str(started[0]["port"]), "-c50", "-n100", "--json=-"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            time.sleep(1)  # let the load begin; whenever the stop falls, the verdict is the same
            echo.process.send_signal(signal.SIGSTOP)
            time.sleep(2)
            echo.process.send_signal(signal.SIGCONT)
            said, _ = fleet.communicate(timeout=60)
        report = Report.from_json(said)
        assert report.complete
        assert report.messages == 5000


STEPPING = """
import signal, sys, time
real, offset = time.time, 0.0
time.time = lambda: real() + offset
def step(seconds):
    def act(*_):
        global offset
        offset += seconds
    return act
signal.signal(signal.SIGUSR1, step(-3600.0))
signal.signal(signal.SIGUSR2, step(7200.0))
from twisted.application.twist._twist import Twist
Twist.main(["twist", *sys.argv[1:]])
"""


class WallClockTests(TestCase):
    """The wall clock steps back an hour, and forward two."""

    def test_no_reply_is_early_and_none_is_late(self) -> None:
        """Of those that wait already, in both directions; on a reactor that goes by that clock."""
        program = [sys.executable, "-c", STEPPING, "--reactor=default"]
        options = ("-p0", "-rraw", "-d1", "--log-payload")
        with twist_echo(*options, program=program) as (echo, started):
            for step in (signal.SIGUSR1, signal.SIGUSR2):
                with connect(started[0]["port"]) as client:
                    began = time.monotonic()
                    client.sendall(b"hi")
                    echo.until(" sent ")
                    echo.process.send_signal(step)
                    assert read_exactly(client, 2) == b"hi"
                    took = time.monotonic() - began
                # A late one would be an hour late: it would not be waited for.
                assert took >= 1.0, f"{took:.3f} s"


class SoakTests(trial.TestCase):
    """Churn: what is used does not grow."""

    timeout = 900

    async def test_churn_leaves_no_growth(self) -> None:
        """After a warm-up, memory, files and objects stay; TWISTECHO_SOAK gives the seconds."""
        seconds = float(os.environ.get("TWISTECHO_SOAK", "2"))
        with service("--delay=0.005") as echo:
            await deferToThread(self._churn, echo.port, max(3.0, seconds / 6))
            await deferToThread(until, lambda: echo.metric("connections") == 0)
            files, before = self._files(echo), memory(echo.process.pid)
            await deferToThread(self._churn, echo.port, seconds)
            await deferToThread(until, lambda: echo.metric("connections") == 0)
            growth = memory(echo.process.pid) - before
            assert growth <= 2 * MIB, f"{growth / MIB:.2f} MiB"
            await deferToThread(until, lambda: self._files(echo) <= files)
            assert echo.metric("waiting_bytes") == echo.metric("waiting_replies") == 0

    def _files(self, echo: Service) -> int:
        return len(list(Path(f"/proc/{echo.process.pid}/fd").iterdir()))

    def _churn(self, port: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with ExitStack() as stack:
                clients = [stack.enter_context(connect(port)) for _ in range(50)]
                for number, client in enumerate(clients):
                    client.sendall(b"x" * (1 + 37 * number))
                for number, client in enumerate(clients):
                    if number % 3:
                        assert read_exactly(client, 1 + 37 * number) == b"x" * (1 + 37 * number)
                    elif number % 2:
                        reset(client)
