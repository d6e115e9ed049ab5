"""A plan carried out by several processes: one report, whatever becomes of them."""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import psutil
import pytest

from tests.support.commands import refused, twistecho
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.second import Second
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.runs.engine import ENGINES
from twistecho.fleet.runs.fleet_process import FleetProcess
from twistecho.fleet.runs.part_processes import PartError
from twistecho.fleet.runs.run import show_nothing
from twistecho.fleet.runs.several import Parts, run_processes
from twistecho.testing.servers import EchoServer

LONGEST_WAIT = 30.0


def wait_until_answered(parts: Parts, messages: int) -> None:
    """Wait until so many messages have been answered, all parts together."""
    deadline = time.monotonic() + LONGEST_WAIT
    while parts.progress().answered < messages:
        assert time.monotonic() < deadline, parts.progress()
        time.sleep(0.02)


class PartsTests(unittest.TestCase):
    """Several processes against one server."""

    def setUp(self) -> None:
        """Start a server."""
        self.server = EchoServer()
        self.addCleanup(self.server.stop)
        self.target = parse_target(f"127.0.0.1:{self.server.port}")

    def plan(self, **fields: object) -> Plan:
        """Make a plan of raw replies."""
        return Plan(**{"clients": 5, "reply": ReplyFormat.RAW, "timeout": 20.0, **fields})  # type: ignore[arg-type]

    def test_the_second_that_is_told_of_is_one_of_all_parts(self) -> None:
        """Whoever told of it last."""
        parts = Parts("threads", self.plan(clients=2), self.target, 2)
        for part, last in zip(parts.parts, (4, 3), strict=True):
            for number in range(last + 1):
                told = Progress(number + 1.5, second=Second(number, {10: 1}))
                for _ in range(2):  # each is told of twice a second
                    part._take({"progress": told.to_dict()})
        assert parts.progress() == Progress(5.5, second=Second(3, {10: 2}))

    def test_all_clients_of_all_parts_are_in_one_report(self) -> None:
        """Their numbers follow each other, the counts are exact, each part has its share."""
        plan = self.plan(repeat=3, barrier=True, sources=("127.0.0.1", "127.0.0.2"))
        for engine in ENGINES:
            with (
                self.subTest(engine=engine),
                Parts(engine, plan, self.target, 2) as parts,
            ):
                report = parts.report()
                assert report.complete
                assert invalid(report) == ()
                assert report.plan == plan
                assert [outcome.client for outcome in report.outcomes] == list(range(5))
                assert [(part.clients, part.messages) for part in report.parts] == [(3, 9), (2, 6)]
        assert self.server.connections == 10

    def test_nobody_begins_before_all_have_connected(self) -> None:
        """Not in the other process either: here one is held up while the other's are connected."""
        plan = self.plan(clients=4, barrier=True)
        with Parts("reactor", plan, self.target, 2) as parts:
            parts.parts[1].process.send_signal(signal.SIGSTOP)
            deadline = time.monotonic() + LONGEST_WAIT
            while self.server.connections < 2:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            connected = time.monotonic()
            time.sleep(0.3)
            held = time.monotonic() - connected
            parts.parts[1].process.send_signal(signal.SIGCONT)
            report = parts.report()
        assert report.complete
        waited = [(o.replied or 0.0) - (o.connected or 0.0) for o in report.outcomes[:2]]
        assert min(waited) >= held

    def test_a_part_that_dies_is_named_and_the_others_are_kept(self) -> None:
        """Its clients are missing: the report is invalid and says of whom."""
        plan = self.plan(clients=4, duration=30.0, think=0.01)
        with Parts("reactor", plan, self.target, 2) as parts:
            wait_until_answered(parts, 4)
            parts.parts[1].process.send_signal(signal.SIGKILL)
            parts.interrupt()
            report = parts.report()
        assert [part.problem for part in report.parts] == [None, "killed by SIGKILL"]
        assert {outcome.client for outcome in report.outcomes} == {0, 1}
        assert report.messages > 0
        assert "part process 2 of 2: killed by SIGKILL" in invalid(report)

    def test_a_part_that_dies_before_its_barrier_holds_nobody_up(self) -> None:
        """The others begin without it."""
        plan = self.plan(clients=4, barrier=True, ramp=4.0)
        with Parts("threads", plan, self.target, 2) as parts:
            parts.parts[0].process.send_signal(signal.SIGKILL)
            report = parts.report()
        assert {outcome.client for outcome in report.outcomes if outcome.answered} == {2, 3}

    def test_parts_that_are_left_early_are_gone(self) -> None:
        """Also where they have not passed their barrier."""
        plan = self.plan(clients=4, barrier=True, ramp=0.1)
        with contextlib.suppress(KeyboardInterrupt), Parts("threads", plan, self.target, 2) as run:
            for part in run.parts:
                part.wait_for_begin(LONGEST_WAIT)
            raise KeyboardInterrupt
        assert [part.process.returncode for part in run.parts] == [-signal.SIGKILL] * 2

    def test_parts_that_are_interrupted_before_they_begin_interrupt_the_run(self) -> None:
        """There is nothing to report."""

        @contextlib.contextmanager
        def interrupting(_progress: object) -> Iterator[None]:
            signal.raise_signal(signal.SIGINT)
            yield

        with pytest.raises(KeyboardInterrupt):
            run_processes("reactor", Plan(clients=2), parse_target("localhost:1"), 2, interrupting)

    def test_one_barrier_is_one_time(self) -> None:
        """Each part began to count by itself: load was offered by all of them together."""
        plan = self.plan(duration=0.3, think=0.01, barrier=True)
        report = run_processes("threads", plan, self.target, 2, show_nothing)
        begun = [outcome.offered_from or 0.0 for outcome in report.outcomes]
        self.assertAlmostEqual(min(begun[:3]), min(begun[3:]), 6)
        assert min(begun) > 0

    def test_interrupted_parts_report_what_they_found(self) -> None:
        """Nothing is lost, and the whole is marked."""
        plan = self.plan(duration=30.0, think=0.01, barrier=True)
        for engine in ENGINES:
            with self.subTest(engine=engine), Parts(engine, plan, self.target, 2) as parts:
                wait_until_answered(parts, 1)  # so all have connected
                parts.interrupt()
                report = parts.report()
                assert report.interrupted
                assert invalid(report) == ()
                assert set(report.interruptions) == {"receive:interrupted"}

    def test_parts_are_interrupted_once_all_have_started(self) -> None:
        """Ctrl-C may come while they start: each is told once, since twice would kill it."""
        told: list[tuple[int, int]] = []
        parts = Parts("threads", self.plan(clients=2), self.target, 2)
        start = FleetProcess.__enter__

        def starting(part: FleetProcess) -> FleetProcess:
            started = start(part)
            if part is parts.parts[0]:
                parts.interrupt()
                assert told == []
            return started

        with (
            mock.patch.object(FleetProcess, "__enter__", starting),
            mock.patch.object(
                FleetProcess, "_signal", lambda part, number: told.append((number, part.plan.first))
            ),
            parts,
        ):
            assert told == [(signal.SIGINT, 0), (signal.SIGINT, 1)]
            parts.interrupt()
            assert len(told) == 4
            report = parts.report()
        assert report.interrupted
        assert report.complete

    def test_a_second_is_told_once_no_part_will_tell_more_of_it(self) -> None:
        """Who has ended holds nobody up, and what was taken is kept no longer."""
        parts = Parts("threads", self.plan(clients=2), self.target, 2, seconds=True)
        one, two = parts.parts
        for number in range(3):
            one.seconds.add(Second(number, {1_000: 1}))
        assert parts.seconds(-1) == []
        two.seconds.add(Second(0, {1_000: 2, 2_000: 1}))
        assert parts.seconds(-1) == [Second(0, {1_000: 3, 2_000: 1})]
        assert parts.seconds(0) == []
        assert one.seconds.of(0) == Second(0, {})
        two._ended.set()
        assert parts.seconds(0) == [Second(1, {1_000: 1}), Second(2, {1_000: 1})]
        two.seconds.add(Second(3, {2_000: 5}))
        assert parts.seconds(2) == []
        assert parts.seconds(2, over=True) == [Second(3, {2_000: 5})]

    def test_parts_tell_their_seconds_where_they_are_wanted(self) -> None:
        """All that the report has in its intervals, and nothing otherwise."""
        for wanted in (True, False):
            plan = self.plan(clients=4, repeat=3)
            with Parts("threads", plan, self.target, 2, seconds=wanted) as parts:
                report = parts.report()
                told = parts.seconds(-1, over=True)
            answered = [interval.answered for interval in report.measured.intervals]
            assert [second.answered for second in told] == (answered if wanted else [])

    def test_a_target_that_the_engine_cannot_reach_is_refused(self) -> None:
        """With what the engine says, once."""
        target = parse_target("tcp:host=127.0.0.1:port=1")
        with (
            Parts("threads", self.plan(), target, 2) as parts,
            self.assertRaisesRegex(PartError, "threads engine cannot connect"),
        ):
            parts.report()

    def test_no_part_outlives_the_command(self) -> None:
        """Not even one that was killed."""
        arguments = ["-r", "raw", "-c", "4", "-n", "1000000", "--processes", "2"]
        command = [sys.executable, "-m", "twistecho", "fleet", str(self.server.port), *arguments]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            children: list[psutil.Process] = []
            while len(children) < 2:
                children = psutil.Process(run.pid).children()
                time.sleep(0.01)
            run.kill()
        gone, alive = psutil.wait_procs(children, timeout=LONGEST_WAIT)
        assert len(gone) == 2
        assert not alive


class CommandTests(unittest.TestCase):
    """``twistecho fleet --processes``, as a user runs it."""

    def test_ctrl_c_shows_and_writes_what_was_found(self) -> None:
        """Exit code 130, and a report of both parts that says that it was interrupted."""
        server = EchoServer()
        self.addCleanup(server.stop)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "found.json"
            arguments = ["-r", "raw", "-c", "4", "-n", "1000000", "-P", "2", f"--json={path}"]
            command = [sys.executable, "-m", "twistecho", "fleet", str(server.port), *arguments]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
                deadline = time.monotonic() + LONGEST_WAIT
                while server.connections < 4:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                run.send_signal(signal.SIGINT)
                shown, _ = run.communicate(timeout=LONGEST_WAIT)
            assert run.returncode == 130, shown
            assert "process 2 of 2" in shown
            found = json.loads(path.read_text())
            assert found["interrupted"]
            assert len(found["outcomes"]) == 4

    def test_what_makes_no_sense_is_one_line_and_exit_code_2(self) -> None:
        """Naming the option; nothing is run."""
        for arguments, words in (
            (["--processes", "0"], "--processes: 0 is neither auto nor a number from 1"),
            (["--processes", "many"], "--processes: many is neither"),
            (["--processes", "2", "--verbose"], "--processes: it contradicts --verbose"),
            (["--processes", "2", "--in-order"], "--processes: it contradicts --in-order"),
            (["--source", "nowhere"], "'--source': 'nowhere' does not appear to be"),
        ):
            with self.subTest(arguments=arguments):
                assert words in refused("fleet", "1", *arguments)

    def test_a_machine_without_room_is_one_line_and_exit_code_1(self) -> None:
        """It says what would help."""
        for arguments, words in (
            (["-c", "100000000"], "--processes or more"),
            (["--source", "192.0.2.1"], "--source: 192.0.2.1: "),
        ):
            with self.subTest(arguments=arguments):
                ended = twistecho("fleet", "1", *arguments)
                assert ended.code == 1
                assert words in ended.err
                assert ended.err.count("\n") == 1
