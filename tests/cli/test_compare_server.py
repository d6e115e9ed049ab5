"""``twistecho compare --server``: a server of one's own beside the designs, end to end."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import TestCase, mock, skipUnless

from tests.support import DOCS
from tests.support.charts import texts
from tests.support.commands import refused, twistecho
from tests.support.designs_at_work import DEADLINE
from tests.support.own_servers import ECHO
from twistecho.compare import experiment, own_server
from twistecho.compare.comparison import Comparison
from twistecho.compare.names import ALL_DESIGNS

from .test_compare import compare, family, finished, gone

_ON_LINUX = skipUnless(sys.platform == "linux", "the kernel's part of this is Linux's")


def failed(*options: str) -> str:
    """Run a comparison that the world is in the way of; give the one line that it ends with."""
    ended = twistecho("compare", "--designs=threaded", *options)
    assert ended.code == 1, ended
    assert ended.out == ""
    [line] = ended.err.splitlines()
    return line


class FindingTests(TestCase):
    """What the command finds of it."""

    def test_it_stands_beside_the_five(self) -> None:
        """Last in every output, measured as they are, and its command is in the settings."""
        with tempfile.TemporaryDirectory() as directory:
            picture = Path(directory) / "picture.svg"
            code, found, shown = finished(
                f"--server={ECHO}", "--clients=2", "--delay=0", f"--plot={picture}"
            )
            assert code == 0, shown
            drawn = texts(picture.read_text(encoding="utf-8"))
            assert any(text.startswith("own_server: 2 of 2 answered") for text in drawn)
        assert [run.design for run in found.runs] == [*ALL_DESIGNS, "own_server"]
        cost = found.runs[-1].cost
        assert cost is not None
        assert cost.memory_peak > 2**20
        assert shlex.split(found.settings["server own_server"]) == shlex.split(ECHO)
        assert "own_server" in shown

    def test_several_stand_beside_the_designs_that_are_named(self) -> None:
        """By their names, driven by both engines."""
        code, found, shown = finished(
            "--designs=threaded", f"--server={ECHO}", f"--server=mine={ECHO}",
            "--clients=2", "--delay=0", "--engine=both",
        )  # fmt: skip
        assert code == 0, shown
        names = ["threaded", "own_server", "mine"]
        assert [run.design for run in found.runs] == [name for name in names for _ in range(2)]
        assert [run.report.engine for run in found.runs] == ["reactor", "threads"] * 3
        assert "mine threads" in shown

    def test_its_replies_are_checked_in_the_format_that_is_named(self) -> None:
        """Raw by default, whatever the designs are told."""
        own = ("--designs=threaded", "--clients=2", "--delay=0", f"--server={ECHO}")
        code, found, shown = finished(*own, "--reply=prefixed")
        assert code == 0, shown
        assert [str(run.report.plan.reply) for run in found.runs] == ["prefixed", "raw"]
        code, found, shown = finished(*own, "--server-reply=stamped")
        assert code == 1
        assert found.runs[0].report.complete
        assert found.runs[1].report.failures == {"receive:mismatch": 2}
        assert "own_server: --server-reply sets the format" in shown

    def test_it_can_be_killed_in_the_middle(self) -> None:
        """As the designs can: it is told with its name."""
        slow = ECHO.removesuffix(" 0") + " 30"
        code, found, shown = finished(
            "--designs=threaded", "--clients=2", "--delay=0", f"--server=slow={slow}",
            "--kill-after=0.5",
        )  # fmt: skip
        assert code == 1
        assert [run.server_ended for run in found.runs] == [None, "killed by SIGKILL"]
        assert "slow, 2 clients: the server ended during the run: killed by SIGKILL." in shown


class DocumentationTests(TestCase):
    """The example in docs/designs.md."""

    def setUp(self) -> None:
        """Read its section."""
        page = (DOCS / "designs.md").read_text(encoding="utf-8")
        self.section = page.partition("## A server of your own\n")[2].partition("\n## ")[0]

    def test_the_page_shows_the_server_as_it_is(self) -> None:
        """What is read there is what runs here."""
        code = (DOCS / "own_server.py").read_text(encoding="utf-8")
        assert f"```python\n{code[code.index('import') :]}```" in self.section

    def test_its_command_shows_what_the_page_says(self) -> None:
        """Run as it stands there: columns and rows are the same, and everybody is answered."""
        [line] = re.findall(r"^\$ (twistecho .*)$", self.section, re.MULTILINE)
        [told] = re.findall(r"```text\n\.\.\.\n(.*?)```", self.section, re.DOTALL)
        programs = str(Path(sys.executable).parent)
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(line), "--no-timeline"],
            cwd=DOCS, capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}",
                 "PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        shown = done.stdout.splitlines()
        assert [_row(line) for line in shown[1:] if line] == [
            _row(line) for line in told.splitlines()[1:] if line
        ]
        assert [line.split() for line in shown if "own_server" in line][1:] == [
            ["20", "clients", "threaded", "twisted", "own_server"],
            ["cost", "threaded", "twisted", "own_server"],
        ]
        assert ["clients", "answered", "20", "20", "20"] in [line.split() for line in shown]


def _row(line: str) -> str:
    """Return the name of a row of a table; what is below its head is as long as it has to be."""
    return line.partition("  ")[0].rstrip("\u2500")


class ErrorTests(TestCase):
    """One clear line: exit code 2 for the command line, 1 for the world."""

    def test_a_command_line_that_makes_no_sense_names_the_option(self) -> None:
        """Before anything is started."""
        for options, problem in (
            (["--server=sh server"], "'--server' / '-s': 'sh server' has no {port}"),
            (["--server=nowhere-to-be-found {port}"], "there is no such program"),
            (["--server=sh 'x {port}"], "no closing quotation"),
            (["--server="], "there is no command"),
            (["--server=twisted=sh {port}"], "--server: 'twisted' is the name of a design"),
            (["--server=a=sh {port}"] * 2, "--server: 'a' is the name of another server"),
            (["--server-reply=raw"], "--server-reply: there is no --server"),
            ([f"--server={ECHO}", "--server-reply=loud"], "--server-reply"),
        ):
            with self.subTest(options=options):
                assert problem in refused("compare", *options)

    def test_a_server_that_ends_early_is_named_with_what_it_said(self) -> None:
        """Escaped, and before the designs have run."""
        with mock.patch.object(experiment, "LaunchedServer", side_effect=AssertionError):
            said = failed(
                "--server=broken=sh -c 'echo one; printf \"t\\033wo\" >&2; exit 3' {port}"
            )
        pattern = (
            r"Error: broken: ended before it accepted connections on 127\.0\.0\.1:\d+: "
            r"exit code 3; its last output: one \| t\\x1bwo"
        )
        assert re.fullmatch(pattern, said), said

    def test_a_server_that_never_listens_is_named_with_the_time_that_it_had(self) -> None:
        """It is not waited for without end."""
        with mock.patch.object(own_server, "START_SECONDS", 0.3):
            said = failed("--server=silent=sleep 1000 {port}")
        pattern = r"Error: silent: no connection to 127\.0\.0\.1:\d+ within 300 ms"
        assert re.fullmatch(pattern, said), said


class CleanupTests(TestCase):
    """Nothing is left behind, however the command ends."""

    def _ended_by(self, number: signal.Signals) -> tuple[int, str]:
        slow = ECHO.removesuffix(" 0") + " 30"
        command = shlex.join(["sh", "-c", f"{slow} & setsid sleep 1000 & wait"])
        with compare("--designs=threaded", f"--server=own={command}", "--clients=2") as process:
            # The guard, the shell, the server, the one that sleeps, and the clients' process.
            members = family(process, 5)
            process.send_signal(number)
            _, shown = process.communicate(timeout=DEADLINE)
        assert gone(members), "processes are left"
        return process.returncode, shown

    @_ON_LINUX
    def test_ctrl_c_ends_everything_with_exit_code_130(self) -> None:
        """One line, no traceback, no process."""
        assert self._ended_by(signal.SIGINT) == (130, "Error: interrupted\n")

    @_ON_LINUX
    def test_a_killed_command_leaves_no_process(self) -> None:
        """Although nobody could tell the server's children: SIGTERM has no handler either."""
        for number in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(number=number):
                assert self._ended_by(number)[0] == -number

    def test_json_on_standard_output_is_json_alone(self) -> None:
        """What the server says stays out of it."""
        talks = shlex.join(["sh", "-c", f"echo loud; echo loud >&2; exec {ECHO}"])
        ended = twistecho(
            "compare", "--designs=threaded", f"--server=own={talks}", "--clients=1", "--json=-",
            "--delay=0",
        )  # fmt: skip
        assert ended.code == 0, ended
        assert json.loads(ended.out)["runs"][1]["design"] == "own"
        assert Comparison.from_json(ended.out).complete
        assert "loud" not in ended.err
