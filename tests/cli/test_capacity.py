"""Whether there is room for a plan's clients, before they start and when there is none."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tests.support.programs import missing, program
from twistecho.cli import capacity
from twistecho.cli.capacity import lack, problem_with_sources
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target

TARGET = parse_target("127.0.0.1:5000")

_OUT_OF_PORTS = """
import socket, subprocess, sys
from pathlib import Path
subprocess.run([sys.argv[1], "link", "set", "lo", "up"], check=True)
Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40001")
server = socket.create_server(("127.0.0.1", 5000))
held = [socket.create_connection(("127.0.0.1", 5000)) for _ in range(2)]
from twistecho.fleet.runs.run import run_engine
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
for engine in ("threads", "reactor"):
    print(engine, *run_engine(engine, Plan(clients=1), parse_target("127.0.0.1:5000")).failures)
"""


class LackTests(unittest.TestCase):
    """What there is not enough of, in one line that says what would help."""

    def setUp(self) -> None:
        """Have the system give out a hundred local ports."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        ports = Path(folder.name) / "range"
        ports.write_text("1001\t1100\n")
        patched = mock.patch.object(capacity, "PORT_RANGE", ports)
        patched.start()
        self.addCleanup(patched.stop)

    def test_clients_that_fit_lack_nothing(self) -> None:
        """To the last port, and from several addresses so many times more."""
        assert lack(Plan(clients=100), TARGET, 1, 1000) is None
        assert lack(Plan(clients=200, sources=("127.0.0.2", "127.0.0.3")), TARGET, 1, 1000) is None

    def test_one_client_more_than_ports(self) -> None:
        """It takes two addresses; a Unix socket takes no port."""
        said = lack(Plan(clients=101), TARGET, 1, 1000)
        assert said is not None
        assert "101 clients, but 100 local ports" in said
        assert "give 2 addresses with --source" in said
        assert lack(Plan(clients=101), parse_target("unix:/run/echo"), 1, 1000) is None

    def test_more_clients_than_open_files(self) -> None:
        """More processes help."""
        said = lack(Plan(clients=5000), TARGET, 1, 1000)
        assert said is not None
        assert "it may open 1,000 files" in said
        assert "6 --processes" in said
        assert "open" not in (lack(Plan(clients=5000), TARGET, 6, 1000) or "")

    def test_a_source_that_is_not_this_machine_s(self) -> None:
        """It is named; one that is, is not."""
        assert (problem_with_sources(Plan(sources=("192.0.2.1",)), TARGET) or "").startswith(
            "192.0.2.1: "
        )
        assert problem_with_sources(Plan(sources=("127.0.0.1",)), TARGET) is None


class ExhaustionTests(unittest.TestCase):
    """A machine, in a network namespace, that has two local ports, both taken."""

    def test_both_engines_name_it(self) -> None:
        """It is the cause of the client's failure."""
        inside = [program("unshare", "util-linux"), "-rn"]
        ip = program("ip", "iproute2")
        if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
            missing("network namespaces")
        done = subprocess.run(
            [*inside, sys.executable, "-c", _OUT_OF_PORTS, ip],
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        assert done.stdout.splitlines() == [
            "threads connect:no-local-port",
            "reactor connect:no-local-port",
        ], done.stderr
