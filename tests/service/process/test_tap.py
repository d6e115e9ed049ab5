"""``twist echo`` as a user runs it: its start line, its errors, its end."""

import gc
import io
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any
from unittest import SkipTest, TestCase, mock

import pytest

from tests.support.peers import connect, read_exactly, read_to_end
from twistecho.service.process.options import Options
from twistecho.service.workers.make_service import makeService

TWIST = [sys.executable, "-m", "twisted", "--log-format=json", "echo"]


class Started:
    """A ``twist echo`` process, and its log as events: a file, which never fills as a pipe does."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self.said: dict[str, Any] = {}  # the fields of all events until it had started
        self._log = log.open()

    def events(self) -> Iterator[dict[str, Any]]:
        """Follow the log until the process has ended."""
        while True:
            ended = self.process.poll() is not None
            for line in iter(self._log.readline, ""):
                yield json.loads(line.lstrip("\x1e"))
            if ended:
                return
            time.sleep(0.01)

    def until(self, words: str) -> dict[str, Any]:
        """Follow the log to an event whose format holds these words."""
        return next(event for event in self.events() if words in event.get("log_format", ""))

    def close(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.communicate()
        self._log.close()


@contextmanager
def twist_echo(
    *options: str, prefix: Sequence[str] = (), program: Sequence[str] = TWIST[:-2]
) -> Iterator[tuple[Started, list[dict[str, Any]]]]:
    """Run ``twist echo``; gives it and its start lines. It is killed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        log.touch()
        log_options = ["--log-format=json", f"--log-file={log}"]
        command = [*prefix, *program, *log_options, "echo", *options]
        started = Started(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True),
            log,
        )
        try:
            listening = []
            for event in started.events():
                started.said |= event
                if event.get("how"):
                    listening.append(event)
                if "Starting reactor" in event.get("log_format", ""):
                    break
            yield started, listening
        finally:
            started.close()


def await_loop(port: int) -> None:
    """Wait until the reactor runs: from then on signals are the service's, and FIN is answered."""
    with connect(port) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == b""


def fails(*options: str) -> tuple[int, str]:
    """Run ``twist echo`` with options that it cannot start with; give code and standard error."""
    ended = subprocess.run(
        [*TWIST, *options], capture_output=True, text=True, timeout=30, check=False
    )
    return ended.returncode, ended.stderr


def refused(*options: str) -> tuple[object, str]:
    """Make and start the service in this process, as ``twist`` does; give what `fails` gives."""
    said, parsed = io.StringIO(), Options()
    # The reactor here is everybody's: it keeps its clock.
    keeping = mock.patch("twistecho.service.workers.make_service.count_monotonic")
    with keeping, pytest.raises(SystemExit) as ended, redirect_stderr(said):
        parsed.parseOptions(options)
        service = makeService(parsed)
        service.privilegedStartService()
        service.startService()
    code = ended.value.code
    if code == 1:
        # Twisted leaves a socket that it could not bind to the end of the process.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del ended
            gc.collect()
    return code, said.getvalue()


class ProcessTests(TestCase):
    """The service in a process of its own."""

    def test_says_where_it_listens_and_how_it_answers(self) -> None:
        """One line a port, with the port that the system gave."""
        with twist_echo("-p0", "-ptcp6:0", "-d1.5", "-rprefixed") as (_, started):
            assert [event["host"] for event in started] == ["127.0.0.1", "::"]
            assert all(event["port"] > 0 for event in started)
            assert {event["how"] for event in started} == {
                "prefixed replies, 1.5 s after each message"
            }

    def test_says_the_seed_that_it_chose(self) -> None:
        """And given again it brings the same delays; without chance there is none."""
        with twist_echo("-p0", "-duniform:0,1ms", "--fault=reset:0.1") as (_, started):
            words = r"stamped replies, uniform:0,1ms after each message, faults reset:0.1, seed \d+"
            self.assertRegex(started[0]["how"], words)

    def test_a_reset_is_one_for_other_programs_too(self) -> None:
        """Socat, which is none of ours, names it."""
        socat = shutil.which("socat")
        if socat is None:
            raise SkipTest("socat is not installed")
        with twist_echo("-p0", "-rraw", "--fault=reset,at=middle") as (_, started):
            ended = subprocess.run(
                [socat, "-d", "-t5", "-", f"TCP:127.0.0.1:{started[0]['port']}"],
                input=b"hello",
                capture_output=True,
                timeout=30,
                check=False,
            )
        assert ended.stdout == b"he"
        assert b"Connection reset by peer" in ended.stderr

    def test_answers_on_every_port(self) -> None:
        """The notebook's select server listens on two."""
        with twist_echo("-p0", "-ptcp:0:interface=127.0.0.1") as (_, started):
            assert len({event["port"] for event in started}) == 2
            for event in started:
                with connect(event["port"]) as connection:
                    connection.sendall(b"x")
                    assert read_exactly(connection, 20) == b"Resposta eco => b'x'"

    def test_half_close_with_netcat(self) -> None:
        """``printf hi | nc -N`` gets its delayed reply, and nc ends."""
        nc = shutil.which("nc")
        if nc is None:
            raise SkipTest("nc (netcat-openbsd) is not installed")
        with twist_echo("-p0", "-d0.5", "-rprefixed") as (_, started):
            ended = subprocess.run(
                [nc, "-N", "127.0.0.1", str(started[0]["port"])],
                input=b"hi",
                capture_output=True,
                timeout=30,
                check=False,
            )
        assert ended.stdout == b"Resposta => hi"

    def test_sigterm_and_sigint_deliver_what_is_owed(self) -> None:
        """Then the process ends as ``twist`` does: by the signal."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with (
                twist_echo("-p0", "-d1", "-rraw") as (echo, started),
                connect(started[0]["port"]) as connection,
            ):
                await_loop(started[0]["port"])
                connection.sendall(b"owed")
                echo.process.send_signal(number)
                assert read_to_end(connection) == b"owed"
                assert echo.process.wait(timeout=30) == -number

    def test_the_drain_time_bounds_the_end(self) -> None:
        """A reply that is due later is given up."""
        with (
            twist_echo("-p0", "-d1000", "--drain=0.1", "-rraw") as (echo, started),
            connect(started[0]["port"]) as connection,
        ):
            await_loop(started[0]["port"])
            connection.sendall(b"owed")
            echo.process.send_signal(signal.SIGINT)
            assert echo.process.wait(timeout=30) == -signal.SIGINT

    def test_a_second_signal_ends_it_at_once(self) -> None:
        """Without a traceback, and long before the drain time."""
        with (
            twist_echo("-p0", "-d1000", "-rraw") as (echo, started),
            connect(started[0]["port"]) as connection,
        ):
            await_loop(started[0]["port"])
            connection.sendall(b"owed")
            echo.process.send_signal(signal.SIGTERM)
            echo.until("Stopping")
            echo.process.send_signal(signal.SIGTERM)
            assert echo.process.wait(timeout=30) == -signal.SIGTERM
            out, err = echo.process.communicate()
            assert "Traceback" not in out + err

    def test_a_unix_socket_is_named_in_the_start_line(self) -> None:
        """Its path, and it answers there."""
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/echo.sock"
            with (
                twist_echo("-p", f"unix:{path}", "-rraw") as (_, started),
                socket.socket(socket.AF_UNIX) as connection,
            ):
                assert started[0]["where"] == path
                connection.connect(path)
                connection.sendall(b"x")
                assert read_exactly(connection, 1) == b"x"


class NotebookTests(TestCase):
    """The notebook's experiment."""

    def test_twenty_clients_written_the_notebooks_way(self) -> None:
        """Twenty threads, each connect, send, one recv(1024), close; five seconds of delay each."""
        from threading import Thread  # noqa: PLC0415 - only the notebook's clients are threads here

        answers: dict[int, bytes] = {}

        def client(number: int, port: int) -> None:
            with connect(port) as connection:
                connection.sendall(b"Ola mundo da internet!")
                answers[number] = connection.recv(1024)

        with twist_echo("-p0", "-d5", "--delay-per=connection") as (_, started):
            threads = [Thread(target=client, args=(n, started[0]["port"])) for n in range(20)]
            began = time.monotonic()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.monotonic() - began
        assert len(answers) == 20
        for answer in answers.values():
            assert answer.startswith(b"Resposta eco => b'Ola mundo da internet!' as ")
            time.strptime(answer[-24:].decode(), "%a %b %d %H:%M:%S %Y")
        assert 5 <= took < 60
