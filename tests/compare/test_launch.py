"""Servers in processes of their own: started, measured, run against, ended."""

from contextlib import ExitStack
from unittest import TestCase

import pytest

from tests.support.designs_at_work import ask, connected
from twistecho.compare.launch import LaunchedServer, LaunchError
from twistecho.compare.meter import Meter

ECHO = ("twisted", "--log-format=text", "echo", "--port=0")


class LaunchTests(TestCase):
    """Any server, by one mechanism."""

    def test_both_kinds_of_server_are_found_by_what_they_say(self) -> None:
        """``twist echo`` and the notebook's designs; nothing listens there after the block."""
        for server in (
            LaunchedServer(*ECHO, "--reply=raw"),
            LaunchedServer("twistecho", "serve", "threaded", "--port=0", "--reply=raw"),
        ):
            with server as target:
                assert ask(target.port or 0, b"hello") == [b"hello"]
            assert server.ended_early is None
            with pytest.raises(ConnectionRefusedError):
                ask(target.port or 0, b"hello")

    def test_a_server_that_does_not_start_says_why(self) -> None:
        """What it said is the error, without its log."""
        with (
            pytest.raises(LaunchError, match="--delay: 'soon' is not a number of seconds"),
            LaunchedServer(*ECHO, "--delay=soon"),
        ):
            pass

    def test_a_server_that_says_nothing_is_an_error_too(self) -> None:
        """A module that ends at once is no server."""
        server = LaunchedServer("twistecho.fleet.plans.plan")
        with pytest.raises(LaunchError, match="without any output"), server:
            pass

    def test_an_early_end_is_told(self) -> None:
        """Killed, and by what."""
        server = LaunchedServer("twistecho", "serve", "select", "--port=0")
        with server:
            server.kill()
        assert server.ended_early == "killed by SIGKILL"

    def test_there_is_no_process_before_the_start(self) -> None:
        """Asking for it says so."""
        with pytest.raises(LaunchError, match="not started"):
            _ = LaunchedServer(*ECHO).pid


class MeterTests(TestCase):
    """What a server costs."""

    def test_a_tree_of_processes_is_counted_as_one_server(self) -> None:
        """Children's processes, threads and memory are added to their parent's."""
        server = LaunchedServer("twistecho", "serve", "forking", "--port=0", "--reply=raw")
        with server as target, ExitStack() as clients:
            alone = Meter(server.pid)
            alone.look()
            with Meter(server.pid) as meter:
                for _ in range(2):
                    client = clients.enter_context(connected(target.port or 0))
                    client.sendall(b"x")
                    assert client.recv(1) == b"x"
        assert alone.cost is not None
        assert meter.cost is not None
        assert (alone.cost.processes, meter.cost.processes) == (1, 3)
        assert meter.cost.threads == 3 * alone.cost.threads
        assert meter.cost.memory_peak > meter.cost.memory_idle > 2**20
