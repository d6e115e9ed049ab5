"""A server in a process of its own, steered by a test on real sockets."""

import asyncio
import gc
import json
import os
import re
import signal
import socket
import tempfile
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from unittest import TestCase

import psutil

from tests.support.peers import connect, read_exactly, read_to_end
from twistecho import EchoServer, On, Scenario
from twistecho.base.notation import FieldError
from twistecho.testcase import EchoServerMixin
from twistecho.testing.server import STOOD_STILL
from twistecho.testing.verbs import EchoServerError


def ask(connection: socket.socket, message: bytes, size: int) -> bytes:
    """Send a message and read ``size`` bytes."""
    connection.sendall(message)
    return read_exactly(connection, size)


class SteeredTests(EchoServerMixin, TestCase):
    """Changes apply once the call has returned."""

    def test_a_change_counts_at_once_on_open_connections(self) -> None:
        """Earlier messages have the earlier scenario, even if their replies were not read yet."""
        server = self.echo_server()
        with connect(server.port) as connection:
            for at in range(20):
                connection.sendall(b"a")
                with server.on(b"", b"%d;" % at):
                    expected = b"a%d;" % at
                    assert ask(connection, b"b", len(expected)) == expected
            with server.fault("reset"), self.assertRaises(ConnectionResetError):
                ask(connection, b"c", 1)
        assert server.faults_met == server.faults == {"reset": 1}
        with connect(server.port) as connection:
            assert ask(connection, b"d", 1) == b"d"

    def test_two_resets_then_it_works(self) -> None:
        """Over all connections."""
        server = self.echo_server()
        with server.fault("reset", limit=2):
            for _ in range(2):
                with connect(server.port) as connection, self.assertRaises(ConnectionResetError):
                    ask(connection, b"GET", 1)
            with connect(server.port) as connection:
                assert ask(connection, b"GET", 3) == b"GET"
        server.assert_received(b"GET", times=3)
        with self.assertRaisesRegex(AssertionError, "b'GET' was received 3 times, not once"):
            server.assert_received("GET", times=1)
        server.assert_received(re.compile(rb"^G"))

    def test_no_connect_completes(self) -> None:
        """From the return of the call until the end of its block, with other requests between."""
        server = self.echo_server()
        with server.fault("unaccepted"):
            for _ in range(3):
                with self.assertRaises(TimeoutError):
                    socket.create_connection(server.address, timeout=0.1)
                assert server.connections == 0
        with connect(server.port) as connection:
            assert ask(connection, b"x", 1) == b"x"

    def test_what_was_sent_is_received(self) -> None:
        """Without waiting for a reply; the peers, and the open connections."""
        server = self.echo_server()
        with connect(server.port) as one, connect(server.port) as other:
            other.sendall(b"b")
            one.sendall(b"a" * 100_000)
            assert server.data(1) == b"b"
            assert server.data(0) == b"a" * 100_000
            assert server.open_peers == [one.getsockname(), other.getsockname()]
            assert server.wait_for(2)[0] in (b"b", b"a" * 1024)
        while server.open_peers:
            pass
        assert server.connections == 2

    def test_any_bytes_go_both_ways(self) -> None:
        """To the scenario and from the record."""
        server = self.echo_server(banner=b"\xff\r\n")
        with connect(server.port) as connection:
            assert read_exactly(connection, 3) == b"\xff\r\n"
            server.on(b"^\xfe$", b"\x00\xfd")
            assert ask(connection, b"\xfe", 2) == b"\x00\xfd"
        assert server.received == [b"\xfe"]

    def test_a_scenario_is_read_and_put(self) -> None:
        """It is a value, which can be given at the start too, or as a file."""
        scenario = Scenario(framing="line", on=[On("^a", b"b\n")], reply="raw", seed=3)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "line.json")
            file.write_text(json.dumps({"framing": "line", "reply": "prefixed", "seed": 3}))
            named = self.echo_server(scenario=file, on=[On("^a", b"b\n")])
        assert named.scenario == scenario.replace(reply="prefixed")
        server = self.echo_server(scenario=scenario, reply="prefixed")
        assert server.scenario == named.scenario
        server.scenario = server.scenario.replace(reply="raw")
        assert server.scenario == scenario
        with connect(server.port) as connection:
            assert ask(connection, b"x\nay\n", 4) == b"x\nb\n"
        server.reset()
        assert server.scenario == named.scenario

    def test_options_may_be_texts_of_a_command_line(self) -> None:
        """Keywords take precedence."""
        server = self.echo_server("--framing", "line", r"--banner=hi\n", banner_delay=0.01)
        scenario = server.scenario
        assert (str(scenario.framing), scenario.banner, str(scenario.reply)) == (
            "line", b"hi\n", "raw",
        )  # fmt: skip
        assert self.echo_server("--framing=line", framing="fixed:3").scenario.framing.size == 3

    def test_a_trace_is_read(self) -> None:
        """From the current folder, at the start and later."""
        with tempfile.TemporaryDirectory() as folder:
            here = Path.cwd()
            self.addCleanup(os.chdir, here)
            os.chdir(folder)
            Path("waits").write_text("1ms\n")
            first = self.echo_server(delay="trace:waits")
            os.chdir(here)
            Path(folder, "waits").write_text("2ms\n")
            assert first.scenario.delay.longest in (0.001, 0.002)
            os.chdir(folder)
            server = self.echo_server()
            server.delay("trace:waits")
            assert server.scenario.delay.longest == 0.002
            with self.assertRaisesRegex(FieldError, "^delay: .*/no: No such file"):
                server.delay("trace:no")

    def test_what_is_wrong_changes_nothing(self) -> None:
        """The error names the field or the option."""
        server = self.echo_server(seed=1)
        with self.assertRaisesRegex(FieldError, r"^on\[0\].reply: the length|^on\[0\].reply: 300"):
            server.set(framing="length:1", on=[On("x", b"a" * 300)])
        with self.assertRaisesRegex(FieldError, "^faults: late: needs a delay"):
            server.fault("late")
        with self.assertRaisesRegex(TypeError, r"set\(\) has no option 'dealy'"):
            server.set(dealy=1)  # type: ignore[call-arg]
        assert server.scenario == Scenario(reply="raw", seed=1)

    def test_what_cannot_start_names_the_option(self) -> None:
        """Misspelt names at once, as a TypeError; invalid values with the service's message."""
        with self.assertRaisesRegex(TypeError, r"EchoServer\(\) has no option 'farming'"):
            self.echo_server(farming="line")  # type: ignore[call-arg]
        for options, problem in (
            ({"framing": "lines"}, "^twist echo: --framing: 'lines' is not one of read, line"),
            (
                {"banner_fault": "refuse"},
                "^twist echo: --banner-fault: refuse does not apply to messages",
            ),
            ({"faults": ["reset", "zap"]}, "^twist echo: --fault: 'zap' is not one of"),
            ({"framing": "fixed:70000"}, "^twist echo: --framing: "),
            ({"max_received": "x"}, "^twist echo: --max-received: 'x' is not a whole number"),
        ):
            with self.subTest(options=options), self.assertRaisesRegex(EchoServerError, problem):
                self.echo_server(**options)

    def test_the_record_is_bounded(self) -> None:
        """To the given limit; dropped messages are counted."""
        server = self.echo_server(max_received=2, framing="fixed:1")
        with connect(server.port) as connection:
            assert ask(connection, b"abcd", 4) == b"abcd"
        assert server.received == [b"c", b"d"]
        assert server.wait_for(4) == [b"c", b"d"]
        assert server.record.total == 4

    def test_a_reset_begins_anew(self) -> None:
        """Connections are closed, numbers and counts begin with 0, the first scenario holds."""
        server = self.echo_server(faults="reset:0.5", seed=3, in_band=True)
        decided = []
        for _ in range(2):
            outcome = b""
            for _ in range(8):
                with connect(server.port) as connection:
                    with suppress(ConnectionResetError):
                        outcome += ask(connection, b"x", 1)
                    outcome += b"."
            server.set(banner="not this")
            decided.append((outcome, server.connections, server.faults_met))
            with connect(server.port) as connection:
                assert ask(connection, b"", 8) == b"not this"
                server.reset()
                with self.assertRaises(ConnectionResetError):
                    read_exactly(connection, 1)
            assert (server.received, server.connections, server.faults_met) == ([], 0, {})
        assert decided[0] == decided[1]
        assert decided[0][1] == 8
        assert 0 < decided[0][2]["reset"] < 8


class WaitingTests(EchoServerMixin, TestCase):
    """Waiting for messages."""

    def test_messages_of_another_thread_are_waited_for(self) -> None:
        """Also while other threads send requests."""
        server = self.echo_server(framing="line")
        came: list[bytes] = []
        waiting = threading.Thread(target=lambda: came.extend(server.wait_for(3, 30)))
        waiting.start()
        with connect(server.port) as connection:
            for message in (b"a\n", b"b\n", b"c\n"):
                assert ask(connection, message, 2) == message
                assert server.connections == 1
            waiting.join(30)
        assert came == [b"a\n", b"b\n", b"c\n"]

    def test_time_that_is_over_says_what_came(self) -> None:
        """If an event loop was blocked, that too."""
        server = self.echo_server()
        with self.assertRaisesRegex(
            TimeoutError, "^0 of 1 messages arrived within 0.01 s:\n  nothing$"
        ):
            server.wait_for(1, 0.01)

        async def wait() -> None:
            server.wait_for(1, 0.01)

        with self.assertRaisesRegex(TimeoutError, re.escape(STOOD_STILL)):
            asyncio.run(wait())

    def test_a_client_in_the_same_loop(self) -> None:
        """Another thread waits."""
        server = self.echo_server()

        async def talk() -> list[bytes]:
            reader, writer = await asyncio.open_connection(*server.address)
            with server.fault("silent", limit=1):
                writer.write(b"a")
                came: list[bytes] = [*await asyncio.to_thread(server.wait_for, 1)]
                writer.write(b"b")
                came += [await reader.readexactly(1)]
            writer.close()
            await writer.wait_closed()
            return came

        assert asyncio.run(talk()) == [b"a", b"b"]


class RestartTests(EchoServerMixin, TestCase):
    """A server stops and starts."""

    def test_it_starts_again_on_the_same_port(self) -> None:
        """Its scenario is in force from the first connection on; received messages stay."""
        server = self.echo_server(max_received=2)
        with connect(server.port) as connection:
            for message in (b"a", b"b"):
                assert ask(connection, message, 1) == message
        server.set(banner="hi")
        port, pid = server.port, server.pid
        server.stop()
        assert not psutil.pid_exists(pid)
        assert (server.received, server.connections, server.open_peers) == ([b"a", b"b"], 1, [])
        assert server.scenario.banner == b"hi"
        self.assertRaises(ConnectionRefusedError, connect, port)
        with socket.socket() as other:
            self.assertRaises(OSError, other.bind, ("127.0.0.1", port))
        server.start()
        server.start()
        assert server.port == port
        with connect(port) as connection:
            assert read_exactly(connection, 2) == b"hi"
            assert ask(connection, b"c", 1) == b"c"
        assert [(each, each.connection) for each in server.received] == [(b"b", 0), (b"c", 1)]
        assert (server.connections, server.record.total) == (2, 3)
        server.reset()
        assert (server.connections, server.received, server.scenario.banner) == (0, [], b"")
        with connect(port) as connection:
            connection.sendall(b"d")
            assert [each.connection for each in server.wait_for(1)] == [0]

    def test_what_is_changed_while_it_is_stopped_counts_from_its_start(self) -> None:
        """A block that ends then changes it; an invalid value is refused at once."""
        server = self.echo_server(port=["0"])
        with server.fault("reset"):
            server.stop()
            with self.assertRaisesRegex(FieldError, "^delay: 'x' is not"):
                server.delay("x")
            server.on(b"", b"y")
        assert not server.scenario.faults.faults
        server.start()
        with connect(server.port) as connection:
            assert ask(connection, b"x", 1) == b"y"

    def test_faults_that_were_met_before_count(self) -> None:
        """So do control words."""
        server = self.echo_server(in_band=True, faults="silent,every=2")
        for _ in range(2):
            with connect(server.port) as connection:
                assert ask(connection, b"!none", 5) == b"!none"
                connection.sendall(b"x")
                server.wait_for(1)
                connection.shutdown(socket.SHUT_WR)
                assert read_to_end(connection) == b""
            server.stop()
            server.start()
        assert (server.faults_met, server.control_words) == ({"silent": 2}, {"obeyed": 2})

    def test_one_that_was_killed_starts_again_too(self) -> None:
        """They were requested before."""
        server = self.echo_server()
        with connect(server.port) as connection:
            assert ask(connection, b"a", 1) == b"a"
        server.set(banner="hi")
        server.kill()
        assert server.received == [b"a"]
        server.start()
        with connect(server.port) as connection:
            assert read_exactly(connection, 2) == b"hi"

    def test_one_that_died_says_so(self) -> None:
        """It keeps its last status; a block that ends does not hide why."""
        server = self.echo_server()
        assert server.connections == 0
        with server.fault("reset"), connect(server.port) as connection:
            os.kill(server.pid, signal.SIGKILL)
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        with self.assertRaisesRegex(EchoServerError, "the service has ended without output"):
            _ = server.received
        with self.assertRaisesRegex(EchoServerError, "has ended"):
            server.reset()
        assert server.connections == 0
        server.kill()
        server.start()
        assert server.received == []

    def test_one_that_stands_still_is_given_up(self) -> None:
        """It can be killed, in a limited time, and its report has the known messages."""
        server = self.echo_server()
        assert server.how == "raw replies, no delay"
        os.kill(server.pid, signal.SIGSTOP)
        assert server.describe_received() == [
            f"127.0.0.1:{server.port}, raw replies, no delay", "nothing",
        ]  # fmt: skip
        server.kill()
        assert not psutil.pid_exists(server.pid)

    def test_an_answer_that_came_too_late_is_nobody_elses(self) -> None:
        """The next answer belongs to the next request."""
        server = self.echo_server()
        os.kill(server.pid, signal.SIGSTOP)
        with self.assertRaisesRegex(EchoServerError, "not answered within 0.05 s"):
            server._process.ask("scenario", seconds=0.05)
        os.kill(server.pid, signal.SIGCONT)
        assert server.connections == 0
        assert server.open_peers == []

    def test_a_block_ends_it(self) -> None:
        """Without pytest, or any framework; nothing is left open, even if it is never ended."""
        with EchoServer() as server, connect(server.port) as connection:
            assert ask(connection, b"x", 1) == b"x"
        assert not psutil.pid_exists(server.pid)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            stopped = EchoServer()
            stopped.stop()
            del stopped
            gc.collect()
