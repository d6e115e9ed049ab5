"""Servers of one's own: given a port, waited for, started again, ended with all they started."""

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import TestCase, mock, skipUnless

import psutil
import pytest

from tests.support.designs_at_work import DEADLINE, alive, ask
from tests.support.own_servers import ECHO, echo, python
from tests.support.peers import connect, read_to_end, serving, unused_port
from twistecho.compare import own_server
from twistecho.compare.guarded import LastWords
from twistecho.compare.launch import LaunchError
from twistecho.compare.meter import Meter
from twistecho.compare.own_command import OwnCommand
from twistecho.compare.own_server import OwnServer, accepts, free_port

# What servers are made of here. CHILD writes its process's number to a file, and outlives SIGTERM.
_LISTEN = "import socket, sys, time\nlistener = socket.create_server(('', int(sys.argv[1])))\n"
_CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1] + '.new', 'w') as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + '.new', sys.argv[1])
time.sleep(1000)
"""
_PARENT = f"""
import os, subprocess, sys, time
child = [sys.executable, '-c', {_CHILD!r}, sys.argv[2]]
subprocess.Popen(child, start_new_session=sys.argv[3] == 'apart')
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
"""


def gone(pid: int) -> bool:
    """Wait until a process has ended, as long as a test may take."""
    until = time.monotonic() + DEADLINE
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not alive(pid)


@contextmanager
def taken_port() -> Iterator[int]:
    """Hold a port that nobody can bind, and to which nobody can connect."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def given_ports(*ports: int) -> contextlib.AbstractContextManager[object]:
    """Have servers get these ports, one after the other, and no more."""
    return mock.patch.object(own_server, "free_port", side_effect=ports)


def problem_of(command: OwnCommand) -> str:
    """Say why a server does not start."""
    with pytest.raises(LaunchError) as said, OwnServer(command):
        pass
    return str(said.value)


class StartTests(TestCase):
    """From a command to a server that can be talked to."""

    def test_a_server_is_ready_in_the_block_and_gone_after_it(self) -> None:
        """At the port that took the token's place."""
        server = OwnServer(echo())
        with server as target:
            assert ask(target.port or 0, b"hello") == [b"hello"]
            pid = server.pid
        assert server.ended_early is None
        assert not psutil.pid_exists(pid)
        with pytest.raises(ConnectionRefusedError):
            connect(target.port or 0)

    def test_a_port_that_was_taken_meanwhile_is_tried_no_more(self) -> None:
        """The server ends for want of its port, and gets another one."""
        good = unused_port()
        with taken_port() as taken, given_ports(taken, taken, good), OwnServer(echo()) as target:
            assert target.port == good
            assert ask(good, b"x") == [b"x"]

    def test_a_server_that_says_that_its_port_is_in_use_is_not_waited_for(self) -> None:
        """Though it goes on, and although somebody else accepts connections there."""
        waits = python(
            "import socket, sys, time\n"
            "try:\n"
            "    listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
            "except OSError as error:\n"
            "    print(error, flush=True)\n"
            "time.sleep(1000)\n"
        )
        good = unused_port()
        with taken_port() as taken, given_ports(taken, good), OwnServer(waits) as target:
            assert target.port == good

    def test_after_the_last_try_what_it_said_last_is_told(self) -> None:
        """In one line, escaped."""
        with taken_port() as taken, given_ports(taken, taken, taken):
            said = problem_of(echo())
        assert said.startswith(f"ended before it accepted connections on 127.0.0.1:{taken}: exit")
        assert "; its last output: " in said
        assert "address already in use" in said
        assert "\n" not in said

    def test_a_server_that_ends_without_a_word_is_told_with_its_code(self) -> None:
        """However it ended."""
        assert problem_of(python("import sys; sys.exit(7)")).endswith(": exit code 7")
        kill = python("import os; os.kill(os.getpid(), 9)")
        assert problem_of(kill).endswith(": killed by SIGKILL")

    def test_a_server_that_never_listens_is_ended_after_a_bounded_time(self) -> None:
        """What it said is told, and it is gone, though it ignores SIGTERM."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pid"
            ignores = OwnCommand("own", (sys.executable, "-c", _CHILD, str(file), "{port}"))
            with (
                mock.patch.object(own_server, "START_SECONDS", 2.0),
                mock.patch.object(own_server, "STOP_SECONDS", 0.1),
            ):
                said = problem_of(ignores)
            assert said.startswith("no connection to 127.0.0.1:")
            assert said.endswith(" within 2.00 s")
            assert gone(int(file.read_text()))

    def test_a_program_that_the_system_cannot_run_is_told(self) -> None:
        """As one for another machine."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "server"
            program.write_bytes(b"\x7fELF")
            program.chmod(0o700)
            said = problem_of(OwnCommand("own", (str(program), "{port}")))
        assert said == "it does not start: Exec format error"

    def test_there_is_no_process_before_the_start(self) -> None:
        """Asking for it says so."""
        with pytest.raises(LaunchError, match="not started"):
            _ = OwnServer(echo()).pid

    def test_an_interrupt_while_it_is_waited_for_leaves_nothing(self) -> None:
        """Ctrl-C is no LaunchError."""
        started: list[int] = []

        def interrupted(_port: int) -> bool:
            started.extend(child.pid for child in psutil.Process().children(recursive=True))
            raise KeyboardInterrupt

        with (
            mock.patch.object(own_server, "accepts", interrupted),
            pytest.raises(KeyboardInterrupt),
            OwnServer(echo()),
        ):
            pass
        guarded = [pid for pid in started if "own_server.py" in _command_line(pid)]
        assert guarded == []


def _command_line(pid: int) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(psutil.Process(pid).cmdline())
    return ""


class EndTests(TestCase):
    """Nothing is left of a server."""

    def setUp(self) -> None:
        """Have a file for the number of a process; servers here never close a connection."""
        brief = mock.patch.object(own_server, "_CLOSE_SECONDS", 0.1)
        brief.start()
        self.addCleanup(brief.stop)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "pid"

    def child(self) -> int:
        """Give the number of the process that the server started."""
        return int(self.file.read_text())

    def test_an_early_end_is_told(self) -> None:
        """By whomever it was ended."""
        server = OwnServer(echo())
        with server:
            os.kill(server.pid, signal.SIGKILL)
            assert gone(server.pid)
        assert server.ended_early == "killed by SIGKILL"

    def test_killing_kills_the_whole_group(self) -> None:
        """A shell that waits for the server is not the server."""
        shell = OwnCommand("own", ("sh", "-c", f"{ECHO} & wait"))
        server = OwnServer(shell)
        with server:
            [child] = psutil.Process(server.pid).children()
            server.kill()
            assert gone(child.pid)
        assert server.ended_early == "killed by SIGKILL"

    def test_what_a_server_started_ends_with_it(self) -> None:
        """Whether in its group or in a session of its own, and although it ignores SIGTERM."""
        for where in ("beside", "apart"):
            with self.subTest(where=where):
                self.file.unlink(missing_ok=True)
                family = python(f"{_PARENT}\n{_LISTEN}time.sleep(1000)", str(self.file), where)
                with mock.patch.object(own_server, "STOP_SECONDS", 0.2), OwnServer(family):
                    assert alive(self.child())
                assert gone(self.child())

    @skipUnless(sys.platform == "linux", "other systems do not tell whose it was")
    def test_what_a_server_left_behind_ends_too(self) -> None:
        """Its parent has ended before, and so it is nobody's child but the guard's."""
        family = python(_PARENT, str(self.file), "apart")
        with (
            mock.patch.object(own_server, "STOP_SECONDS", 0.2),
            mock.patch.object(own_server, "TRIES", 1),
        ):
            problem_of(family)
        assert gone(self.child())

    def test_a_server_whose_guard_was_killed_is_killed(self) -> None:
        """By whom the comparison cannot help: it sees to the server itself."""
        server = OwnServer(OwnCommand("own", ("sh", "-c", f"{ECHO} & wait")))
        with server:
            shell = psutil.Process(server.pid)
            [child] = shell.children()
            guard = shell.parent()
            assert guard is not None
            guard.kill()
        assert gone(shell.pid)
        assert gone(child.pid)

    def test_a_server_has_time_to_end_by_itself(self) -> None:
        """SIGTERM comes first: what it does then is done."""
        cleans = python(
            "import signal, sys\n"
            "def end(*_):\n"
            "    open(sys.argv[2], 'w').write('cleaned')\n"
            "    sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, end)\n"
            f"{_LISTEN}time.sleep(1000)\n",
            str(self.file),
        )
        server = OwnServer(cleans)
        with server:
            pass
        assert self.file.read_text() == "cleaned"
        assert server.ended_early is None

    def test_children_are_metered_with_their_parent(self) -> None:
        """The shell and the server are two processes of one server."""
        server = OwnServer(OwnCommand("own", ("sh", "-c", f"{ECHO} & wait")))
        with server, Meter(server.pid) as meter:
            pass
        assert meter.cost is not None
        assert meter.cost.processes == 2
        assert meter.cost.memory_peak > 2**22


class AcceptTests(TestCase):
    """Whether somebody accepts connections."""

    def test_a_free_port_accepts_none(self) -> None:
        """And it can be bound."""
        port = free_port()
        assert not accepts(port)
        for host in ("", "127.0.0.1"):
            socket.create_server((host, port)).close()

    def test_the_connection_is_over_for_the_server_too(self) -> None:
        """It says nothing, and who serves one client after the other is free again."""
        served = threading.Event()

        def behaviour(connection: socket.socket) -> None:
            assert read_to_end(connection) == b""
            time.sleep(0.1)
            served.set()

        with serving(behaviour) as port:
            assert accepts(port)
            assert served.is_set()

    def test_a_server_that_talks_without_end_is_not_listened_to_for_ever(self) -> None:
        """Neither is one that never closes."""

        def talks(connection: socket.socket) -> None:
            while True:
                connection.sendall(b"x" * 1000)

        over = threading.Event()

        def never_closes(_connection: socket.socket) -> None:
            over.wait(DEADLINE)

        for behaviour in (talks, never_closes):
            with mock.patch.object(own_server, "_CLOSE_SECONDS", 0.1), serving(behaviour) as port:
                assert accepts(port)
                if behaviour is never_closes:
                    assert not over.is_set()
                    over.set()

    def test_a_socket_that_tcp_connected_to_itself_is_nobody(self) -> None:
        """As happens on the loopback where a client is given the port that it connects to."""
        port = free_port()
        itself = socket.socket()
        itself.bind(("127.0.0.1", port))
        itself.connect(("127.0.0.1", port))
        with mock.patch.object(socket, "create_connection", return_value=itself):
            assert not accepts(port)


class LastWordsTests(TestCase):
    """What is kept of what a server says."""

    def said(self, *pieces: bytes) -> LastWords:
        """Give the last words of somebody who says this."""
        theirs, ours = os.pipe()
        words = LastWords(os.fdopen(theirs, "rb"))
        with os.fdopen(ours, "wb") as pipe:
            for piece in pieces:
                assert pipe.write(piece) == len(piece)
        words.wait(DEADLINE)
        return words

    def test_the_last_lines_are_told_escaped_and_in_one(self) -> None:
        """No terminal obeys what a server says."""
        told = self.said(b"one\ntwo\nthree\n\n  four \x1b[31m\xff\r\n").told("problem")
        assert told == r"problem; its last output: two | three | four \x1b[31m\xff"

    def test_silence_is_not_told(self) -> None:
        """There is only the problem then."""
        assert self.said(b" \n").told("problem") == "problem"

    def test_what_is_kept_is_bounded(self) -> None:
        """However much is said, without an end of line too; nobody waits for the pipe."""
        words = self.said(*[b"x" * 2**20] * 8, b"\nAddress IN use\n")
        assert len(words._kept) <= 4096
        assert "in use" in words
        assert len(words.told("")) < 400
