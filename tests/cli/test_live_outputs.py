"""What a fleet gives out while it runs: lines of JSON, metrics; and what becomes of a bad place."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path
from unittest import mock

from tests.cli.test_streams import TWISTECHO, shell
from tests.support.commands import echoing, refused, twistecho
from tests.support.peers import unused_port
from twistecho import Report
from twistecho.cli import live_outputs
from twistecho.cli.live_outputs import Place, parse_place

THREADS = ("--engine", "threads")
RUN = ("-r", "raw", "-c2", "-n3", "-q")
TIMEOUT = 30.0


def answered(url: str) -> float:
    """Ask how many messages were answered."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as page:  # noqa: S310 - our own
        text = page.read().decode()
    [value] = re.findall(r"^twistecho_fleet_messages_answered_total (.*)$", text, re.MULTILINE)
    return float(value)


class LinesTests(unittest.TestCase):
    """``--json-lines``."""

    def setUp(self) -> None:
        """Have a server, and a folder."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.target = self.enterContext(echoing(reply="raw"))

    def test_a_line_comes_while_the_run_goes_on(self) -> None:
        """Of each second, of both engines and of several processes."""
        for how in (("-e", "reactor"), THREADS, ("-P", "2")):
            arguments = ["-r", "raw", "-c2", "--think", "10ms", "--duration", "60s", *how]
            command = [sys.executable, "-m", "twistecho", "fleet", self.target, *arguments]
            with (
                self.subTest(how=how),
                subprocess.Popen(
                    [*command, "--json-lines", "-"],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                ) as run,
            ):
                assert run.stdout is not None
                lines = [json.loads(run.stdout.readline()) for _ in range(2)]
                assert run.poll() is None
                run.send_signal(2)
                rest, shown = run.communicate(timeout=TIMEOUT)
                assert run.returncode == 130
                assert "messages answered" in shown  # what people read goes to standard error
                lines += [json.loads(line) for line in rest.splitlines()]
                assert [line["start"] for line in lines] == list(range(len(lines)))
                assert lines[0]["connected"] == 2
                assert lines[1]["answered"] > 0
                assert lines[1]["clients_connected"] == 2

    def test_a_file_has_a_line_of_a_run_that_is_soon_over(self) -> None:
        """What was in it is gone; other outputs are as they are without it."""
        path, report = self.folder / "lines", self.folder / "json"
        path.write_text("old\n" * 99)
        ended = twistecho("fleet", self.target, *RUN, *THREADS, "--json-lines", str(path),
                          "--json", str(report))  # fmt: skip
        assert ended == (0, "", "")
        [line] = map(json.loads, path.read_text().splitlines())
        assert (line["answered"], line["connected"], line["clients_ended"]) == (6, 2, 2)
        assert Report.from_json(report.read_text()).messages == 6

    def test_where_nothing_happened_there_is_an_empty_file(self) -> None:
        """Nobody looks for it in vain."""
        path = self.folder / "lines"
        with mock.patch.object(live_outputs, "EachSecond"):
            twistecho("fleet", self.target, *RUN, *THREADS, "--json-lines", str(path))
        assert path.read_text() == ""

    def test_a_full_disk_is_one_line_and_the_run_goes_on(self) -> None:
        """All else is written; exit code 1."""
        report = self.folder / "json"
        ended = twistecho("fleet", self.target, *RUN, *THREADS, "--json-lines", "/dev/full",
                          "--json", str(report))  # fmt: skip
        line = "Error: --json-lines /dev/full: No space left on device\n"
        assert ended == (1, "", line)
        assert Report.from_json(report.read_text()).complete

    def test_standard_output_that_cannot_be_written_is_one_line(self) -> None:
        """Full, closed, or a pipe whose reader has gone; the run goes on, and exit code 1."""
        fleet = f"{TWISTECHO} fleet {self.target} {' '.join(RUN)} --json-lines -"
        for line, told in (
            (f"exec {fleet} >/dev/full", "No space left on device"),
            (f"exec {fleet} >&-", "Bad file descriptor"),
            (f"set -o pipefail; {{ sleep 0.1; {fleet}; }} | true", "Broken pipe"),
        ):
            with self.subTest(line=line):
                ended = shell(line)
                assert ended.stderr == f"Error: --json-lines -: {told}\n"
                assert ended.returncode == 1

    def test_a_reader_that_does_not_read_keeps_nobody_from_leaving(self) -> None:
        """Ctrl-C ends the run; a second one ends the wait for what cannot be written."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 1024)
        os.set_blocking(writing, True)
        arguments = ["-r", "raw", "-qc2", "--think", "10ms", "--duration", "60s", *THREADS]
        command = [sys.executable, "-m", "twistecho", "fleet", self.target, *arguments]
        with subprocess.Popen(
            [*command, "--json-lines", "-", "--metrics", "0"],
            stdout=writing, stderr=subprocess.PIPE, text=True,
        ) as run:  # fmt: skip
            os.close(writing)
            assert run.stderr is not None
            url = run.stderr.readline().removeprefix("Metrics: ").strip()
            while not answered(url):
                assert run.poll() is None
            ends = time.monotonic() + TIMEOUT
            while run.poll() is None:
                assert time.monotonic() < ends
                run.send_signal(2)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(0.5)
            # One more may come when Python has put its handlers away: a shell sees 130 then too.
            assert run.returncode in {130, -2}
            assert run.stderr.read() == "Error: interrupted\n"

    def test_a_pipe_of_a_name_is_read_while_it_runs(self) -> None:
        """As by a program that was started before."""
        path = self.folder / "pipe"
        os.mkfifo(path)
        read: list[str] = []
        reader = threading.Thread(target=lambda: read.append(path.read_text()))
        reader.start()
        ended = twistecho("fleet", self.target, *RUN, *THREADS, "--json-lines", str(path))
        reader.join(TIMEOUT)
        assert ended == (0, "", "")
        assert json.loads(read[0])["answered"] == 6

    def test_a_file_that_cannot_be_is_refused(self) -> None:
        """Before anybody connects: no folder, or another output's file."""
        path = str(self.folder / "lines")
        assert "--json-lines" in refused("fleet", "1", "--json-lines", f"{path}/lines")
        line = refused("fleet", "1", "--json-lines", path, "--json", path)
        assert "is written by" in line
        assert "standard output" not in refused("fleet", "1", "--json-lines=-", "--json=-")


class MarkdownTests(unittest.TestCase):
    """``--markdown``."""

    def test_it_is_appended(self) -> None:
        """Behind whatever is there, twice for two runs; a report that was written before, too."""
        with echoing(reply="raw") as target, tempfile.TemporaryDirectory() as folder:
            summary, report = Path(folder, "summary"), str(Path(folder, "json"))
            summary.write_text("no end of line")
            for _ in range(2):
                twistecho("fleet", target, *RUN, *THREADS, "--markdown", str(summary),
                          "--json", report)  # fmt: skip
            twistecho("report", report, "-q", "--markdown", str(summary))
            text = summary.read_text()
            assert text.startswith("no end of line\n### ")
            assert text.count("### ✅ All 6 messages answered right\n") == 3

    def test_what_has_no_room_leaves_what_is_there(self) -> None:
        """And is one line."""
        with echoing(reply="raw") as target:
            ended = twistecho("fleet", target, *RUN, *THREADS, "--markdown", "/dev/full")
        assert ended == (1, "", "Error: --markdown /dev/full: No space left on device\n")


class MetricsTests(unittest.TestCase):
    """``--metrics``."""

    def test_they_are_served_while_it_runs(self) -> None:
        """At a free port, which is told, of both engines and of several processes."""
        with echoing(reply="raw") as target:
            for how in (("-e", "reactor"), THREADS, ("-P", "2")):
                arguments = ["-r", "raw", "-c2", "--think", "10ms", "--duration", "60s", *how]
                command = [sys.executable, "-m", "twistecho", "fleet", target, "-q", *arguments]
                with (
                    self.subTest(how=how),
                    subprocess.Popen(
                        [*command, "--metrics", "0"], stderr=subprocess.PIPE, text=True
                    ) as run,
                ):
                    assert run.stderr is not None
                    told = re.fullmatch(
                        r"Metrics: (http://127\.0\.0\.1:\d+/metrics)\n", run.stderr.readline()
                    )
                    assert told is not None
                    while not answered(told[1]):
                        assert run.poll() is None
                    run.send_signal(2)
                    run.communicate(timeout=TIMEOUT)
                    assert run.returncode == 130

    def test_a_place_is_a_port_or_a_host_and_a_port(self) -> None:
        """Of loopback, unless it says otherwise."""
        assert parse_place("9100") == Place("127.0.0.1", 9100)
        assert parse_place("0.0.0.0:0") == Place("0.0.0.0", 0)
        assert parse_place("[::1]:9100") == Place("::1", 9100)
        for text in ("", "70000", "x", ":1", "::1:9100", "1:2:3", "-1", "9100 ", "\u0661"):
            with self.subTest(text=text):
                assert "neither a port nor host:port" in refused("fleet", "1", f"--metrics={text}")

    def test_without_the_library_it_is_refused(self) -> None:
        """In one line that says what to install."""
        with mock.patch.object(live_outputs, "find_spec", return_value=None):
            line = refused("fleet", "1", "--metrics", "0")
        assert line.endswith("needs prometheus-client: pip install 'twistecho[metrics]'")

    def test_a_port_that_is_taken_is_one_line_and_exit_code_1(self) -> None:
        """A host that is not this one's likewise."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ended = twistecho("fleet", str(unused_port()), "-q", *THREADS, "--metrics", str(port))
            assert ended == (
                1, "", (f"Error: --metrics: 127.0.0.1, port {port}: Address already in use; "
                        "choose another port, or 0 for a free one\n"),
            )  # fmt: skip
        ended = twistecho("fleet", "1", "-q", *THREADS, "--metrics", "192.0.2.1:0")
        assert (ended.code, ended.err.count("\n")) == (1, 1)

    def test_the_library_is_imported_only_where_it_is_wanted(self) -> None:
        """It is an extra's."""
        asked = "import sys, twistecho.cli.run_fleet; print('prometheus_client' in sys.modules)"
        said = subprocess.run(
            [sys.executable, "-c", asked], capture_output=True, text=True, check=True
        )
        assert said.stdout == "False\n"
