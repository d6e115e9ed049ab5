"""``twistecho report``: what runs have found before, as one report."""

import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from tests.support.commands import refused, twistecho
from tests.support.reports import RESET, client, report, timed
from twistecho.fleet.reports.report import Part, Report


class ReportCommandTests(unittest.TestCase):
    """Files of reports."""

    def setUp(self) -> None:
        """Have a folder with three reports of one plan, one of which has a failure."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.good = report(client(0, 2), client(1, 2))
        bad = report(client(0, 2), client(1, 1, 1, RESET))
        self.one, self.two = self.write("one", self.good), self.write("two", self.good)
        self.bad = self.write("bad", bad)

    def write(self, name: str, found: Report) -> str:
        """Write a report into a file."""
        path = self.folder / f"{name}.json"
        path.write_text(found.to_json())
        return str(path)

    def test_one_file_is_shown_as_it_is(self) -> None:
        """With its parts, if it has some."""
        ended = twistecho("report", self.one)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.startswith("✓ OK   all 4 messages answered right   ")
        assert "response" in ended.out
        parts = (Part("worker 1", 2, 4, 0.3),)
        assert (
            "worker 1"
            in twistecho("report", self.write("parts", replace(self.good, parts=parts))).out
        )

    def test_several_are_put_together_with_their_shares(self) -> None:
        """The result is a report that can be shown, and put together, again."""
        ended = twistecho("report", self.one, self.two, "--json", str(self.folder / "both"))
        assert ended.code == 0
        assert "50.0%" in ended.out
        both = Report.from_json((self.folder / "both").read_text())
        assert (both.plan.clients, both.messages, len(both.parts)) == (4, 8, 2)
        assert twistecho("report", str(self.folder / "both"), self.one, "-q") == (0, "", "")

    def test_failures_and_missed_requirements_exit_1(self) -> None:
        """As in the run itself; a requirement can allow failures."""
        assert twistecho("report", self.one, self.bad).code == 1
        assert twistecho("report", self.one, "--require", "p99 < 1us").code == 1
        assert twistecho("report", self.one, self.bad, "--require", "failed <= 1").code == 0

    def test_what_is_the_fleet_s_own_is_shown_and_can_be_allowed(self) -> None:
        """A file that allows more keeps that, as it is shown and as it is written again."""
        slow = self.write("slow", replace(self.good, measured=timed(self.good.measured, own=0.06)))
        required = ("--require", "p99 < 50ms")
        ended = twistecho("report", slow, *required)
        assert (ended.code, "* response: more than a tenth" in ended.out) == (3, True)
        assert "*" not in twistecho("report", slow, "-q").out
        again = str(self.folder / "again")
        ended = twistecho("report", slow, *required, "--allow-lag", "70ms", "--json", again)
        assert (ended.code, "lag allowed" in ended.out, "*" in ended.out) == (1, True, False)
        assert twistecho("report", again, *required).code == 1
        assert twistecho("report", again, *required, "--allow-lag", "1ms").code == 3

    def test_what_does_not_add_up_is_invalid_and_exits_3(self) -> None:
        """Though the file says nothing of it: it is worked out anew."""
        data = self.good.to_dict()
        data["outcomes"][1]["sent"] = 5
        (self.folder / "wrong").write_text(json.dumps(data))
        ended = twistecho("report", str(self.folder / "wrong"), "-q")
        assert ended.code == 3
        assert "INVALID" in ended.out
        assert "client 1 does not add up" in ended.out

    def test_results_are_written_as_by_a_run(self) -> None:
        """JUnit and HdrHistogram's log, here."""
        log, xml = self.folder / "log", self.folder / "xml"
        ended = twistecho("report", self.one, "--hdr", str(log), "--junit", str(xml), "-q")
        assert ended.code == 0
        assert "HISTFAAA" in log.read_text()
        assert 'tests="2"' in xml.read_text()

    def test_plans_that_differ_are_refused_by_the_field(self) -> None:
        """In one line that names both files."""
        other = self.write("other", replace(self.good, plan=replace(self.good.plan, timeout=1.0)))
        line = refused("report", self.one, other)
        assert "the plans differ in timeout: 30.0 in" in line

    def test_what_is_no_report_is_refused(self) -> None:
        """No file, no JSON, a newer schema, a check of both engines."""
        assert "No such file" in refused("report", str(self.folder / "none"))
        for text, told in (
            ("hello", "Expecting value"),
            ("{}", "not a report"),
            (json.dumps(self.good.to_dict() | {"schema": 4}), "schema 4 is not 3"),
            ('{"schema": 2, "agree": true, "reports": []}', "two reports"),
        ):
            (self.folder / "bad").write_text(text)
            assert told in refused("report", str(self.folder / "bad"))
        (self.folder / "bad").write_bytes(b"\xff")
        assert "bad" in refused("report", str(self.folder / "bad"))

    def test_no_file_at_all_is_refused(self) -> None:
        """There is nothing to show."""
        assert "FILE" in refused("report")
