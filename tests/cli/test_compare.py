"""``twistecho compare`` end to end: the real command, its figures, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast
from unittest import TestCase, mock, skipUnless

import psutil

from tests.support.commands import refused, twistecho
from tests.support.designs_at_work import DEADLINE, alive
from twistecho.compare.comparison import Comparison

_ON_LINUX = skipUnless(sys.platform == "linux", "the kernel's part of this is Linux's")


def compare(*options: str) -> "subprocess.Popen[str]":
    """Start the command; its JSON comes on standard output, the rest on standard error."""
    return subprocess.Popen(
        [sys.executable, "-m", "twistecho", "compare", "--json=-", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"},
    )


def finished(*options: str) -> tuple[int, Comparison, str]:
    """Run the command here, to its end; give its code, what it found and what it showed."""
    with mock.patch.dict(os.environ, COLUMNS="100"):
        ended = twistecho("compare", "--json=-", *options)
    return cast("int", ended.code), Comparison.from_json(ended.out), ended.err


def family(process: "subprocess.Popen[str]", members: int) -> list[psutil.Process]:
    """Wait until a process has so many descendants; give them."""
    deadline = time.monotonic() + DEADLINE
    parent = psutil.Process(process.pid)
    while time.monotonic() < deadline:
        found = parent.children(recursive=True)
        if len(found) >= members:
            return found
        time.sleep(0.02)
    raise AssertionError(f"never had {members} descendants")


def gone(processes: list[psutil.Process]) -> bool:
    """Wait until processes have ended, as long as a test may take."""
    deadline = time.monotonic() + DEADLINE
    while any(alive(process.pid) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class ExtraTests(TestCase):
    """What is not installed unless it is asked for."""

    def test_without_psutil_a_line_says_what_to_install(self) -> None:
        """Nothing is run, and no traceback is shown."""
        with mock.patch.dict(sys.modules, psutil=None):
            ended = twistecho("compare", "--clients=2")
        line = "Error: twistecho compare needs psutil: pip install 'twistecho[compare]'\n"
        assert ended == (1, "", line)


class FindingTests(TestCase):
    """What the command finds."""

    def test_every_design_answers_and_shows_what_it_is(self) -> None:
        """All five: staircases where clients queue, no failures, and what each design takes."""
        code, found, shown = finished("--clients=6", "--delay=0.1")
        assert code == 0, shown
        designs = [run.design for run in found.runs]
        assert designs == ["sequential", "threaded", "forking", "select", "twisted"]
        runs = {run.design: run for run in found.runs}
        for one_by_one in ("sequential", "select"):
            assert runs[one_by_one].report.makespan >= 6 * 0.1
        assert runs["threaded"].most_in_progress == 6
        costs = {name: run.cost for name, run in runs.items() if run.cost}
        assert costs.keys() == runs.keys()
        # Children that live for 0.1 s may not be seen; those that stay are, in test_launch.
        assert all(cost.memory_peak > 2**20 for cost in costs.values())
        # Who waited, what that means, the figures, and apart from them the cost.
        order = ["├─", "end: done", " served ", "clients answered", "\ncost"]
        assert sorted(order, key=shown.index) == order

    def test_both_engines_drive_the_same_clients(self) -> None:
        """A run each, named by engine."""
        code, found, shown = finished("--designs=threaded", "--engine=both", "--clients=2")
        assert code == 0, shown
        assert [run.report.engine for run in found.runs] == ["reactor", "threads"]
        assert "threaded threads" in shown

    def test_the_plan_and_the_reply_format_reach_both_sides(self) -> None:
        """Every message of every repeat, text or not, is answered in the format asked for."""
        code, found, _ = finished(
            "--designs=select,twisted", "--clients=3", "--message=one", "--message=\udcff",
            "--repeat=2", "--reply=raw", "--delay=0", "--delay-per=reply", "--no-timeline",
        )  # fmt: skip
        assert code == 0
        for run in found.runs:
            assert run.report.messages == 3 * 4
            assert run.report.bytes_returned == 3 * 2 * 4

    def test_what_is_drawn_goes_over_connections_that_are_made_anew(self) -> None:
        """The same bytes to each server, over as many connections; no line a client is drawn."""
        code, found, shown = finished(
            "--designs=sequential,threaded,twisted", "--clients=2", "--repeat=3", "--delay=0",
            "--reconnect=1", "--size=uniform:1,3k", "--payload=text", "--seed=7",
        )  # fmt: skip
        assert code == 0, shown
        assert [run.report.connects for run in found.runs] == [6, 6, 6]
        assert len({run.report.bytes_returned for run in found.runs}) == 1
        assert {run.report.plan.seed for run in found.runs} == {7}
        assert all(len(run.connect_times) == 6 for run in found.runs)
        assert "connect rate" in shown
        assert "├─" not in shown

    def test_what_does_not_go_together_is_refused_in_one_line(self) -> None:
        """Before anything is started; a design is named whose replies are the matter."""
        with tempfile.TemporaryDirectory() as folder:
            payload = Path(folder, "payload")
            payload.write_bytes(b"Resposta => ")
            row = f"--payload=file:{payload}"
            for arguments, problem in (
                (["--payload=text"], "--payload: it needs --size"),
                (["--size=1k", "-mx"], "--size: it contradicts --message, unless a payload"),
                (["--escapes"], "--escapes: there is no --message"),
                (["-mx", f"--message-file={payload}"], "--message-file: it contradicts --message"),
                (["-mx", "--weights=1,2"], "--weights: there are 2 for 1 --message"),
                (["--reconnect=0"], "'--reconnect'"),
                (["--reconnect=1", "--timeline"], "--timeline: it contradicts --reconnect"),
                (["--reconnect=1", "--plot=x.svg"], "--plot: with --reconnect it needs several"),
                (["--size=2k", row], "prefixed replies begin, as those of sequential do"),
                (["--size=2k", row, "-rprefixed"], "with which prefixed replies begin"),
            ):
                with self.subTest(arguments=arguments):
                    assert problem in refused("compare", *arguments)

    def test_growth_gives_the_table_for_every_number_of_clients(self) -> None:
        """And a picture of makespan, memory and failures."""
        with tempfile.TemporaryDirectory() as directory:
            picture = Path(directory) / "growth.svg"
            code, found, shown = finished(
                "--designs=threaded", "--clients=2,4", "--delay=0", f"--plot={picture}"
            )
            assert code == 0, shown
            assert picture.stat().st_size > 1000
        assert found.sizes == [2, 4]
        assert "2 clients" in shown
        assert "4 clients" in shown
        assert "├─" not in shown


class ErrorTests(TestCase):
    """The notebook's errors, reproduced on purpose with documented settings."""

    def test_a_server_that_is_killed_resets_who_was_queued_and_refuses_who_was_not(self) -> None:
        """Seven are connected, the others are still asking when the server goes."""
        code, found, shown = finished("--designs=sequential", "--delay=0.4", "--kill-after=0.7")
        assert code == 1
        [run] = found.runs
        assert run.server_ended == "killed by SIGKILL"
        assert run.report.answered >= 1
        assert run.report.failures.get("receive:reset", 0) >= 1
        assert run.report.failures.get("connect:refused", 0) >= 1
        assert "reset by peer" in shown
        assert "the server ended during the run: killed by SIGKILL" in shown

    def test_a_client_that_will_not_wait_times_out(self) -> None:
        """With a timeout below its turn, in the queue or before it."""
        code, found, shown = finished(
            "--designs=sequential", "--delay=0.5", "--timeout=0.8", "--no-timeline"
        )
        assert code == 1
        failures = found.runs[0].report.failures
        assert failures.get("connect:timeout", 0) >= 1
        assert failures.get("receive:timeout", 0) >= 1
        assert "timed out" in shown

    @_ON_LINUX
    def test_a_full_queue_shows_as_connects_that_were_retried(self) -> None:
        """The backlog holds six; the other connects go unanswered, and are made again."""
        code, found, shown = finished("--designs=sequential", "--delay=0.1")
        assert code == 0
        assert found.runs[0].connects_retried >= 1
        assert "connect retried: the server's queue was full" in shown


class CleanupTests(TestCase):
    """Nothing is left behind, however the command ends."""

    def _interrupted(self, number: signal.Signals) -> tuple[int, str]:
        with compare("--designs=forking", "--delay=30") as process:
            # The server with its twenty children, and the clients' process.
            members = family(process, 22)
            process.send_signal(number)
            _, shown = process.communicate(timeout=DEADLINE)
        assert gone(members), "processes are left"
        return process.returncode, shown

    def test_ctrl_c_ends_everything_with_exit_code_130(self) -> None:
        """One line, no traceback, no process."""
        code, shown = self._interrupted(signal.SIGINT)
        assert code == 130
        assert shown.strip() == "Error: interrupted"

    @_ON_LINUX
    def test_a_killed_command_leaves_no_process(self) -> None:
        """Neither servers nor their children nor clients, although nobody could tell them."""
        code, _ = self._interrupted(signal.SIGKILL)
        assert code == -signal.SIGKILL

    def test_a_killed_server_is_reported_and_leaves_no_process(self) -> None:
        """Whoever kills a design in the middle reads about it, with the clients' causes."""
        with compare("--designs=forking", "--clients=5", "--delay=30", "--no-timeline") as process:
            members = family(process, 7)
            server = next(p for p in members if "serve" in p.cmdline())
            server.kill()
            out, shown = process.communicate(timeout=DEADLINE)
        assert process.returncode == 1
        [run] = json.loads(out)["runs"]
        assert run["server_ended"] == "killed by SIGKILL"
        assert set(_causes(run)) <= {"receive:reset", "receive:closed"}
        assert "the server ended during the run" in shown
        assert gone(members), "processes are left"


def _causes(run: dict[str, Any]) -> list[str]:
    return [outcome["cause"] for outcome in run["report"]["outcomes"]]
