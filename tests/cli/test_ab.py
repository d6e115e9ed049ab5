"""``twistecho ab``: what is refused, what ends it, and what is known when it is interrupted."""

import json
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests.support.commands import echoing, refused, twistecho
from twistecho.cli.run_ab import _invalid
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.turns import Turns
from twistecho.fleet.reports.comparison import compare
from twistecho.fleet.reports.histograms import Measured
from twistecho.fleet.reports.report import Report
from twistecho.fleet.search.side_by_side import SideBySide


class AbCommandTests(unittest.TestCase):
    """Two targets in turn."""

    def test_what_makes_no_sense_is_refused_in_one_line(self) -> None:
        """Naming the option, or which of the targets it is."""
        for arguments, problem in (
            (["1", "nonsense:"], "B: 'nonsense:' is not host:port or"),
            (["1", "2", "--pairs", "19"], "'--pairs'"),
            (["1", "2", "--slice", "0.5"], "0.5 is not a time from 1 s to 600 s"),
            (["1", "2", "--require", "p99 < 5ms"], "is not like 'p99 <= +5%'"),
            (["1", "2", "--insecure"], "--insecure: 127.0.0.1:1 is not a tls: target"),
            (["1", "2", "--rate", "5", "--think", "1"], "--think: it contradicts --rate"),
            (["1", "2", "--duration", "5"], "No such option '--duration'"),
            (["1", "2", "--rate", "100:30s"], "'100:30s' is not"),
            (["1", "ssl:localhost:1", "-e", "threads"], "B: the threads engine cannot connect"),
            (["1", "2", "-c2", "--processes", "3"], "--processes: 3 is neither auto nor a number"),
        ):
            with self.subTest(arguments=arguments):
                assert problem in refused("ab", *arguments)

    def test_a_target_where_nobody_listens_is_said_in_one_line(self) -> None:
        """At once, and which one it is."""
        with echoing(reply="raw") as target:
            for more in ([], ["--processes", "2"]):
                ended = twistecho(
                    "ab", target, "127.0.0.1:1", "-rraw", "-c2", "-q", "-e", "threads", *more
                )
                assert (ended.code, ended.out) == (1, "")
                problem = "no message was answered: connect:refused"
                assert ended.err == f"Error: B, 127.0.0.1:1: {problem}\n"

    def test_processes_that_began_apart_make_it_invalid(self) -> None:
        """By more than half of what counts not of a slice; what both have is said once."""
        nothing = compare([])
        plan = Plan(clients=2)
        reports = tuple(
            Report("threads", target, plan, (), Measured()) for target in ("one", "two")
        )
        found = SideBySide(nothing, nothing, {}, (reports[0], reports[1]), apart=0.26)
        for turns, more in ((Turns(20), 1), (Turns(20, 6.0), 0)):
            reasons = [*_invalid(found, turns, 0.99)]
            assert reasons[0] == "clients missing: 2 of 2"
            assert len(reasons) == 1 + more
        assert "0.26 s apart: more than half of the 0.5 s" in [*_invalid(found, Turns(20), 0.99)][1]

    def test_interrupted_it_says_what_it_knows(self) -> None:
        """With either engine; what was asked for is written, and the exit code is 130."""
        for engine in ("reactor", "threads"):
            with (
                self.subTest(engine=engine),
                tempfile.TemporaryDirectory() as folder,
                echoing(reply="raw") as target,
            ):
                file = Path(folder, "ab.json")
                process = subprocess.Popen(
                    [sys.executable, "-m", "twistecho", "ab", target, target, "-rraw", "-c2",
                     "--slice", "1s", "-e", engine, "--json", str(file)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )  # fmt: skip
                assert process.stderr is not None
                assert "connected" in process.stderr.readline()
                process.send_signal(signal.SIGINT)
                shown, _ = process.communicate(timeout=30)
                assert process.returncode == 130
                assert "Interrupted. Too early to say: " in shown.splitlines()[1]
                assert json.loads(file.read_text())["interrupted"]
                assert "INVALID" not in shown
