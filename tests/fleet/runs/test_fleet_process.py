"""A fleet in a process of its own: what it is told, what it says, and its end."""

import io
import os
import signal
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import pytest

from twistecho.base.processes import INTERRUPTED
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.runs import fleet_process
from twistecho.fleet.runs.engine import ENGINES
from twistecho.fleet.runs.fleet_process import FleetError, FleetProcess, decoding
from twistecho.testing.servers import EchoServer

LONGEST_WAIT = 30.0


class FleetProcessTests(unittest.TestCase):
    """As its parent sees it, against a server."""

    def setUp(self) -> None:
        """Start a server."""
        server = EchoServer()
        self.addCleanup(server.stop)
        self.target = parse_target(f"127.0.0.1:{server.port}")

    def test_messages_that_are_no_text_reach_the_server(self) -> None:
        """The plan goes as JSON, whatever its bytes; a barrier is passed without anybody's help."""
        messages = (b"\xff\x00", b"text")
        plan = Plan(clients=2, messages=messages, reply=ReplyFormat.RAW, barrier=True)
        for engine in ENGINES:
            with self.subTest(engine=engine), FleetProcess(engine, self.target, plan) as clients:
                report = clients.wait_for_report()
                assert clients.began is not None
                assert report.complete
                assert (report.engine, report.plan) == (engine, plan)

    def test_it_begins_tells_how_far_it_is_and_reports_when_interrupted(self) -> None:
        """Waiting has a limit where one is wanted."""
        plan = Plan(clients=2, duration=60.0, think=0.01, reply=ReplyFormat.RAW)
        for engine in ENGINES:
            with self.subTest(engine=engine), FleetProcess(engine, self.target, plan) as clients:
                clients.wait_for_begin(LONGEST_WAIT)
                assert clients.began is not None
                while not clients.progress.answered:
                    assert not clients.wait(0.02)
                clients.interrupt()
                report = clients.wait_for_report()
                assert report.interrupted
                assert invalid(report) == ()

    def test_one_thread_decodes_at_a_time(self) -> None:
        """Two that decode a report for the first time would crash msgspec and the process."""
        held: list[bool] = []

        def decode(_data: object) -> Progress:
            held.append(decoding.locked())
            return Progress(0.0)

        for kind, said in ((Report, {"report": {}}), (Progress, {"progress": {}})):
            process = FleetProcess("threads", self.target, Plan(clients=1))
            with mock.patch.object(kind, "from_dict", decode):
                process._take(said)
        assert held == [True, True]
        assert not decoding.locked()

    def test_what_else_is_printed_there_breaks_nothing(self) -> None:
        """As by a user's protocol, or whatever is imported; it goes where our own output goes."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "sitecustomize.py").write_text("print('hello')\n", encoding="utf-8")
            with mock.patch.dict(os.environ, PYTHONPATH=folder):
                plan = Plan(clients=2, reply=ReplyFormat.RAW)
                with FleetProcess("reactor", self.target, plan) as clients:
                    assert clients.wait_for_report().complete

    def test_one_that_is_interrupted_before_it_begins_ends_without_a_word(self) -> None:
        """While it is imported nothing there sees to the signal."""
        plan = Plan(clients=2, duration=60.0, reply=ReplyFormat.RAW)
        with FleetProcess("reactor", self.target, plan) as clients:
            clients.interrupt()
            assert clients.wait(LONGEST_WAIT)
            assert clients.ended_before_its_clients
            assert clients.problem() == "interrupted before its clients began"

    def test_one_that_is_killed_gives_no_report(self) -> None:
        """Nor does it hold anybody up."""
        plan = Plan(clients=2, duration=60.0, reply=ReplyFormat.RAW)
        with FleetProcess("threads", self.target, plan) as clients:
            clients.wait_for_begin(LONGEST_WAIT)
            clients.kill()
            with pytest.raises(FleetError, match="the clients' process: killed by SIGKILL"):
                clients.wait_for_report()

    def test_what_an_engine_cannot_do_is_said_in_one_line(self) -> None:
        """An endpoint description is nothing for the threads engine."""
        target = Target("ssl:localhost:1")
        with (
            FleetProcess("threads", target, Plan(clients=1)) as clients,
            pytest.raises(FleetError, match=r"the threads engine cannot connect to ssl:loc.*$"),
        ):
            clients.wait_for_report()
        assert clients.process.returncode == 0


class ChildTests(unittest.TestCase):
    """What runs in that process, here."""

    def test_an_interrupt_before_its_clients_begin_ends_it_without_a_report(self) -> None:
        """With an exit code that says so, and without a word."""
        said, before = io.StringIO(), signal.getsignal(signal.SIGINT)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        with (
            mock.patch("sys.stdin.readline", lambda: signal.raise_signal(signal.SIGINT)),
            pytest.raises(SystemExit) as ended,
        ):
            fleet_process.main(said)
        assert ended.value.code == INTERRUPTED
        assert said.getvalue() == ""

    def test_a_parent_that_ends_before_it_says_anything_ends_it(self) -> None:
        """Without a word."""
        said, before = io.StringIO(), signal.getsignal(signal.SIGINT)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        with mock.patch("sys.stdin", io.StringIO()):
            fleet_process.main(said)
        assert said.getvalue() == ""
