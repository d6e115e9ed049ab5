"""The programs that take turns: their messages, counts and output, and that they end on failure.

Nothing is measured here.
"""

import json
import mmap
import socket
import subprocess
import sys
import unittest
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.programs import LOAD, Process, Programs, running
from bench.sides import ROOT
from tests.support.peers import read_exactly
from twistecho.base.reply_formats import REPLY_WRITERS, ReplyFormat

_CTIME = b"Sat Jul 22 18:43:57 2017"


class TurnTests(unittest.TestCase):
    """Against the C server."""

    def setUp(self) -> None:
        """Compile on demand; all processes end with the test."""
        held = self.enterContext(ExitStack())
        self._held = held
        self._folder = Path(held.enter_context(TemporaryDirectory()))
        self._programs = Programs(self._folder)
        self._count = self._folder / "count"
        self._count.write_bytes(bytes(8))

    def _running(self, *command: str) -> Process:
        return self._held.enter_context(running(command, LOAD))

    def _served(self, answers: str = "raw") -> str:
        command = [*self._programs.command("c"), "0", answers, str(self._count)]
        return self._running(*command).port()

    def _counted(self) -> int:
        with self._count.open("r+b") as file, mmap.mmap(file.fileno(), 8) as counted:
            return int.from_bytes(counted[:8], sys.byteorder)

    def test_the_server_writes_replies_as_ours_does(self) -> None:
        """In each format, except for the time; and it counts them."""
        for number, reply in enumerate(ReplyFormat, start=1):
            with self.subTest(reply=reply):
                wanted = REPLY_WRITERS[reply](b"abc", _CTIME.decode())
                address = ("127.0.0.1", int(self._served(reply.value)))
                with socket.create_connection(address, timeout=30) as connection:
                    connection.sendall(b"abc")
                    found = read_exactly(connection, len(wanted))
                stable = len(wanted) - (len(_CTIME) if reply is ReplyFormat.STAMPED else 0)
                assert found[:stable] == wanted[:stable]
                assert self._counted() == number

    def test_the_client_counts_what_the_server_has_answered(self) -> None:
        """Turn after turn; no reply is pending between them."""
        wanted = ["3", "64", str(64 + len("Resposta => ")), "!some text"]
        port = self._served("prefixed")
        client = self._running(*self._programs.command("client"), "turns", port, *wanted)
        assert client.line() == "begin"
        answered = 0
        for _ in range(2):
            client.tell("0.01")
            answered += int(client.numbers()[0])
            assert answered == self._counted() > 0

    def test_the_client_ends_where_replies_are_too_long(self) -> None:
        """Otherwise it would take the rest of one reply for the next."""
        load = [self._served("prefixed"), "3", "64", "64", ""]
        client = self._running(*self._programs.command("client"), "turns", *load)
        assert client.line() == "begin"
        client.tell("0.01")
        with self.assertRaisesRegex(RuntimeError, "ended without output"):
            client.line()

    def test_clients_count_what_the_server_has_answered(self) -> None:
        """Ours, by either engine, and the least one."""
        plan = json.dumps({"clients": 2, "messages": ["abc"]})
        answered = 0
        for name in ("reactor", "threads", "least"):
            with self.subTest(clients=name):
                port = self._served()
                least = [*self._programs.command("threads client"), port, "2", "abc"]
                ours = self._programs.fleet(name, port, plan)
                fleet = self._running(*(least if name == "least" else ours))
                for _ in range(2):
                    fleet.tell("0.05")
                    answered += int(fleet.numbers()[0])
                    assert answered == self._counted()

    def test_a_fleet_ends_where_its_plan_is_refused(self) -> None:
        """It prints nothing, so a waiting program notices."""
        for engine in ("reactor", "threads"):
            with self.subTest(engine=engine):
                command = self._programs.fleet(engine, "9", '{"reply": "nonesuch"}')
                ended = subprocess.run(
                    command, input="0.1\n", capture_output=True, text=True, check=False, timeout=60
                )
                assert ended.stdout == ""

    def test_the_fleets_import_public_names_only(self) -> None:
        """So they run with versions that have other modules."""
        source = ROOT / "bench" / "peers" / "fleet_in_turns.py"
        lines = [line.split("#")[0].strip() for line in source.read_text().splitlines()]
        assert [line for line in lines if "from twistecho" in line] == [
            "from twistecho import Plan, Report",
            "from twistecho import run_threads",
            "from twistecho.eagerreactor import install",
            "from twistecho import Fleet",
        ]
