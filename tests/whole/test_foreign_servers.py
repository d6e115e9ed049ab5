"""Servers that nobody here wrote: what the fleet counts is exactly what was to be done."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import TestCase

from tests.support.programs import program
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.runs.engine import ENGINES
from twistecho.fleet.runs.fleet_process import FleetProcess

CLIENTS, REPEAT = 20, 25
MESSAGES = (b"Ola mundo da internet!", b"\x00\xff\r\n" * 100, b"x" * 4000)
PLAN = Plan(clients=CLIENTS, messages=MESSAGES, repeat=REPEAT, reply="auto")

_XINETD = """
service echo
{{
    type = INTERNAL UNLISTED
    id = echo-for-a-test
    socket_type = stream
    protocol = tcp
    bind = 127.0.0.1
    port = {port}
    user = {user}
    wait = no
    instances = UNLIMITED
    per_source = UNLIMITED
    cps = 10000 1
}}
"""


def free_port() -> int:
    """Give a port of the loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class ForeignServerCase(TestCase):
    """Runs a server, and both engines against it."""

    def setUp(self) -> None:
        """Choose a port."""
        self.port = free_port()

    def start(self, command: Sequence[str]) -> None:
        """Start a server, which is ended with all its children after the test; wait for it."""
        server = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.addCleanup(self.end, server)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert server.poll() is None, f"{command[0]} ended with {server.returncode}"
                assert time.monotonic() < until, f"{command[0]} does not listen"
            else:
                return
            time.sleep(0.02)

    def end(self, server: "subprocess.Popen[bytes]") -> None:
        """End a server and the processes it made for its clients."""
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()

    def count(self) -> None:
        """Run the plan with both engines: what they count is what was asked, to the byte."""
        each = sum(map(len, MESSAGES)) * REPEAT
        reports = {}
        for engine in ENGINES:
            with FleetProcess(engine, parse_target(f"127.0.0.1:{self.port}"), PLAN) as clients:
                report = reports[engine] = clients.wait_for_report()
            assert report.failures == {}
            assert report.replies_found == {ReplyFormat.RAW: CLIENTS}
            assert report.complete
            assert invalid(report) == ()
            assert report.messages == CLIENTS * REPEAT * len(MESSAGES)
            assert report.bytes_sent == report.bytes_returned == CLIENTS * each
            assert [outcome.balance for outcome in report.outcomes] == [(0, 0)] * CLIENTS
        assert reports["reactor"].disagreements(reports["threads"]) == []


class ForeignServerTests(ForeignServerCase):
    """One server after the other."""

    def test_ncat_with_cat(self) -> None:
        """Nmap's netcat, a process a connection."""
        ncat, cat = program("ncat", "ncat"), program("cat", "coreutils")
        self.start([ncat, "-k", "-l", "127.0.0.1", str(self.port), "--exec", cat])
        self.count()

    def test_socat_with_a_pipe(self) -> None:
        """Socat's own echo: what it reads goes into a pipe, and from there back."""
        listen = f"TCP-LISTEN:{self.port},bind=127.0.0.1,fork,reuseaddr,backlog=128"
        self.start([program("socat", "socat"), listen, "PIPE"])
        self.count()

    def test_xinetd_with_its_own_echo(self) -> None:
        """The echo service of RFC 862 as it was run for decades."""
        xinetd = program("xinetd", "xinetd")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        settings = Path(directory.name) / "xinetd.conf"
        settings.write_text(_XINETD.format(port=self.port, user=os.getuid()), encoding="utf-8")
        self.start([xinetd, "-dontfork", "-f", str(settings), "-pidfile", f"{settings}.pid"])
        self.count()
