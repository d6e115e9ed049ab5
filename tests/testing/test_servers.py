"""The servers of fixtures: one that tests share, and others."""

import os
import signal
from unittest import TestCase, mock

import psutil

from tests.support.peers import connect, read_exactly
from twistecho import On
from twistecho.base.notation import FieldError
from twistecho.testing import process
from twistecho.testing.servers import EchoServerError, EchoServers, SharedServer


class SharedServerTests(TestCase):
    """One process for many tests, in the state of a fresh start for each."""

    def setUp(self) -> None:
        """Make one, which starts when it is used."""
        self.shared = SharedServer("--max-received=5", "--framing=line")
        self.addCleanup(self.shared.__exit__)

    def test_each_test_begins_anew_with_its_own_scenario(self) -> None:
        """In one process, whatever state the test before has left."""
        pids = set()
        with EchoServers(shared=self.shared, defaults={"banner": "hi"}) as server:
            pids.add(server.pid)
            left = connect(server.port)
            self.addCleanup(left.close)
            assert read_exactly(left, 2) == b"hi"
            server.on("x", "y\n")
            left.sendall(b"ax\n")
            assert read_exactly(left, 2) == b"y\n"
            server.set(banner="ho")
            server.reset()
            assert server.scenario.banner == b"hi"
        with EchoServers(shared=self.shared) as server:
            pids.add(server.pid)
            assert (server.connections, server.received, server.open_peers) == (0, [], [])
            scenario = server.scenario
            assert (scenario.banner, scenario.on, str(scenario.framing)) == (b"", (), "line")
            with connect(server.port) as connection:
                connection.sendall(b"z\n")
                assert read_exactly(connection, 2) == b"z\n"
            assert [each.connection for each in server.received] == [0]
        self.assertRaises(ConnectionResetError, left.recv, 1)
        assert len(pids) == 1

    def test_one_that_was_stopped_killed_or_died_is_replaced(self) -> None:
        """Also one that is stopped."""
        pids = []
        for end in ("stop", "kill", signal.SIGKILL, signal.SIGSTOP, None):
            with EchoServers(shared=self.shared) as server:
                pids.append(server.pid)
                assert server.connections == 0
                if isinstance(end, str):
                    getattr(server, end)()
                elif end is not None:
                    self.enterContext(mock.patch.object(process, "ANSWER_SECONDS", 2.0))
                    os.kill(server.pid, end)
        assert len(set(pids)) == 5
        assert [psutil.pid_exists(pid) for pid in pids] == [False] * 4 + [True]

    def test_one_that_was_stopped_and_started_goes_on(self) -> None:
        """In the test, and for the next."""
        with EchoServers(shared=self.shared, defaults={"banner": "hi"}) as server:
            server.stop()
            server.start()
            pid = server.pid
            with connect(server.port) as connection:
                assert read_exactly(connection, 2) == b"hi"
        with EchoServers(shared=self.shared) as server:
            assert server.pid == pid
            assert server.scenario.banner == b""

    def test_more_than_a_scenario_needs_a_process_of_its_own(self) -> None:
        """Which ends with the test."""
        with EchoServers(shared=self.shared) as server:
            pid = server.pid
        with EchoServers(shared=self.shared, defaults={"max_received": 1}) as server:
            own = server.pid
        assert own != pid
        assert [psutil.pid_exists(each) for each in (own, pid)] == [False, True]

    def test_what_is_wrong_spoils_no_other_test(self) -> None:
        """A field, or a name."""
        with (
            EchoServers(shared=self.shared, defaults={"delay": "x"}) as server,
            self.assertRaisesRegex(FieldError, "^delay: 'x'"),
        ):
            _ = server.port
        with self.assertRaisesRegex(TypeError, "echo_server has no option 'dealy'"):
            EchoServers(shared=self.shared, defaults={"dealy": 1})
        with EchoServers(shared=self.shared) as server:
            assert server.connections == 0

    def test_a_test_that_is_over_starts_nothing(self) -> None:
        """The end of its blocks changes nothing, and its servers cannot be used."""
        with EchoServers(shared=self.shared) as server:
            change = server.fault("reset")
        with EchoServers(shared=self.shared) as other:
            other.fault("silent")
            with change:
                pass
            with self.assertRaisesRegex(EchoServerError, "has ended"):
                _ = server.port
            assert [fault.text for fault in other.scenario.faults.faults] == ["silent"]


class OthersTests(TestCase):
    """Servers that are started by a call."""

    def test_defaults_hold_where_a_call_has_no_others(self) -> None:
        """Texts of a command line, and keywords."""
        defaults = {"banner": "hi", "on": [On("x", "y")]}
        with EchoServers("--framing=line", "--fault=reset", defaults=defaults) as servers:
            plain, other = servers(), servers(banner="ho", fault="silent")
            own = servers.scenario
            assert plain.scenario.banner == own.banner == b"hi"
            assert str(plain.scenario.framing) == str(own.framing) == "line"
            assert other.scenario.banner == b"ho"
            assert [fault.text for fault in other.scenario.faults.faults] == ["silent"]
            assert [fault.text for fault in own.faults.faults] == ["reset"]
            assert len(servers.all) == 3

    def test_none_starts_unless_it_is_used(self) -> None:
        """Reading the number of connections does not start it."""
        with EchoServers() as servers:
            assert (servers.connections, servers.all) == (0, [])
            servers.stop()
            assert servers.all == []
            connect(servers.port).close()
            connect(servers().port).close()
            assert servers.connections == 2
