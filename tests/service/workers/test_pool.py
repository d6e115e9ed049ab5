"""``twist echo --workers``: real processes, what they answer, and how they end."""

import io
import os
import shutil
import signal
import socket
import ssl
import stat
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import Any
from unittest import TestCase

import psutil
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.task import Clock
from zope.interface import implementer

from tests.service.process.test_activation import Holder, wait_for
from tests.service.process.test_notify import Manager
from tests.service.process.test_tap import TWIST, Started, fails, refused, twist_echo
from tests.support.certificates import write_certificate
from tests.support.listening import LONGEST_WAIT
from tests.support.peers import connect, read_exactly, read_to_end, unused_port
from tests.support.tcp import SYN_SENT, tcp_info
from twistecho import EchoFactory
from twistecho.service.echo.limits import shares_of
from twistecho.service.process.options import Options
from twistecho.service.process.serving import Listener
from twistecho.service.scenario.parsing import parse_faults
from twistecho.service.workers.assignment import Assignment
from twistecho.service.workers.pool import WorkersService
from twistecho.testing.servers import EchoServer, EchoServerError


class Service:
    """A service with workers: ``process`` is the one that listens."""

    def __init__(self, started: Started, listening: list[dict[str, Any]]) -> None:
        self.started = started
        self.listening = listening
        self.process = psutil.Process(started.process.pid)

    @property
    def port(self) -> int:
        """The port that it listens on first."""
        return int(self.listening[0]["port"])

    def workers(self) -> list[psutil.Process]:
        """Find the workers that run, in the order of their numbers."""
        named: dict[str, psutil.Process] = {}
        for child in self.process.children():
            with suppress(psutil.Error):  # it has just ended
                line = child.cmdline()
                if "twistecho.service.workers.worker" in line:
                    named[line[-1]] = child
        return [named[name] for name in sorted(named)]

    def connections_of(self, worker: psutil.Process) -> int:
        """Count the connections that a worker holds: sockets but for those it listens on."""
        return _sockets(worker.pid) - len(self.listening)

    def ready(self) -> None:
        """Wait until all workers accept."""
        self.started.until("workers are ready")


def until(condition: Callable[[], bool]) -> None:
    """Wait until something has come about."""
    ends = time.monotonic() + LONGEST_WAIT
    while not condition():
        assert time.monotonic() < ends, "it does not come about"
        time.sleep(0.01)


def has_ended(process: psutil.Process) -> bool:
    """Tell whether a process has ended, though nobody may have asked how."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def workers(*options: str, environ: tuple[str, ...] = ()) -> Iterator[Service]:
    """Run a service with workers; at the end it, they and what they kept are gone."""
    with tempfile.TemporaryDirectory() as folder:
        prefix = ["env", f"TMPDIR={folder}", *environ]
        with twist_echo("-p0", "-rraw", *options, prefix=prefix) as (started, listening):
            service = Service(started, listening)
            service.ready()
            processes = service.workers()
            try:
                yield service
                if started.process.poll() is None:
                    processes = service.workers()
                    started.process.terminate()
                    started.process.wait(LONGEST_WAIT)
                    assert os.listdir(folder) == []  # noqa: PTH208 - names alone
            finally:
                started.process.kill()
                started.process.wait(LONGEST_WAIT)
                for one in processes:
                    until(lambda: has_ended(one))  # noqa: B023 - called at once


def asked(port: int) -> bytes:
    """Connect, ask, and read the answer."""
    with connect(port) as one:
        one.sendall(b"x")
        return read_exactly(one, 1)


class AnswerTests(TestCase):
    """What clients see."""

    def test_fates_are_those_of_one_process(self) -> None:
        """By the order in which connections come, whichever worker accepts them."""
        texts = ["reset:0.2", "corrupt:0.3"]
        faults = parse_faults(texts, seed=7)
        options = [f"--fault={text}" for text in texts]
        met = [faults.of_message(number, 0) for number in range(300)]
        expected = [str(fault and fault.kind) for fault in met]
        with workers("--workers=3", "--seed=7", *options) as service, ExitStack() as stack:
            assert "seed 7, 3 workers of up to " in service.listening[0]["how"]
            clients = [stack.enter_context(connect(service.port)) for _ in range(300)]
            for client in clients:
                client.sendall(b"x")
            found = [fate(client) for client in clients]
            held = [service.connections_of(worker) for worker in service.workers()]
        assert found == expected
        assert set(expected) == {"None", "corrupt", "reset"}
        assert min(held) > 0

    def test_no_connect_completes(self) -> None:
        """Though a SYN is sent again; nor after a worker has died and left its own in the queue."""
        with workers("--workers=2", "--fault=unaccepted") as service:
            self.hangs(service)
            for _ in range(2):
                killed = service.workers()[0]
                killed.kill()
                service.started.until("is ready again")
            self.hangs(service)

    def hangs(self, service: Service) -> None:
        """Hold that a client's connect does not complete."""
        with socket.socket() as client:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", service.port))
            until(lambda: tcp_info(client)[1] > 0)
            assert tcp_info(client)[0] == SYN_SENT

    def test_every_way_to_listen(self) -> None:
        """Bound once each, whatever the number of workers: IPv4, IPv6, both, Unix, TLS."""
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = write_certificate(folder)
            context = ssl.create_default_context(cafile=certificate)
            path = f"{folder}/s"
            ports = (r"tcp6:0:interface=\:\:1", "tcp6:0", f"unix:{path}")
            tls = f"ssl:0:interface=127.0.0.1:certKey={certificate}:privateKey={key}"
            with workers("--workers=2", *(f"-p{port}" for port in (*ports, tls))) as service:
                assert stat.S_IMODE(Path(path).stat().st_mode) == 0o660
                v4, v6, both, _, secure = (event["port"] for event in service.listening)
                for _ in range(4):
                    assert asked(v4) == asked(both) == b"x"
                    for address in (("::1", v6), ("::1", both), path):
                        assert ask(address) == b"x"
                    with (
                        connect(secure) as plain,
                        context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
                    ):
                        client.sendall(b"x")
                        assert client.recv(1) == b"x"
            assert not Path(path).exists()
            for port in (v4, both, secure):
                socket.create_server(("127.0.0.1", port)).close()

    def test_the_bounds_are_divided(self) -> None:
        """Together the workers hold as many connections as the service may, and no more."""
        with workers("--workers=2", "--max-connections=7") as service, ExitStack() as stack:
            assert "2 workers of up to 4 connections, 67108864 w" in service.listening[0]["how"]
            clients = [stack.enter_context(connect(service.port)) for _ in range(9)]
            for client in clients:
                client.sendall(b"x")
            answers = [received(client) for client in clients]
            assert answers.count(b"x") == 7
            held = [service.connections_of(worker) for worker in service.workers()]
            assert held == [4, 3]

    def test_workers_run_on_the_reactor_that_was_chosen(self) -> None:
        """Select has no epoll descriptor; eager, the default, has."""
        program = [*TWIST[:-2], "--reactor=select"]
        kinds = {}
        for name, command in {"select": program, "eager": TWIST[:-2]}.items():
            with twist_echo("-p0", "--workers=1", program=command) as (started, listening):
                assert listening[0]["reactor"] == name
                service = Service(started, listening)
                service.ready()
                (worker,) = service.workers()
                kinds[name] = _descriptors(worker.pid)
                started.process.terminate()
                started.process.wait(LONGEST_WAIT)
        assert "anon_inode:[eventpoll]" in kinds["eager"]
        assert "anon_inode:[eventpoll]" not in kinds["select"]


def fate(client: socket.socket) -> str:
    """Say what became of a message."""
    try:
        return {b"x": "None", b"": "closed"}.get(client.recv(1), "corrupt")
    except ConnectionResetError:
        return "reset"


def _descriptors(pid: int) -> list[str]:
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since the folder was listed
            found.append(str(descriptor.readlink()))
    return found


def _sockets(pid: int) -> int:
    return sum(name.startswith("socket:") for name in _descriptors(pid))


def ask(address: Any) -> bytes:
    """Ask at an address of IPv6, or at a Unix socket."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6
    with socket.socket(family) as one:
        one.settimeout(LONGEST_WAIT)
        one.connect(address)
        one.sendall(b"x")
        return one.recv(1)


def answer(client: socket.socket) -> bytes:
    """Ask, and give what came, or nothing where the connection was ended."""
    with suppress(OSError):
        client.sendall(b"x")
        return client.recv(1)
    return b""


def received(client: socket.socket) -> bytes:
    """Give what came, or nothing where the connection was ended."""
    try:
        return client.recv(1)
    except ConnectionResetError:
        return b""


def totals(port: int) -> dict[str, float]:
    """Scrape the metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LONGEST_WAIT) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.removeprefix("twistecho_"): float(value) for name, value in pairs}


class DeathTests(TestCase):
    """Workers that die, and the end of all."""

    def test_a_worker_that_is_killed(self) -> None:
        """Its connections end and no other; who comes is answered; totals do not fall."""
        metrics = unused_port()
        with workers("--workers=2", f"--metrics={metrics}") as service, ExitStack() as stack:
            clients = [stack.enter_context(connect(service.port)) for _ in range(40)]
            assert [answer(client) for client in clients] == [b"x"] * 40
            until(lambda: totals(metrics)["messages_total"] == 40)
            victim, _ = service.workers()
            held = service.connections_of(victim)
            victim.kill()
            until(lambda: has_ended(victim))
            assert asked(service.port) == b"x"
            answers = [answer(client) for client in clients]
            assert 0 < held < 40
            assert (answers.count(b""), answers.count(b"x")) == (held, 40 - held)
            ended = service.started.until("has ended")
            assert (ended["worker"], ended["how"]) == ("0", "killed by SIGKILL")
            service.started.until("is ready again")
            until(lambda: totals(metrics)["messages_total"] == 40 + 1 + 40 - held)
            found = totals(metrics)
            assert (found["workers"], found["worker_restarts_total"]) == (2, 1)

    def test_the_folder_of_the_metrics_is_removed(self) -> None:
        """One line in place of a count; the workers serve on, also those that are started then."""
        metrics = unused_port()
        with tempfile.TemporaryDirectory() as folder:
            options = ("--workers=1", f"--metrics={metrics}")
            with workers(*options, environ=(f"TMPDIR={folder}",)) as service:
                assert asked(service.port) == b"x"
                (removed,) = Path(folder).iterdir()
                shutil.rmtree(removed)
                service.workers()[0].kill()
                said = service.started.until("The metrics of this worker are no longer updated")
                assert "log_failure" not in said
                assert asked(service.port) == b"x"
                assert totals(metrics)["workers"] == 1

    def test_who_waits_to_be_accepted_when_a_worker_dies(self) -> None:
        """Is accepted by another: nobody is reset."""
        with workers("--workers=2") as service, ExitStack() as stack:
            first, second = service.workers()
            first.suspend()
            second.suspend()
            clients = [stack.enter_context(connect(service.port)) for _ in range(20)]
            for client in clients:
                client.sendall(b"x")
            first.kill()
            second.resume()
            assert [received(client) for client in clients] == [b"x"] * 20

    def test_who_waits_to_be_accepted_when_the_service_stops(self) -> None:
        """Is accepted and answered: the first process closes the port, and leaves the socket."""
        with workers("--workers=2") as service, ExitStack() as stack:
            found = service.workers()
            for worker in found:
                worker.suspend()
            clients = [stack.enter_context(connect(service.port)) for _ in range(40)]
            for client in clients:
                client.sendall(b"x")
            before = _sockets(service.process.pid)
            service.process.terminate()
            until(lambda: _sockets(service.process.pid) < before)
            for worker in found:
                worker.resume()
            assert [received(client) for client in clients] == [b"x"] * 40

    def test_a_signal_to_all_of_them(self) -> None:
        """As systemd sends it: every worker delivers what it owes, and the port is free."""
        with workers("--workers=2", "-d1") as service, ExitStack() as stack:
            clients = [stack.enter_context(connect(service.port)) for _ in range(20)]
            for client in clients:
                client.sendall(b"x")
            everyone = [*service.workers(), service.process]
            for process in everyone:
                process.terminate()
            assert [read_to_end(client) for client in clients] == [b"x"] * 20
            assert service.started.process.wait(LONGEST_WAIT) == -signal.SIGTERM
            socket.create_server(("127.0.0.1", service.port)).close()

    def test_the_drain_time_and_a_second_signal(self) -> None:
        """Either ends what is owed, with a reset."""
        for drain, signals in (("0.2", 1), ("1000", 2)):
            with (
                workers("--workers=2", "-d900", f"--drain={drain}") as service,
                connect(service.port) as client,
            ):
                client.sendall(b"x")
                until(lambda: sum(map(service.connections_of, service.workers())) == 1)
                service.process.terminate()
                service.started.until("Stopping")
                if signals == 2:
                    service.process.terminate()
                assert fate(client) == "reset"
                assert service.started.process.wait(LONGEST_WAIT) == -signal.SIGTERM
                out, err = service.started.process.communicate()
                assert "Traceback" not in out + err

    def test_none_is_left_when_the_first_process_is_killed(self) -> None:
        """Nothing of it can tell them, and one is stuck."""
        with workers("--workers=2") as service:
            service.workers()[0].suspend()
            service.started.close()


class ManagerTests(TestCase):
    """What systemd passes and is told."""

    def test_a_socket_of_systemds(self) -> None:
        """All workers accept on it, and it stays when they have gone."""
        listener = socket.create_server(("127.0.0.1", 0))
        with listener:
            holder = Holder(listener, "INET")
            with holder.service("-rraw", "--workers=2") as process, holder.connect() as client:
                client.sendall(b"x")
                wait_for(process, "workers are ready")
                assert client.recv(1) == b"x"
                found = psutil.Process(process.pid).children()
                process.terminate()
                process.wait(LONGEST_WAIT)
                until(lambda: all(map(has_ended, found)))
            holder.connect().close()

    def test_ready_alive_stopping(self) -> None:
        """Ready when all are; a worker that sends no heartbeats is replaced."""
        with tempfile.TemporaryDirectory() as folder:
            manager = Manager(f"{folder}/notify")
            environ = (f"NOTIFY_SOCKET={folder}/notify", "WATCHDOG_USEC=2000000")
            with manager.socket, workers("--workers=2", environ=environ) as service:
                assert manager.next() == "READY=1"
                assert manager.next() == "WATCHDOG=1"
                stuck, _ = service.workers()
                stuck.suspend()
                assert service.started.until("sends no heartbeats")["worker"] == "0"
                until(lambda: len(service.workers()) == 2 and stuck not in service.workers())
                service.process.terminate()
                while (told := manager.next()) == "WATCHDOG=1":
                    pass
                assert told == "STOPPING=1"


@implementer(IListeningPort)
class PortElsewhere:
    """A port that is not a socket of this process."""

    def startListening(self) -> None:
        """Do nothing."""

    def stopListening(self) -> None:
        """Do nothing."""

    def getHost(self) -> IPv4Address:
        """Give some address."""
        return IPv4Address("TCP", "127.0.0.1", 5000)


@implementer(IStreamServerEndpoint)
class EndpointElsewhere:
    """Listens elsewhere."""

    def listen(self, protocolFactory: object) -> Deferred[IListeningPort]:  # noqa: ARG002 - nobody connects
        """Give a port."""
        return succeed(PortElsewhere())


class OptionsTests(TestCase):
    """What cannot be."""

    def test_a_port_that_is_no_socket_of_ours_is_one_line(self) -> None:
        """There is nothing to inherit."""
        options = Options()
        options.parseOptions(["--workers=2"])
        factory = EchoFactory(Clock())
        shares = tuple(shares_of(options["limits"], 2))
        told = Assignment(dict(options), ("elsewhere:",), shares, "default", "info")
        listener = Listener(EndpointElsewhere(), factory, "--port elsewhere:")
        service = WorkersService(Clock(), factory, [listener], told)
        self.addCleanup(service._board_file.close)
        service.privilegedStartService()
        said = io.StringIO()
        with self.assertRaises(SystemExit) as ended, redirect_stderr(said):
            service._shared_sockets()
        assert ended.exception.code == 2
        assert said.getvalue().startswith("twist echo: --workers: a port that is not a socket")
        assert said.getvalue().count("\n") == 1

    def test_a_service_of_a_test_has_none(self) -> None:
        """It is asked what it has counted, and one process answers."""
        with self.assertRaisesRegex(EchoServerError, "--workers: "):
            EchoServer(workers=2)  # type: ignore[call-arg]

    def test_bad_values_are_one_line(self) -> None:
        """Exit code 2, and 1 where the port is taken."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            busy = str(other.getsockname()[1])
            for arguments, code, words in (
                (("--workers=0",), 2, "--workers: '0' is neither auto nor a number from 1 to 256"),
                (
                    ("--workers=2", "--max-connections=1"),
                    2,
                    "--max-connections: 1 cannot be divided among 2 workers",
                ),
                (
                    ("--workers=2", "-p", busy),
                    1,
                    (
                        f"--port {busy}: cannot listen: Address already in use; "
                        "choose another port, or 0 for a free one"
                    ),
                ),
            ):
                with self.subTest(arguments=arguments):
                    command = fails if code == 1 else refused
                    assert command(*arguments) == (code, f"twist echo: {words}\n")
