"""The pytest fixtures: the documentation's examples, and that no process is left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import SkipTest, TestCase, mock

from tests.support import DOCS
from tests.support.peers import connect, read_exactly
from twistecho.testcase import EchoServerMixin
from twistecho.testing.servers import EchoServer, EchoServerError, EchoServers, arguments_of

FAULTS = DOCS / "faults.md"


def examples() -> list[str]:
    """Return the documentation's examples that are tests."""
    found = re.findall(r"```python\n(.*?)```", FAULTS.read_text(encoding="utf-8"), re.DOTALL)
    return [text for text in found if "def test_" in text]


def run_tests(folder: str, text: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a file of tests with pytest, or the given options, in a process of its own."""
    (Path(folder) / "test_example.py").write_text(text, encoding="utf-8")
    return start_python(folder, *(options or PYTEST))


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "twistecho.pytest_plugin")
"""Of all plugins that are installed, most of which take a second to import, loads only ours."""


def start_python(folder: str, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a folder, to its end; pytest loads only the plugins that are named."""
    alone = {} if command == BY_ENTRY_POINT else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **alone},
    )


BY_ENTRY_POINT = ("-m", "pytest", "-q", "-p", "no:cacheprovider")


def listens(port: int) -> bool:
    """Return whether a process listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def until_gone(port: int) -> None:
    """Wait until no process listens on a port any more."""
    give_up = time.monotonic() + 20
    while listens(port):
        assert time.monotonic() < give_up, "it is still there"
        time.sleep(0.02)


class ExampleTests(TestCase):
    """The documentation's examples."""

    def test_pytest_finds_the_plugin(self) -> None:
        """By its entry point, among all that are installed; tests/docs runs the other examples."""
        with tempfile.TemporaryDirectory() as folder:
            ended = run_tests(folder, examples()[0], *BY_ENTRY_POINT)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "2 passed" in ended.stdout, ended.stdout

    def test_the_mixin_works_under_trial(self) -> None:
        """The last example, as trial runs it."""
        with tempfile.TemporaryDirectory() as folder:
            ended = run_tests(folder, examples()[-1], "-m", "twisted.trial", "test_example")
            assert "PASSED (successes=2)" in ended.stdout, ended.stdout + ended.stderr


KEPT = """
import os, pathlib, signal, pytest

@pytest.fixture(scope="module")
def server(echo_server_module):
    return echo_server_module(delay=1000)

def test_one(server, echo_server, echo_server_class, echo_server_session):
    ports = [server.port, echo_server().port, echo_server_class().port, echo_server_session().port]
    pathlib.Path("ports").write_text(" ".join(map(str, ports)))
    END

def test_two(server):
    assert server.connections == 0
"""


class LeftoverTests(TestCase):
    """No service outlives its tests."""

    def end_with(self, end: str) -> None:
        """Let tests end in this way, and check that their services end."""
        with tempfile.TemporaryDirectory() as folder:
            run_tests(folder, KEPT.replace("END", end))
            ports = [int(port) for port in (Path(folder) / "ports").read_text().split()]
        assert len(set(ports)) == 4
        for port in ports:
            until_gone(port)

    def test_after_a_test_that_passes(self) -> None:
        """Each ends with its scope."""
        self.end_with("pass")

    def test_after_a_test_that_fails(self) -> None:
        """The fixtures end them all the same."""
        self.end_with("assert False")

    def test_after_an_interrupt(self) -> None:
        """Ctrl-C."""
        self.end_with("os.kill(os.getpid(), signal.SIGINT)")

    def test_after_the_tests_were_killed(self) -> None:
        """Nothing could clean up: the services notice by themselves."""
        self.end_with("os.kill(os.getpid(), signal.SIGKILL)")

    def test_after_the_tests_were_killed_and_a_fork_of_them_lives(self) -> None:
        """It keeps all files of the tests open: only the end of their process is a sign."""
        end = """child = os.fork()
    if not child:
        os.closerange(0, 3)
        signal.alarm(60)
        signal.pause()
    pathlib.Path("child").write_text(str(child))
    os.kill(os.getpid(), signal.SIGKILL)"""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_example.py").write_text(KEPT.replace("END", end), encoding="utf-8")
            with mock.patch.dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"):
                command = [sys.executable, *PYTEST]
                subprocess.run(
                    command, cwd=folder, stdout=subprocess.DEVNULL, timeout=60, check=False
                )
            ports = [int(port) for port in Path(folder, "ports").read_text().split()]
            child = int(Path(folder, "child").read_text())
        self.addCleanup(os.kill, child, signal.SIGKILL)
        for port in ports:
            until_gone(port)
        os.kill(child, 0)

    def test_under_xdist(self) -> None:
        """Each worker has services of its own."""
        with tempfile.TemporaryDirectory() as folder:
            if find_spec("xdist") is None:
                raise SkipTest("pytest-xdist is not installed")
            command = (*PYTEST, "-p", "xdist", "-n2")
            ended = run_tests(folder, KEPT.replace("END", "pass"), *command)
            assert "2 passed" in ended.stdout, ended.stdout + ended.stderr


class EchoServerTests(EchoServerMixin, TestCase):
    """A service in a process of its own."""

    def test_options_are_those_of_the_command(self) -> None:
        """Names, several values, flags."""
        options: dict[str, Any] = {
            "delay_per": "reply",
            "fault": ["a", "b"],
            "in_band": True,
            "seed": None,
        }
        expected = ["--delay-per=reply", "--fault=a", "--fault=b", "--in-band"]
        assert arguments_of(options) == expected
        assert arguments_of({"in_band": False}) == []

    def test_counts_connections_and_faults(self) -> None:
        """Also connections that are accepted only at the request."""
        server = self.echo_server(fault="extra,connection=1", seed=7)
        for came in (b"x", b"x!"):
            with connect(server.port) as connection:
                connection.sendall(b"x")
                assert read_exactly(connection, len(came)) == came
                assert server.open_connections == 1
            while server.open_connections:
                time.sleep(0.01)
        assert (server.connections, server.faults) == (2, {"extra": 1})
        assert server.how == "raw replies, no delay, faults extra,connection=1, seed 7"

    def test_stop_delivers_what_is_owed(self) -> None:
        """The last status stays available."""
        server = self.echo_server(delay=0.3)
        with connect(server.port) as connection:
            connection.sendall(b"owed")
            assert server.connections == 1
            server.stop()
            assert read_exactly(connection, 10) == b"owed"
        assert server.connections == 1
        assert not listens(server.port)
        server.stop()

    def test_the_port_that_was_asked_for_is_told(self) -> None:
        """The first of TCP, and a free one where only a Unix socket was asked for."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with tempfile.TemporaryDirectory() as folder:
            unix = f"unix:{folder}/echo.sock"
            assert self.echo_server(port=port).port == port
            for ports in (unix, [unix, "0"]):
                server = self.echo_server(port=ports)
                assert listens(server.port)
                server.kill()

    def test_its_status_can_be_asked_for_while_it_stops_and_afterwards(self) -> None:
        """By another thread, all the time; the last answer is the last status."""
        server = self.echo_server(delay=0.3)
        with connect(server.port) as connection:
            connection.sendall(b"owed")
            assert server.open_connections == 1
            stopping = threading.Thread(target=server.stop)
            stopping.start()
            while stopping.is_alive():
                assert server.connections == 1
            assert read_exactly(connection, 4) == b"owed"
        assert (server.connections, server.open_connections) == (1, 0)

    def test_what_else_is_printed_in_its_process_breaks_nothing(self) -> None:
        """It is part of the service's output if that does not start."""
        with tempfile.TemporaryDirectory() as folder:
            text = "import atexit\nprint('hi')\natexit.register(print, 'hello')\n"
            Path(folder, "sitecustomize.py").write_text(text, encoding="utf-8")
            with mock.patch.dict(os.environ, PYTHONPATH=folder):
                server = self.echo_server()
                assert server.connections == 0
                with self.assertRaisesRegex(EchoServerError, "hello"):
                    EchoServer(fault="x")

    def test_kill_resets_or_closes_at_once(self) -> None:
        """Even with pending replies."""
        server = self.echo_server(delay=1000)
        with connect(server.port) as connection:
            connection.sendall(b"lost")
            assert server.connections == 1
            server.kill()
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        assert server.connections == 1

    def test_what_cannot_start_says_why(self) -> None:
        """With the service's output."""
        with self.assertRaisesRegex(EchoServerError, "--fault: 'x' is not one of refuse"):
            EchoServer(fault="x")

    def test_a_server_that_died_keeps_its_last_status(self) -> None:
        """Killed from outside: it can still be read."""
        server = self.echo_server()
        os.kill(server.pid, signal.SIGKILL)
        until_gone(server.port)
        assert server.connections == 0

    def test_all_servers_of_a_fixture_are_one(self) -> None:
        """Counted, stopped and killed together."""
        with EchoServers() as servers:
            ports = [servers().port, servers().port]
            for port in ports:
                connect(port).close()
            assert servers.connections == 2
            servers.stop()
            assert not any(map(listens, ports))


SHARED = """
import os, pathlib, socket, pytest
from twistecho import Scenario

def ask(server, message, size):
    with socket.create_connection(server.address, timeout=20) as connection:
        connection.sendall(message)
        return connection.recv(size)

def note(server):
    with pathlib.Path("pids").open("a") as file:
        file.write(f"{server.pid}\\n")

def test_one(echo_server):
    note(echo_server)
    echo_server.set(banner="hi")
    assert ask(echo_server, b"x", 2) == b"hi"
    other = echo_server(faults="silent")
    assert other.pid != echo_server.pid
    assert echo_server.connections == 1

def test_two(echo_server):
    note(echo_server)
    assert (echo_server.connections, echo_server.received) == (0, [])
    assert ask(echo_server, b"x", 2) == b"x"
    echo_server.assert_received(b"x", times=1)
    assert echo_server.scenario == Scenario(reply="raw", seed=echo_server.scenario.seed)
    echo_server.kill()

def test_three(echo_server):
    note(echo_server)
    assert ask(echo_server, b"x", 2) == b"x"

@pytest.fixture(scope="module")
def tuned(echo_server_module):
    echo_server_module.set(banner="ho")
    return echo_server_module

def test_module_begins(tuned, echo_server_session):
    assert ask(tuned, b"x", 2) == b"ho"
    assert tuned.pid != echo_server_session.pid

def test_module_stays_as_it_is(tuned, echo_server):
    assert ask(tuned, b"x", 2) == b"ho"
    assert tuned.connections == 2
    assert echo_server.connections == 0
"""

EVERYWHERE = """
import os, pathlib, pytest, socket

@pytest.mark.parametrize("number", range(8))
def test_fresh(echo_server, number):
    worker = os.environ["PYTEST_XDIST_WORKER"]
    with pathlib.Path(worker).open("a") as file:
        file.write(f"{echo_server.pid}\\n")
    assert echo_server.connections == 0
    with socket.create_connection(echo_server.address, timeout=20) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
"""

MARKED = """
import socket, pytest

pytestmark = pytest.mark.echo_server(banner="module", framing="line")

def greeting(server):
    with socket.create_connection(server.address, timeout=20) as connection:
        return connection.recv(10)

def test_module(echo_server):
    assert greeting(echo_server) == b"module"
    echo_server.set(banner="other")
    echo_server.reset()
    assert greeting(echo_server()) == greeting(echo_server) == b"module"

class TestClass:
    pytestmark = pytest.mark.echo_server(banner="class")

    @pytest.mark.echo_server(banner="test", max_received=1)
    def test_closest(self, echo_server):
        assert greeting(echo_server) == b"test"
        assert str(echo_server.scenario.framing) == "line"

    def test_class(self, echo_server, echo_server_class, echo_server_module):
        assert greeting(echo_server) == greeting(echo_server_class) == b"class"
        assert greeting(echo_server(banner="call")) == b"call"
        assert greeting(echo_server_module) == b"module"
"""

WRONG = """
import pytest

@pytest.mark.echo_server(farming="line")
def test_misspelt(echo_server):
    pass

@pytest.mark.echo_server(framing="lines")
def test_wrong(echo_server):
    echo_server.port

@pytest.mark.echo_server("line")
def test_positional(echo_server):
    pass
"""

CONFIGURED = """
import socket

def test_ini(echo_server, echo_server_session):
    for server in (echo_server, echo_server(), echo_server_session):
        with socket.create_connection(server.address, timeout=20) as connection:
            assert connection.recv(100) == b"220 ready\\r\\n"
            assert server.scenario.framing.kind == "line"
"""

FAILING = """
import socket, unittest
from twistecho.testcase import EchoServerMixin

def talk(server, count=1):
    with socket.create_connection(server.address, timeout=20) as connection:
        for at in range(count):
            connection.sendall(b"%d\\xff\\r\\n" % at)
            connection.recv(100)

def test_shared(echo_server, echo_server_module):
    talk(echo_server, 60)
    talk(echo_server(banner="other"))
    assert False

def test_dead(echo_server):
    talk(echo_server)
    echo_server.kill()
    assert False

def test_unused(echo_server):
    assert False

class Tests(EchoServerMixin, unittest.TestCase):
    def test_mixin(self):
        talk(self.echo_server(seed=3, faults="reset:0.00001"))
        self.fail()
"""

IN_ASYNC_TESTS = """
import asyncio, pytest

@pytest.mark.anyio
async def test_asyncio(echo_server):
    reader, writer = await asyncio.open_connection(*echo_server.address)
    with echo_server.on("^x", "y"):
        writer.write(b"x")
        assert await reader.readexactly(1) == b"y"
    writer.write(b"z")
    assert await asyncio.to_thread(echo_server.wait_for, 2, 20) == [b"x", b"z"]
    assert await reader.readexactly(1) == b"z"
    writer.close()
    await writer.wait_closed()
"""

IN_TWISTED_TESTS = """
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.threads import deferToThread

async def connect(server):
    endpoint = clientFromString(reactor, f"tcp:{server.host}:{server.port}")
    return await connectProtocol(endpoint, Protocol())

@ensureDeferred
async def test_process(echo_server):
    protocol = await connect(echo_server)
    with echo_server.delay("1ms"):
        protocol.transport.write(b"x")
        assert await deferToThread(echo_server.wait_for, 1, 20) == [b"x"]
    protocol.transport.abortConnection()

@ensureDeferred
async def test_in_process(echo_in_process):
    server = echo_in_process(framing="line")
    protocol = await connect(server)
    with server.fault("close", limit=1):
        protocol.transport.write(b"x\\n")
        assert await server.wait_for(1, 20) == [b"x\\n"]
    assert server.faults_met == {"close": 1}
    port = server.port
    await server.stop()
    server.start()
    assert server.port == port
    protocol = await connect(server)
    protocol.transport.write(b"y\\n")
    assert (await server.wait_for(2, 20))[1] == b"y\\n"
    assert server.open_peers == [("127.0.0.1", protocol.transport.getHost().port)]
    protocol.transport.abortConnection()

@ensureDeferred
async def test_failing(echo_in_process):
    server = echo_in_process()
    protocol = await connect(server)
    protocol.transport.write(b"x")
    await server.wait_for(1, 20)
    protocol.transport.abortConnection()
    assert False
"""


class SharedServerTests(TestCase):
    """The fixture is a server of one process for all tests, reset for each."""

    def run_in_folder(self, text: str, *options: str, ini: str = "") -> str:
        """Run a file of tests; return pytest's output."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        Path(folder, "pytest.ini").write_text(f"[pytest]\n{ini}", encoding="utf-8")
        self.folder = Path(folder)
        ended = run_tests(folder, text, *PYTEST, "--strict-markers", *options)
        return ended.stdout + ended.stderr

    def test_each_test_finds_it_fresh(self) -> None:
        """In one process, unless a test has killed it; wider fixtures stay as they are."""
        assert "5 passed" in (said := self.run_in_folder(SHARED)), said
        one, two, three = (self.folder / "pids").read_text().split()
        assert one == two != three

    def test_each_worker_of_xdist_has_its_own(self) -> None:
        """And no test has that of another."""
        if find_spec("xdist") is None:
            raise SkipTest("pytest-xdist is not installed")
        said = self.run_in_folder(EVERYWHERE, "-p", "xdist", "-n2")
        assert "8 passed" in said, said
        pids = [set(file.read_text().split()) for file in self.folder.glob("gw*")]
        assert [len(of_worker) for of_worker in pids] == [1, 1]
        assert pids[0] != pids[1]

    def test_markers_give_defaults(self) -> None:
        """The closest one takes precedence."""
        assert "3 passed" in (said := self.run_in_folder(MARKED)), said

    def test_wrong_markers_are_one_clear_line(self) -> None:
        """Which names what is wrong."""
        said = self.run_in_folder(WRONG)
        assert "1 failed, 2 errors" in said, said
        for line in (
            "TypeError: echo_server has no option 'farming': did you mean framing?",
            "FieldError: framing: 'lines' is not one of read, line, delimiter, length, fixed",
            "the marker echo_server takes options by their names only",
        ):
            assert line in said

    def test_an_ini_option_gives_defaults(self) -> None:
        """As on the command line of the service, escapes too; what is wrong is named."""
        ini = "echo_server_options = --framing line --banner '220 ready\\r\\n'"
        assert "1 passed" in (said := self.run_in_folder(CONFIGURED, ini=ini)), said
        said = self.run_in_folder(CONFIGURED, ini="echo_server_options = --farming line")
        assert "EchoServerError: twist echo: option --farming not recognized" in said

    def test_a_failing_test_shows_what_was_received(self) -> None:
        """Of each server that it used, bounded and escaped; of a unittest's too."""
        said = self.run_in_folder(FAILING)
        assert "4 failed" in said
        sections = said.split("- echo_server received -")[1:]
        assert len(sections) == 4, said
        first, other, dead, mixin = (part.splitlines()[1:] for part in sections)
        assert re.fullmatch(r"127.0.0.1:\d+, raw replies, no delay", first[0])
        assert first[1] == "10 earlier messages are not shown"
        assert first[51] == r"connection 0, message 59: b'59\xff\r\n'"
        assert "a banner" in other[0]
        assert other[1] == r"connection 0, message 0: b'0\xff\r\n'"
        assert dead[1] == r"connection 0, message 0: b'0\xff\r\n'"
        assert mixin[0].endswith("raw replies, no delay, faults reset:0.00001, seed 3")
        assert mixin[1] == r"connection 0, message 0: b'0\xff\r\n'"

    def test_in_a_coroutine_of_asyncio(self) -> None:
        """Its loop is not the service's."""
        if find_spec("anyio") is None:
            raise SkipTest("anyio is not installed")
        said = self.run_in_folder(IN_ASYNC_TESTS, "-p", "anyio.pytest_plugin", "-k", "asyncio")
        assert "passed" in said, said
        assert "failed" not in said, said

    def test_in_a_coroutine_of_twisted(self) -> None:
        """In a process of its own, and on the same reactor."""
        said = self.run_in_folder(IN_TWISTED_TESTS, "-p", "pytest_twisted")
        assert "1 failed, 2 passed" in said, said
        assert "- echo_in_process received -" in said
        assert "connection 0, message 0: b'x'" in said
