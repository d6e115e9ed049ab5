"""What is seen of a run when it is over, on terminals of several widths and in a file."""

import io
from dataclasses import replace
from typing import Any
from unittest import TestCase

from tests.support.reports import INTERRUPTED, REFUSED, RESET, client, measured, report, timed
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.output.latency_table import latency_lines
from twistecho.fleet.output.layout import ASCII, UNICODE, Layout, signs_for
from twistecho.fleet.output.part_lines import part_lines
from twistecho.fleet.output.printer import PlainConsole, Printer
from twistecho.fleet.output.run_rows import run_rows
from twistecho.fleet.output.screen import show
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Measured
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import judge

WIDE = Layout(200)
OPEN = Plan(clients=1, messages=(b"x" * 10,), rate=5.0, duration=1.0)


def slow(plan: Plan | None = None) -> Report:
    """Make a report of responses of 100 ms, of which 60 are the fleet's own."""
    found = [client(0, 5)]
    return report(*found, plan=plan, measured=timed(measured(found), own=0.06))


def screen(found: Report, *required: str, width: int | None = None, **how: Any) -> str:
    """Show a report on a terminal of so many columns, or in a file."""
    printer = Printer(io.StringIO())
    if width is not None:
        printer.console = PlainConsole(
            file=io.StringIO(), force_terminal=True, color_system=None, width=width, highlight=False
        )
    show(printer, judge(found, [parse_requirement(text) for text in required]), **how)
    stream = printer.console.file
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


class OrderTests(TestCase):
    """What comes first, and what last."""

    def test_answer_messages_latencies_failures_files(self) -> None:
        """With an empty line between them."""
        found = report(client(0, 1), client(1, 0, 1, RESET))
        heads = [
            block.split()[0]
            for block in screen(found, "p99 < 1s", files=["run.html"]).split("\n\n")
        ]
        assert heads == ["✗", "Messages", "Latency", "Failures"]
        assert screen(found, files=["a", "b"]).endswith("\nWritten    a   b\n")

    def test_every_line_fits(self) -> None:
        """On all usual terminals."""
        found = [client(0, 3), client(1, 0, 1, RESET), client(2, 1, 2, RESET, unsent=3)]
        plan = replace(OPEN, clients=3, reconnect=2, barrier=True)
        parts = (Part("one", 1, 3, 0.5), Part("two", 2, 1, 0.5, "killed by SIGKILL"))
        known = timed(measured(found), own=0.06)
        one = report(*found, plan=plan, measured=known, parts=parts, interrupted=True)
        for width in (60, 80, 110, 200):
            with self.subTest(width=width):
                lines = screen(one, "p99 < 1s", "failed == 0", width=width).splitlines()
                assert max(map(len, lines)) <= width

    def test_quiet_shows_only_what_is_wrong(self) -> None:
        """Nothing where nothing is; else the answer and the failures."""
        assert screen(report(client(0, 1)), "failed == 0", quiet=True) == ""
        text = screen(report(client(0, 1), client(1, 0, 1, RESET)), quiet=True)
        assert [line.split()[0] for line in text.splitlines()] == ["✗", "Failures", "1"]
        assert "INTERRUPTED" in screen(report(client(0, 1), interrupted=True), quiet=True)

    def test_who_still_ran_and_replies_that_are_alike_are_told(self) -> None:
        """At the end."""
        found = report(client(0, 1), client(1, 0, 1, INTERRUPTED), interrupted=True)
        text = screen(found)
        assert "Ended      1 client still ran, without a failure\n" in text
        assert "replies told apart: no" in text
        own = replace(found, plan=replace(found.plan, messages=(b"{client}",)))
        assert "told apart" not in screen(own)

    def test_names_from_files_move_no_cursor(self) -> None:
        """Wherever they stand."""
        evil = "\x1b]0;title\x07"
        fields: dict[str, Any] = {"target": evil, "parts": (Part(evil, 1, 1, 0.5, evil),)}
        text = screen(replace(report(client(0, 1)), **fields), files=[evil])
        assert not {"\x1b", "\x07"} & set(text)
        assert text.count(r"\x1b]0;title\x07") >= 4

    def test_an_encoding_without_the_signs_gets_ascii(self) -> None:
        """UTF-8 has them."""
        assert signs_for("utf-8") is UNICODE
        assert signs_for("ascii") is signs_for("latin-1") is signs_for("?") is ASCII


class RunRowsTests(TestCase):
    """Messages, rate, connections."""

    def rows(self, found: Report) -> dict[str, str]:
        """Give the rows by their labels."""
        lines = [line.plain for line in run_rows(found, WIDE)]
        return {line[:11].strip(): line[11:] for line in lines}

    def test_what_did_not_happen_is_not_mentioned(self) -> None:
        """A row with what there is."""
        rows = self.rows(report(client(0, 2), client(1, 2)))
        assert rows == {
            "Messages": "4 sent   4 right   40 bytes each way",
            "Rate": "13.3/s   133 B/s",
        }
        refused = report(client(0, 0, cause=REFUSED, connected=None, replied=None))
        assert self.rows(refused) == {}

    def test_of_what_went_down_with_a_client_one_failed(self) -> None:
        """What waited behind it was pending; so was what was unanswered at the end."""
        found = report(
            client(0, 1, 3, RESET), client(1, 0, 1, RESET), client(2, 0, 4, INTERRUPTED, unsent=5)
        )
        assert self.rows(found)["Messages"].startswith(
            "9 sent   1 right   2 failed   2 pending when their clients failed   "
            "4 pending at the end   5 due and not sent   90 bytes sent, 10 right"
        )
        one = report(client(0, 1, 2, RESET))
        assert "1 failed   1 pending when its client failed" in self.rows(one)["Messages"]

    def test_the_rate_is_told_with_the_one_that_was_asked(self) -> None:
        """And how long it took in all, where that is longer."""
        plan = replace(OPEN, rate=2000)
        found = report(client(0, 1, offered_from=0.1, offered_until=0.2), plan=plan)
        assert self.rows(found)["Rate"] == "10/s of 2,000/s asked   100 B/s   300 ms in all"

    def test_connections_are_told_where_they_are_a_part_of_the_load(self) -> None:
        """How many, and how many a second."""
        plan = Plan(clients=1, messages=(b"x" * 10,), repeat=5, reconnect=2)
        found = report(client(0, 5, reconnects=2, ended=2.0), plan=plan)
        assert self.rows(found)["Connects"] == "3 made   1.5/s"


class LatencyTests(TestCase):
    """The table of times."""

    def lines(self, found: Report, layout: Layout = WIDE) -> list[str]:
        """Give its lines."""
        return [line.plain for line in latency_lines(found, layout)]

    def test_a_closed_load_has_one_time_of_replies(self) -> None:
        """Response and service time are the same."""
        head, *rows = self.lines(report(client(0, 1)))[:-1]
        assert head.split() == ["Latency", "min", "p50", "p90", "p99", "p99.9", "max"]
        assert [row.split()[0] for row in rows] == ["response", "connect"]
        assert rows[0].split() == ["response", *["100", "ms"] * 6]

    def test_an_open_load_says_from_when_each_time_counts(self) -> None:
        """Beside it where there is room, else below the table."""
        rows = self.lines(slow(OPEN))
        names = [row.split("  ")[0] for row in rows[1:6]]
        assert names == ["response", "service", "wire", "own", "connect"]
        assert rows[1].endswith("   from when due")
        below = self.lines(slow(OPEN), Layout(80))
        assert "from when due" not in below[1]
        assert below[6].startswith("response: from when due; service: from when sent; wire: ")

    def test_marked_figures_have_a_star_and_it_is_explained(self) -> None:
        """The times that are not doubtful have none."""
        rows = self.lines(slow())
        assert [row.count(" ms*") for row in rows[1:5]] == [6, 0, 0, 6]
        assert rows[5].startswith("* response: more than a tenth is the fleet's own, 60.0 ms")
        assert "*" not in "".join(self.lines(report(client(0, 5))))

    def test_a_sample_says_of_how_many_messages_one_was_timed(self) -> None:
        """Where not all were."""
        assert "1 in" not in "".join(self.lines(slow()))
        few = replace(slow(), measured=replace(slow().measured, timed=1))
        assert "send call to kernel arrival, 1 in 5" in "".join(self.lines(few))

    def test_the_fleet_s_lag_is_shown_where_it_is_too_much(self) -> None:
        """And what was allowed, where somebody has said so."""

        def late(lag: float) -> Measured:
            return measured([client(0, 5)], lag=lag)

        for lag, rows in ((0.001, 0), (0.5, 1)):
            found = report(client(0, 5), plan=OPEN, measured=late(lag))
            assert sum(line.startswith("lag  ") for line in self.lines(found)) == rows
        allowed = replace(report(client(0, 5)), allowed_lag=0.05)
        assert "lag allowed to the fleet: 50.0 ms" in self.lines(allowed)

    def test_columns_are_left_out_where_there_is_no_room(self) -> None:
        """The median, the slow and the slowest stay."""
        head = self.lines(slow(), Layout(60))[0]
        assert head.split() == ["Latency", "min", "p50", "p99", "p99.9", "max"]
        assert self.lines(slow(), Layout(40))[0].split() == ["Latency", "p50", "p99", "max"]

    def test_where_nothing_took_time_there_is_no_table(self) -> None:
        """Nobody connected."""
        refused = report(client(0, 0, cause=REFUSED, connected=None, replied=None))
        assert self.lines(refused) == []


class PartsTests(TestCase):
    """Processes, machines or files."""

    def lines(self, found: Report, width: int = 200) -> list[str]:
        """Give the lines of its parts."""
        return [line.plain for line in part_lines(found, Layout(width))]

    def test_each_part_has_its_share_and_its_problem(self) -> None:
        """One that died is named, with what became of it."""
        parts = (Part("one", 1, 3, 0.5), Part("two", 1, 0, 0.0, "killed by SIGKILL"))
        lines = self.lines(replace(report(client(0, 3)), parts=parts))
        assert lines[1].split() == ["one", "1", "3", "100.0%", "500", "ms"]
        assert lines[2].split() == ["two", "1", "0", "0.0%", "0", "s", "killed", "by", "SIGKILL"]

    def test_a_long_name_is_known_by_its_end(self) -> None:
        """As the paths of files are."""
        parts = (Part("/a/long/way/" * 9 + "run.json", 1, 3, 0.5),)
        line = self.lines(replace(report(client(0, 3)), parts=parts), 60)[1]
        assert line.startswith("…")
        assert "/run.json" in line
        assert len(line) <= 60

    def test_without_messages_there_are_no_shares(self) -> None:
        """Nothing is divided by nothing."""
        found = replace(report(plan=Plan(clients=1)), parts=(Part("one", 1, 0, 0.0, "died"),))
        assert " - " in self.lines(found)[1]


class FormatTests(TestCase):
    """Which format of replies there was."""

    def test_what_was_found_is_named(self) -> None:
        """As what was asked is."""
        plan = Plan(1, (b"x" * 10,), reply="auto")
        assert " · replies: auto\n" in screen(report(client(0, 1), plan=plan))
        found = client(0, 1, reply=ReplyFormat.RAW)
        assert " · raw replies\n" in screen(report(found, plan=plan))
