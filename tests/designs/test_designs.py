"""One behavioural suite over the five designs, and what each does differently on purpose."""

import re
import signal
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from select import select
from typing import TYPE_CHECKING, ClassVar
from unittest import SkipTest, TestCase, skipUnless

import pytest

from tests.support.commands import twistecho
from tests.support.designs_at_work import (
    DEADLINE,
    HOST,
    Served,
    ask,
    connected,
    read_to_end,
    serving,
    vanish,
)
from twistecho.base.processes import raise_open_files
from twistecho.base.reply_formats import ReplyFormat
from twistecho.designs.blocking import ForkingServer
from twistecho.designs.select_loop import FD_SETSIZE, SelectServer
from twistecho.designs.settings import Peer, Settings, received_line
from twistecho.fleet.plans.default_messages import NOTEBOOK_MESSAGE
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.thread_engine.fleet import run_threads
from twistecho.service.scenario.delay import Constant
from twistecho.service.scenario.delay_per import DelayPer

EVERY_BYTE = bytes(range(256))

if TYPE_CHECKING:
    _Cases = TestCase
else:
    # Not test cases themselves: the methods below are tried on each design, and on nothing else.
    _Cases = object


class _Design(_Cases):
    """Starts the design under test; the process is gone after the test."""

    design: str
    _shared: ClassVar[dict[str, Served] | None] = None  # trial sets no classes up

    @classmethod
    def setUpClass(cls) -> None:
        """Share no server yet."""
        cls._shared = {}

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop the servers that the tests shared."""
        for served in (cls._shared or {}).values():
            served.stop()

    def shared(self, *options: str) -> Served:
        """Give the class's server with raw replies and these options: clients leave it as it is."""
        key = " ".join(options)
        if self._shared is None:
            return self.serve("--reply=raw", *options)
        if key not in self._shared:
            self._shared[key] = serving(self.design, "--reply=raw", *options)
        return self._shared[key]

    def serve(self, *options: str, ports: int = 1) -> Served:
        """Start the design with these options."""
        served = serving(self.design, *options, ports=ports)
        self.addCleanup(served.stop)
        return served


class _Behaviour(_Design):
    """What every design does."""

    def test_replies_come_in_order_byte_for_byte(self) -> None:
        """Messages of every byte value come back as they were, in turn, however long."""
        messages = [EVERY_BYTE, b"x", b"long" * 1000, EVERY_BYTE[::-1]]
        served = self.shared()
        assert ask(served.port, *messages) == messages

    def test_stamped_replies_are_the_notebooks(self) -> None:
        """Twenty clients written the notebook's way, each with one recv, get what it printed."""
        served = self.serve("--reply=stamped", *self.roomy())
        expected = rb"Resposta eco => b'Ola mundo da internet!' as \w{3} \w{3} .{16}"
        with ThreadPoolExecutor(20) as clients:
            replies = list(clients.map(_notebook_client, [served.port] * 20))
        assert [reply for reply in replies if not re.fullmatch(expected, reply)] == []

    def test_half_close_is_answered_and_then_closed(self) -> None:
        """FIN from the client means no more messages: what is owed still comes, then FIN."""
        served = self.shared("--delay=0.1", "--delay-per=reply")
        with connected(served.port) as connection:
            connection.sendall(b"one")
            connection.shutdown(socket.SHUT_WR)
            assert read_to_end(connection) == b"one"
        with connected(served.port) as connection:
            connection.shutdown(socket.SHUT_WR)
            assert read_to_end(connection) == b""

    def test_a_client_that_reads_late_gets_every_byte(self) -> None:
        """Replies that do not fit into the socket's buffers are finished, not cut."""
        sent = EVERY_BYTE * 4096
        served = self.shared()
        with connected(served.port) as connection:
            writer = threading.Thread(target=_send_all, args=(connection, sent))
            writer.start()
            try:
                assert read_to_end(connection) == sent
            finally:
                connection.close()
                writer.join(DEADLINE)

    def test_many_clients_are_all_answered(self) -> None:
        """A hundred clients at once, three messages each, get their replies."""
        served = self.serve("--reply=raw", *self.roomy())
        plan = Plan(clients=100, repeat=3, reply=ReplyFormat.RAW, timeout=DEADLINE)
        report = run_threads(plan, f"{HOST}:{served.port}")
        assert report.failures == {}
        assert report.bytes_returned == report.bytes_sent > 300 * len(NOTEBOOK_MESSAGE)

    def roomy(self) -> list[str]:
        """Give the options with which a hundred clients may wait to be accepted."""
        return ["--backlog=128"]

    def test_clients_that_vanish_take_nobody_with_them(self) -> None:
        """After RSTs before, with and after a message, the next client is served."""
        served = self.shared("--delay=0.1", "--delay-per=reply")
        for message in (b"", b"lost", b"lost again" * 1000):
            vanish(served.port, message)
        assert ask(served.port, b"still here") == [b"still here"]
        assert "Traceback" not in served.log()

    def test_it_stops_when_told_to(self) -> None:
        """SIGTERM with a client connected ends the server and frees the port.

        The exit code is 0; Twisted's own runner ends itself by the signal it was sent.
        """
        served = self.serve("--reply=raw", *self.impatient())
        with connected(served.port) as connection:
            connection.sendall(b"hello")
            connection.recv(5)
            assert served.stop() in (0, -signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError), connected(served.port):
            pass  # nobody listens any more

    def impatient(self) -> list[str]:
        """Give the options with which a server that stops does not wait for its clients."""
        return []


class _Notebook(_Behaviour):
    """What the four designs of the notebook do beyond that."""

    def test_it_logs_what_the_notebook_logs(self) -> None:
        """Connect, received, closed: in order, with the client's address and the time."""
        served = self.shared()
        with connected(served.port) as connection:
            who = "{}:{}".format(*connection.getsockname())
            connection.sendall(b"\x00Ola")
            connection.recv(10)
        served.wait_for(re.compile(f"^{who} closed"))
        lines = [line for line in served.lines if line.startswith(who)]
        assert len(lines) == 3, lines
        assert re.search(rf"{who} connected at \w{{3}} \w{{3}} .{{16}}$", lines[0])
        assert lines[1:] == [f"{who} received b'\\x00Ola'", f"{who} closed"]

    def test_a_port_in_use_is_one_line_and_exit_code_1(self) -> None:
        """The line names the option."""
        with socket.create_server((HOST, 0)) as taken:
            port = taken.getsockname()[1]
            ended = twistecho("serve", self.design, f"--port={port}")
        assert ended.code == 1
        assert ended.err == (
            f"Error: --port {port}: cannot listen: Address already in use; "
            "choose another port, or 0 for a free one\n"
        )


class _OneAtATime(_Design):
    """The designs in which one client's delay is everybody's."""

    def test_clients_are_answered_one_delay_after_another(self) -> None:
        """A delay per connection stalls everyone: the last reply comes after all the delays."""
        served = self.serve("--delay=0.2", "--backlog=128", "--reply=stamped")
        report = run_threads(Plan(clients=5, timeout=DEADLINE), f"{HOST}:{served.port}")
        assert report.complete, report.failures
        assert max(_time(o, "replied") for o in report.outcomes) >= 5 * 0.2


class _AllAtOnce(_Design):
    """The designs in which clients do not wait for each other."""

    def test_a_silent_client_holds_nobody_up(self) -> None:
        """While one client says nothing, another is answered."""
        served = self.shared()
        with connected(served.port):
            assert ask(served.port, b"next") == [b"next"]

    def test_twenty_clients_wait_together(self) -> None:
        """With a delay per connection all are connected before the first is answered."""
        served = self.serve("--delay=1", "--reply=stamped")
        report = run_threads(Plan(timeout=DEADLINE), f"{HOST}:{served.port}")
        assert report.complete, report.failures
        last_connect = max(_time(o, "connected") for o in report.outcomes)
        assert last_connect < min(_time(o, "replied") for o in report.outcomes)


class SequentialTests(_Notebook, _OneAtATime, TestCase):
    """One client at a time."""

    design = "sequential"

    def test_a_silent_client_holds_up_everybody(self) -> None:
        """The exception of this design: nobody is served before the first client is done."""
        served = self.serve("--reply=raw")
        with connected(served.port) as silent, connected(served.port) as second:
            served.wait_for(re.compile("connected at"))
            second.sendall(b"me too")
            silent.sendall(b"first")
            assert silent.recv(10) == b"first"
            assert len([line for line in served.lines if "connected at" in line]) == 1
            silent.shutdown(socket.SHUT_WR)
            assert second.recv(10) == b"me too"

    def test_its_own_replies_are_prefixed(self) -> None:
        """Told nothing, it replies as the notebook's first server."""
        served = self.serve()
        assert _notebook_client(served.port) == b"Resposta => Ola mundo da internet!"


class ThreadedTests(_Notebook, _AllAtOnce, TestCase):
    """A thread a client."""

    design = "threaded"


class ForkingTests(_Notebook, _AllAtOnce, TestCase):
    """A process a client."""

    design = "forking"

    def test_forty_children_are_the_most(self) -> None:
        """The exception of this design, and socketserver's own number."""
        assert ForkingServer.max_children == 40

    def test_children_end_with_a_server_that_is_told_to_stop(self) -> None:
        """SIGTERM leaves no child behind, although its client never hangs up."""
        self._ends(lambda served: served.stop())

    @skipUnless(sys.platform == "linux", "the kernel's part of this is Linux's")
    def test_children_end_with_a_server_that_is_killed(self) -> None:
        """Nor does SIGKILL, which leaves the server no time for anything."""
        self._ends(lambda served: served.process.send_signal(signal.SIGKILL))

    def _ends(self, end: Callable[[Served], object]) -> None:
        served = self.serve("--reply=raw")
        with connected(served.port) as connection:
            connection.sendall(b"x")
            connection.recv(1)
            # The child holds the connection open; without it, this is FIN or RST.
            end(served)
            assert _ending(connection) == b""


class SelectTests(_Notebook, _OneAtATime, TestCase):
    """One loop over all clients; without a delay nobody waits for anybody."""

    design = "select"

    def test_a_silent_client_holds_nobody_up(self) -> None:
        """While one client says nothing, another is answered."""
        served = self.shared()
        with connected(served.port):
            assert ask(served.port, b"next") == [b"next"]

    def test_a_reply_that_does_not_fit_is_finished_later(self) -> None:
        """A partial send neither loses bytes nor is read past: turn by turn, without a thread."""
        server = SelectServer(Settings(reply=ReplyFormat.RAW))
        self.addCleanup(server.close)
        with connected(server.addresses[0][1]) as client:
            client.setblocking(False)
            server._turn()
            [accepted] = server._clients
            sent = 0
            while not accepted.unsent:
                with suppress(BlockingIOError):
                    sent += client.send(b"x" * 65536)
                server._turn()
            received = 0
            while received < sent:
                ours, unsent = accepted.connection, accepted.unsent
                watched = ([client], [ours]) if unsent else ([client, ours], [])
                readable, writable, _ = select(*watched, [], DEADLINE)
                assert readable or writable, f"{received} of {sent} bytes, and no more"
                if ours in (*readable, *writable):
                    server._turn()
                received += len(_available(client))
            assert (received, accepted.unsent) == (sent, b"")

    def test_both_ports_are_served_at_once(self) -> None:
        """As in the notebook: two listening sockets in one loop."""
        served = self.serve("--reply=raw", ports=2)
        assert len(set(served.ports)) == 2
        for port in served.ports * 2:
            assert ask(port, b"Ola") == [b"Ola"]

    def test_a_client_beyond_fd_setsize_is_refused_and_the_others_are_served(self) -> None:
        """The exception of this design: select() knows no file descriptor above 1023."""
        if raise_open_files() < FD_SETSIZE + 200:
            raise SkipTest("this process may not open as many files")
        served = self.serve("--reply=raw", "--backlog=1200")
        with ExitStack() as stack:
            clients = [stack.enter_context(connected(served.port)) for _ in range(FD_SETSIZE)]
            served.wait_for(re.compile("refused: select"))
            clients[0].sendall(b"served")
            assert clients[0].recv(10) == b"served"
            assert _ending(clients[-1]) == b""

    def test_a_client_for_whom_no_file_is_left_is_refused(self) -> None:
        """The loop does not turn without rest, and the others are still served."""
        served = serving("select", "--reply=raw", files=30)
        self.addCleanup(served.stop)
        with ExitStack() as stack:
            clients = [stack.enter_context(connected(served.port)) for _ in range(40)]
            served.wait_for(re.compile("refused: Too many open files"))
            assert _ending(clients[-1]) == b""
            clients[0].sendall(b"served")
            assert clients[0].recv(10) == b"served"
        assert len(served.lines) < 200


class TwistedTests(_Behaviour, _AllAtOnce, TestCase):
    """The fifth design: ``twist echo``."""

    design = "twisted"

    def roomy(self) -> list[str]:
        """Its backlog is 4096 and no option."""
        return []

    def impatient(self) -> list[str]:
        """Give it no time: it alone waits for its clients when it stops."""
        return ["--drain=0"]


class SettingsTests(TestCase):
    """What every design is told."""

    def test_a_delay_is_per_connection_or_per_reply_never_both(self) -> None:
        """Only what is named is held."""
        peer = Peer(0, HOST, 1)
        connection = Settings(delay=Constant(3.0), delay_per=DelayPer.CONNECTION)
        reply = Settings(delay=Constant(3.0), delay_per=DelayPer.REPLY)
        assert (connection.hold_on_accept(peer), connection.hold_reply(peer, 0)) == (3, 0)
        assert (reply.hold_on_accept(peer), reply.hold_reply(peer, 0)) == (0, 3)

    def test_a_logged_message_is_escaped_and_cut(self) -> None:
        """What a peer sends can neither move the cursor nor fill the log."""
        line = received_line(Peer(0, HOST, 1), b"\x1b[2J" + b"x" * 1000)
        assert "\x1b" not in line
        assert len(line) < 120


def _notebook_client(port: int) -> bytes:
    with connected(port) as connection:
        connection.send(NOTEBOOK_MESSAGE)
        return connection.recv(1024)


def _available(connection: socket.socket) -> bytes:
    """Read what has come so far from a socket that does not block."""
    pieces = []
    with suppress(BlockingIOError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def _send_all(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the test has failed and closed the socket


def _ending(connection: socket.socket) -> bytes:
    """Read what comes until FIN or RST; both are an end."""
    try:
        return read_to_end(connection)
    except ConnectionError:
        return b""


def _time(outcome: Outcome, field: str) -> float:
    value = getattr(outcome, field)
    assert isinstance(value, float), outcome
    return value
