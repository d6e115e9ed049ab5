"""`twistecho find`: what it takes, what it shows, what it writes, how it ends."""

import json
import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.commands import echoing, refused, twistecho, twistecho_apart
from tests.support.peers import unused_port

QUICK = ("--step-duration", "1s", "-e", "threads", "-c", "2", "--allow-lag", "20s")
"""Options of a search that takes little time, and does not mind a busy machine."""


class RefusedTests(unittest.TestCase):
    """Commands that make no sense: a line each, before anything runs."""

    def test_what_is_wrong_is_named(self) -> None:
        """By its option."""
        for wrong, said in {
            ("--min-rate", "2", "--max-rate", "1"): "--min-rate: it is higher than --max-rate",
            ("--min-rate", "0.1"): "--min-rate: 0.1/s is less than one message in a "
            "--step-duration of 5 s",
            ("--min-rate", "0"): "'--min-rate'",
            ("--max-rate", "1e99"): "'--max-rate'",
            ("--precision", "0"): "'--precision'",
            ("--precision", "200%"): "'--precision'",
            ("--step-duration", "10ms"): "'--step-duration'",
            ("--step-duration", "2h"): "'--step-duration'",
            ("--clients", "1..5:10s"): "'--clients'",
            ("--require", "p99 < fast"): "'--require'",
            ("--require", "p98 <= +5%"): "'--require'",
            ("--require", "stage 2: p99 < 5ms"): "--require: 'stage 2: p99 < 5ms': there is no",
            ("--require", "rate > 5k/s"): "--require: rate > 5k/s: the search itself sets",
            ("--require", "messages > 5"): "--require: messages > 5: the search itself sets",
            ("--require", "connect p99 < 5ms"): "--require: connect p99 < 5ms: it needs --rec",
            ("--rate", "5"): "--rate",
            ("--duration", "5"): "--duration",
            ("--think", "5"): "--think",
            ("--pipeline", "4", "--reconnect", "2"): "--pipeline",
            ("--protocol", "nowhere:Nothing"): "'--protocol'",
            ("--insecure",): "--insecure",
            ("--plot", "picture.gif"): "'--plot'",
            ("--json", "/nowhere/x.json"): "'--json'",
        }.items():
            with self.subTest(wrong=wrong):
                assert said in refused("find", "5000", *wrong)

    def test_two_files_of_one_name(self) -> None:
        """Nobody can have both."""
        with TemporaryDirectory() as folder:
            name = f"{folder}/x.svg"
            assert "--plot" in refused("find", "5000", "--json", name, "--plot", name)


class EndTests(unittest.TestCase):
    """Whole searches, which take a step or two."""

    def test_nobody_is_reached(self) -> None:
        """One line more than the steps, exit code 1; the files say so, too."""
        with TemporaryDirectory() as folder:
            name = f"{folder}/x.json"
            target = f"127.0.0.1:{unused_port()}"
            ended = twistecho("find", target, *QUICK, "--quiet", "--json", name)
            assert (ended.code, ended.out) == (1, "")
            assert ended.err == f"Error: {target}: connect:refused, nothing listens there\n"
            told = json.loads(Path(name).read_text())
        assert (told["rate"], told["unreachable"]) == (None, "connect:refused")

    def test_at_least_the_most(self) -> None:
        """The answer comes first, and the files are written."""
        with TemporaryDirectory() as folder, echoing(reply="raw") as target:
            name, picture = f"{folder}/x.json", f"{folder}/x.svg"
            ended = twistecho("find", target, *QUICK, "--max-rate", "20", "--json", name,
                              "--plot", picture, "--require", "p50 < 20s")  # fmt: skip
            told = json.loads(Path(name).read_text())
            drawn = Path(picture).read_text()
        assert ended.code == 0, ended
        first, *rest = ended.out.splitlines()
        assert first.startswith("✓ at least 20/s with p50 < 20s")
        assert "Nothing above 20/s was tried: see --max-rate." in ended.out
        assert "passed" in rest[-1]
        assert all(len(line) <= 80 for line in ended.out.splitlines())
        heading, step = ended.err.splitlines()
        assert heading == f"Searching for the highest rate with p50 < 20s: {target}, 2 clients"
        assert step.split()[:2] == ["✓", "20/s"]
        assert (told["rate"], told["at_least"], told["limit"]) == (20, True, "max-rate")
        [only] = told["steps"]
        assert only["passed"]
        assert only["measured"]["latency"]
        assert "at least 20/s" in drawn
        assert "p50 &lt; 20s" in drawn

    def test_not_even_the_least(self) -> None:
        """Exit code 1; JSON may go to standard output, and people's lines make room for it."""
        with echoing(reply="raw", delay=0.3) as target:
            # A busy machine adds some milliseconds: little beside the service's delay.
            ended = twistecho("find", target, *QUICK, "-c", "20", "--min-rate", "20",
                              "--max-rate", "20", "--rate-tolerance", "0",
                              "--require", "p50 < 100ms", "--json", "-", "--quiet")  # fmt: skip
        assert ended.code == 1, ended
        told = json.loads(ended.out)
        assert (told["rate"], told["interval"]) == (None, [None, 20])
        assert len(told["steps"]) == 2
        assert "not even 20/s with p50 < 100ms" in ended.err
        assert "20/s did not pass, twice: p50 was" in ended.err

    def test_a_stream_of_ascii(self) -> None:
        """Has other marks, and nothing that it cannot write."""
        with echoing(reply="raw") as target:
            command = ["find", target, *QUICK, "--max-rate", "20", "--quiet"]
            ended = subprocess.run(
                [sys.executable, "-m", "twistecho", *command],
                env={**os.environ, "PYTHONIOENCODING": "ascii"},
                capture_output=True,
                timeout=60,
                check=False,
            )
        assert ended.returncode == 0, ended
        assert ended.stdout.startswith(b"+ at least 20/s")
        assert b"\\" not in ended.stdout

    def test_on_the_reactor_until_ctrl_c(self) -> None:
        """What is known is shown then; the exit code is that of Ctrl-C."""
        with echoing(reply="raw") as target:
            command = ["find", target, "-c", "2", "--step-duration", "1s", "--allow-lag", "20s"]
            with subprocess.Popen(
                [sys.executable, "-m", "twistecho", *command, "--min-rate", "20", "--max-rate",
                 "20", "--require", "p50 < 0s"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            ) as process:  # fmt: skip
                assert process.stderr is not None
                assert process.stdout is not None
                lines = [process.stderr.readline() for _ in range(2)]
                process.send_signal(signal.SIGINT)
                out, code = process.stdout.read(), process.wait(60)
        assert "missed p50 < 0s" in lines[1]
        assert code == 130, out
        assert "no result yet (interrupted)" in out.splitlines()[0]

    def test_help(self) -> None:
        """Options that a search sees to itself are not among those of it."""
        ended = twistecho_apart("find", "--help")
        assert ended.code == 0
        for option in ("--require", "--min-rate", "--max-rate", "--precision", "--plot"):
            assert option in ended.out
        for option in ("--warmup", "--barrier", "--ramp", "--verbose", "--repeat"):
            assert f" {option} " not in ended.out
