"""Services are forked from one process that has imported all that they need."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from unittest import TestCase, mock

import psutil

from tests.support.peers import connect, read_to_end
from twistecho.testcase import EchoServerMixin
from twistecho.testing import fork_server
from twistecho.testing.servers import EchoServer, EchoServerError


def starter_of(server: EchoServer) -> int:
    """Return the id of the process that forked a service."""
    return psutil.Process(server.pid).ppid()


def stamp_of(server: EchoServer) -> str:
    """Let a service stamp a reply; return the reply."""
    with connect(server.port) as connection:
        connection.sendall(b"x")
        connection.shutdown(1)
        return read_to_end(connection).decode()


class ForkServerTests(EchoServerMixin, TestCase):
    """A forked service's environment, which comes from its test."""

    def test_all_services_come_from_one_process(self) -> None:
        """For every caller, and each with its own session."""
        servers = [self.echo_server()]
        thread = threading.Thread(target=lambda: servers.append(self.echo_server()))
        thread.start()
        thread.join()
        assert len({starter_of(server) for server in servers}) == 1
        assert len({os.getsid(server.pid) for server in servers} | {os.getsid(0)}) == 3

    def test_the_folder_and_the_variables_are_those_of_the_moment(self) -> None:
        """Also long ones; the time zone too, if the system has it."""
        here = Path.cwd()
        self.addCleanup(os.chdir, here)
        self.echo_server()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path("waits").write_text("0\n", encoding="utf-8")
            with mock.patch.dict(os.environ, TZ="XYZ+5", LONG="x" * 120_000, ALSO="y" * 120_000):
                server = self.echo_server(delay="trace:waits", reply="stamped")
                variables = psutil.Process(server.pid)
                assert Path(variables.cwd()) == Path(folder).resolve()
                there = stamp_of(server)
            with mock.patch.dict(os.environ, TZ="XYZ-5"):
                elsewhere = stamp_of(self.echo_server(delay="trace:waits", reply="stamped"))
        assert there.split()[-2] != elsewhere.split()[-2]
        os.chdir(here)

    def test_another_environment_for_python_has_a_process_of_its_own(self) -> None:
        """Python reads these variables only at its start."""
        ours = self.echo_server()
        with mock.patch.dict(os.environ, PYTHONHASHSEED="7"):
            other = self.echo_server()
        assert starter_of(ours) != starter_of(other)
        assert starter_of(ours) == starter_of(self.echo_server())

    def test_one_that_was_killed_is_replaced(self) -> None:
        """Its services end with it, and can be stopped and killed as before."""
        with mock.patch.dict(os.environ, PYTHONHASHSEED="8"):
            server = self.echo_server()
            starter = psutil.Process(starter_of(server))
            starter.kill()
            psutil.Process(server.pid).wait(10)
            server.stop()
            assert server.connections == 0
            assert stamp_of(self.echo_server()) == "x"

    def test_one_that_cannot_start_says_why(self) -> None:
        """With its output; the next start is tried again."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "json.py").write_text("raise ImportError('not this one')")
            with mock.patch.dict(os.environ, PYTHONPATH=folder):
                for _again in range(2):
                    with self.assertRaisesRegex(EchoServerError, "not this one"):
                        EchoServer()

    def test_a_service_is_killed_once(self) -> None:
        """Its id may be another process's later on."""
        starter = fork_server.fork_server()
        starter.kill(os.getpid())
        server = self.echo_server()
        starter.kill(server.pid)
        assert not psutil.pid_exists(server.pid)
        starter.kill(server.pid)
        server.kill()
        assert starter.runs

    def test_an_interrupted_request_spoils_no_other(self) -> None:
        """Otherwise the next request would read its answer."""
        with mock.patch.dict(os.environ, PYTHONHASHSEED="9"):
            starter = fork_server.fork_server()
            with mock.patch.object(fork_server.ForkServer, "_asked", side_effect=KeyboardInterrupt):
                self.assertRaises(KeyboardInterrupt, EchoServer)
            starter._process.wait(10)
            assert fork_server.fork_server() is not starter
            assert stamp_of(self.echo_server()) == "x"

    def test_a_fork_of_the_tests_has_a_process_of_its_own_and_ends_no_other(self) -> None:
        """Also if it ends like a normal program."""
        server = self.echo_server()
        program = """
import os, sys
from twistecho.testing.servers import EchoServer
first = EchoServer()
if os.fork() == 0:
    second = EchoServer()
    assert second._starter is not first._starter
    second.kill()
    sys.exit()
assert os.wait()[1] == 0
assert first._starter.runs
print(EchoServer().connections)
"""
        command = [sys.executable, "-c", program]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0\n", "")
        assert server.connections == 0
