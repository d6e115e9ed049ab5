"""``twistecho diff``: two files, one verdict."""

import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from tests.support.commands import refused, twistecho
from tests.support.seconds import report_of_seconds
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.report import Report


class DiffCommandTests(unittest.TestCase):
    """Files of reports."""

    def setUp(self) -> None:
        """Have a folder with a run, and one whose replies took a third longer."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.report = report_of_seconds([0.010 + n % 3 / 1000 for n in range(30)])
        self.one = self.write("one", self.report)
        slower = report_of_seconds([0.014 + n % 3 / 1000 for n in range(30)])
        self.two = self.write("two", slower)

    def write(self, name: str, found: Report) -> str:
        """Write a report into a file."""
        path = self.folder / f"{name}.json"
        path.write_text(found.to_json())
        return str(path)

    def test_the_answer_comes_first(self) -> None:
        """Then who they are, then the figures; nothing was required, so that all is right."""
        ended = twistecho("diff", self.one, self.two)
        assert (ended.code, ended.err) == (0, "")
        first, second, *_ = ended.out.splitlines()
        assert first.startswith("B is slower: p50 +")
        names = f"A {self.one} (localhost:5000), B {self.two} (localhost:5000)"
        assert second == f"{names}, 30 pairs of 1 s"
        assert "no difference seen" in ended.out

    def test_requirements_set_the_exit_code(self) -> None:
        """0 met, 1 missed, 3 undecided."""
        for required, code in (
            ("p50 <= +90%", 0), ("p50 <= +5%", 1), ("p50 <= +36%", 3), ("failures <= +0%", 0)
        ):  # fmt: skip
            with self.subTest(required=required):
                assert twistecho("diff", self.one, self.two, "--require", required).code == code

    def test_files_are_written_and_markdown_is_appended(self) -> None:
        """JSON to standard output leaves that to the JSON alone."""
        page = self.folder / "page.md"
        page.write_text("Before\n")
        ended = twistecho("diff", self.one, self.two, "--json", "-", "--markdown", str(page))
        assert json.loads(ended.out)["figures"]["p50"]["finding"] == "slower"
        assert "B is slower" in ended.err
        text = page.read_text()
        assert text.startswith("Before\n\n**B is slower")

    def test_different_plans_are_refused(self) -> None:
        """In a line that says what differs."""
        plan = replace(self.report.plan, timeout=9.0)
        other = self.write("other", replace(self.report, plan=plan))
        assert refused("diff", self.one, other) == (
            f"Error: the plans differ in timeout: 30.0 in {self.one}, 9.0 in {other}"
        )

    def test_short_runs_are_refused(self) -> None:
        """In a line that says how long they must be."""
        short = self.write("short", report_of_seconds([0.01] * 9))
        assert refused("diff", self.one, short) == (
            f"Error: {short} has 9 whole seconds of load, and 20 are needed: "
            "run both for 22 s or longer after the warm-up"
        )

    def test_a_report_that_cannot_be_believed_is_not_compared(self) -> None:
        """It is named, with the reason; the exit code is that of such reports."""
        wrong = self.write("wrong", replace(self.report, outcomes=()))
        ended = twistecho("diff", self.one, wrong)
        assert (ended.code, ended.out) == (3, "")
        assert ended.err == f"Error: INVALID: {wrong}: clients missing: 1 of 1\n"

    def test_how_much_lag_is_allowed_can_be_said(self) -> None:
        """As where one of the runs is shown."""
        late = Latencies()
        late.add_counts([(50_000, 1_000)])
        measured = replace(self.report.measured, lag=late.encode())
        plan = replace(self.report.plan, rate=100.0)
        wrong = self.write("late", replace(self.report, measured=measured, plan=plan))
        assert twistecho("diff", wrong, wrong).code == 3
        assert twistecho("diff", wrong, wrong, "--allow-lag", "60ms").code == 0

    def test_what_makes_no_sense_is_refused_in_one_line(self) -> None:
        """A file that is none, a requirement that is none."""
        assert "nothing.json: No such file" in refused("diff", self.one, "nothing.json")
        assert "is not like 'p99 <= +5%'" in refused(
            "diff", self.one, self.two, "--require", "p99 < 5ms"
        )
