"""Local ports: what is said of them before a plan is run, and what happens when there are none."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from click import ClickException

from tests.support.commands import echoing, twistecho
from tests.support.programs import missing, program
from twistecho.cli import local_ports, run_check
from twistecho.cli.local_ports import kept_for, shortage
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target

FAR = parse_target("192.0.2.1:5000")

_TEN_PORTS = """
import socket, subprocess, sys, threading
from dataclasses import replace
from pathlib import Path
from twistecho import Plan, ReplyFormat
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.runs.run import run_engine
subprocess.run([sys.argv[1], "link", "set", "lo", "up"], check=True)
Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40009")
Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("0")

def serve(listener):
    while True:
        with listener.accept()[0] as connection:
            while data := connection.recv(9):
                connection.sendall(data)

plan = Plan(clients=1, messages=(b"a",), reply=ReplyFormat.RAW, repeat=25, reconnect=1)
many = replace(plan, sources=("127.0.0.2", "127.0.0.3", "127.0.0.4"))
for port, engine in ((5000, "threads"), (5001, "reactor")):
    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    print(engine, flush=True)
    for one in (plan, many):
        report = run_engine(engine, one, parse_target(f"127.0.0.1:{port}"))
        print(*report.failures, report.connects, flush=True)
        if engine == "reactor":
            break  # it runs once
"""


class ShortageTests(unittest.TestCase):
    """What a rate of connections needs, as far as the plan shows it."""

    def setUp(self) -> None:
        """Have the system give out a thousand local ports, and none of them again soon."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.files = {}
        for name, text in (("PORT_RANGE", "1001\t2000\n"), ("REUSE", "0\n")):
            self.files[name] = Path(folder.name) / name
            self.files[name].write_text(text)
            patched = mock.patch.object(local_ports, name, self.files[name])
            patched.start()
            self.addCleanup(patched.stop)

    def plan(self, **fields: Any) -> Plan:
        """Make a plan of 100 messages per second for ten minutes, each on a new connection."""
        return Plan(**{"clients": 20, "rate": 100.0, "reconnect": 1, "duration": 600.0, **fields})

    def test_a_minute_s_connections_have_their_ports(self) -> None:
        """And those that are open."""
        assert shortage(self.plan(rate=980 / 60), FAR) is None
        said = shortage(self.plan(rate=981 / 60), FAR)
        assert said is not None
        assert said.startswith("16.35 connections/s, each of which keeps its local port for 60 s")
        assert "1,000 ports" in said
        assert "connect:no-local-port" in said
        assert "Use 2 addresses with --source, set net.ipv4.tcp_tw_reuse to 1, or" in said

    def test_what_helps_is_enough(self) -> None:
        """More addresses, fewer connections for as many messages, a shorter run; or no rate."""
        said = shortage(self.plan(), FAR) or ""
        assert "Use 7 addresses" in said
        for number in (6, 7):
            sources = tuple(f"127.0.0.{one}" for one in range(1, number + 1))
            assert (shortage(self.plan(sources=sources), FAR) is None) == (number == 7)
        for fields in (
            {"reconnect": 7}, {"duration": 9.0}, {"reconnect": None}, {"rate": None},
            {"duration": None, "repeat": 50},
        ):  # fmt: skip
            assert shortage(self.plan(**fields), FAR) is None, fields
        assert shortage(self.plan(duration=None, repeat=51), FAR) is not None
        assert shortage(self.plan(duration=9.9), FAR) is not None

    def test_ports_that_are_given_out_again(self) -> None:
        """After a second, everywhere or on the loopback, as Linux is told to."""
        for reuse, target, seconds in (
            ("0", "127.0.0.1:1", 60), ("1", "192.0.2.1:1", 1), ("2", "192.0.2.1:1", 60),
            ("2", "127.0.0.1:1", 1), ("2", "localhost:1", 1), ("2", "[::1]:1", 1),
            ("2", "echo.example:1", 60), ("2", "tls:127.9.9.9:1", 1),
        ):  # fmt: skip
            self.files["REUSE"].write_text(reuse)
            assert kept_for(parse_target(target)) == seconds, (reuse, target)
        self.files["REUSE"].write_text("1")
        assert shortage(self.plan(), FAR) is None
        assert "tcp_tw_reuse" not in (shortage(self.plan(rate=2000.0), FAR) or "tcp_tw_reuse")

    def test_where_nobody_knows_nothing_is_said(self) -> None:
        """Other systems, Unix sockets, endpoints."""
        assert shortage(self.plan(), parse_target("unix:/run/echo")) is None
        assert shortage(self.plan(), parse_target("tcp:a:1:timeout=3")) is None
        self.files["REUSE"].unlink()
        assert shortage(self.plan(), FAR) is not None
        self.files["PORT_RANGE"].unlink()
        assert shortage(self.plan(), FAR) is None

    def test_the_command_says_it_before_the_run(self) -> None:
        """Which goes on: the server may close first."""
        with echoing() as target:
            arguments = ("fleet", target, "-c2", "-n510", "--engine", "threads", "--rate", "2k")
            self.files["PORT_RANGE"].write_text("40000 40499")
            ended = twistecho(*arguments, "--reconnect", "1")
            assert "2,000 connections/s, each of which keeps" in ended.out.splitlines()[0]
            assert "keeps its" not in twistecho(*arguments, "--reconnect", "3").out
            # The reactor of this process is that of its tests.
            with mock.patch.object(run_check, "_run", side_effect=ClickException("over")):
                ended = twistecho("check", "-c1", "-n510", "--rate=2k", "--reconnect=1", target)
            assert "2,000 connections/s, each of which keeps" in ended.out.splitlines()[0]


class ExhaustionTests(unittest.TestCase):
    """A machine, in a network namespace, of ten local ports, which it gives out once a minute."""

    def test_both_engines_name_it_and_more_addresses_help(self) -> None:
        """Each address has ten ports of its own."""
        inside = [program("unshare", "util-linux"), "-rn"]
        ip = program("ip", "iproute2")
        if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
            missing("network namespaces")
        done = subprocess.run(
            [*inside, sys.executable, "-c", _TEN_PORTS, ip],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.stdout.splitlines() == [
            "threads",
            "connect:no-local-port 10",
            "25",
            "reactor",
            "connect:no-local-port 10",
        ], done.stderr
