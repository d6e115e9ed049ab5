"""What people read: units, counts, tables, causes; what they want to know comes first."""

import io
import unittest
from dataclasses import replace
from typing import Any
from unittest import TestCase

from rich.console import Console, RenderableType

from tests.support.reports import INTERRUPTED, RESET, client, measured, report, timed
from twistecho.fleet.output.exports import to_junit
from twistecho.fleet.output.page import html_page
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.output.tables import (
    BAD,
    REASONS,
    cause_name,
    count,
    failure_lines,
    figures,
    figures_table,
    headline,
    interruption_lines,
    own_lines,
    parts_table,
    summary_table,
    times_table,
    verdict_lines,
)
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Latencies, Measured
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import judge


class UnitsTests(TestCase):
    """Counts."""

    def test_counts_agree_with_their_nouns(self) -> None:
        """One client, two clients, thousands with separators."""
        assert count(1, "client") == "1 client"
        assert count(0, "client") == "0 clients"
        assert count(1000, "client") == "1,000 clients"


class HeadlineTests(TestCase):
    """What is run, in one line."""

    def test_a_closed_load_is_messages_each(self) -> None:
        """The notebook's."""
        said = headline(Plan(), "localhost:5000")
        assert said == "20 clients, 1 message each, to localhost:5000 (stamped replies)"

    def test_an_open_load_has_its_rate_and_its_time(self) -> None:
        """And its warm-up, and how deep the pipeline is."""
        plan = Plan(clients=1, rate=12500.5, duration=10, warmup=2, pipeline=4)
        assert headline(plan, "there:7") == (
            "1 client, 10 s after 2 s of warm-up, 12,500.5 messages/s (constant), 4 at once, "
            "to there:7 (stamped replies)"
        )

    def test_pauses_ramps_and_barriers_are_told(self) -> None:
        """Each where there is one."""
        plan = Plan(clients=2, think=0.02, ramp=2000, barrier=True)
        assert headline(plan, "there:7") == (
            "2 clients, 1 message each, 20.0 ms between them, 2,000 connections/s, "
            "all connected first, to there:7 (stamped replies)"
        )

    def test_what_is_drawn_is_told(self) -> None:
        """Sizes, what messages are filled with, and how often each comes."""
        for fields, told in (
            ({"size": "1k"}, "1k bytes (random)"),
            ({"size": 99, "payload": b"x"}, "99 bytes (from a file)"),
            ({"size": "uniform:1,9", "payload": "text", "messages": (b"a", b"b"),
              "weights": (9, 0.5)}, "mixed 9:0.5, uniform:1,9 bytes (text)"),
        ):  # fmt: skip
            known: dict[str, Any] = fields
            words = headline(Plan(clients=1, **known), "there:7").split(", ", 2)
            assert words[2] == f"{told}, to there:7 (stamped replies)"

    def test_new_connections_are_told(self) -> None:
        """For each message, or every so many."""
        for reconnect, words in ((1, "for each message"), (2000, "every 2,000 messages")):
            said = headline(Plan(reconnect=reconnect), "there:7")
            assert f"message each, a new connection {words}, to there:7" in said


class ReportTests(TestCase):
    """A report on a terminal."""

    def setUp(self) -> None:
        """Make a report with two failures."""
        self.report = report(client(0, 1), client(1, 0, 1, RESET), client(2, 0, 1, RESET))

    def test_failures_are_listed_with_their_meaning(self) -> None:
        """Cause, count, words."""
        assert failure_lines(self.report) == [
            "2 clients failed: receive:reset, the other side reset the connection"
        ]

    def test_a_stream_that_is_no_terminal_gets_no_colour(self) -> None:
        """Plain text, whole lines."""
        stream = io.StringIO()
        printer = Printer(stream)
        printer.table(summary_table([self.report, self.report]))
        printer.line("x" * 300, "bold red")
        text = stream.getvalue()
        assert "\x1b" not in text
        assert "x" * 300 + "\n" in text
        assert text.count("100 ms") >= 2

    def test_replies_are_escaped(self) -> None:
        """Python's repr: nothing a peer sends reaches the terminal as it is."""
        stream = io.StringIO()
        Printer(stream).reply(3, b"\x1b[2J\r\n\xff'")
        assert stream.getvalue() == 'Client 3 received: b"\\x1b[2J\\r\\n\\xff\'"\n'

    def test_every_reason_has_words(self) -> None:
        """The reasons that the system's errors are given are all explained."""
        from twistecho.fleet.reports.outcome import REASON_OF_ERRNO  # noqa: PLC0415 - beside its only use

        assert set(REASON_OF_ERRNO.values()) <= set(REASONS)


class CauseTests(TestCase):
    """How causes are named."""

    def test_a_cause_without_a_word_of_its_own_is_named_by_its_reason(self) -> None:
        """Nothing is lost for want of a name."""
        assert cause_name("connect:enobufs") == "connect: enobufs"


def shown(table: RenderableType) -> list[str]:
    """Give the lines of a table in a terminal of 80 columns."""
    stream = io.StringIO()
    Console(file=stream, width=80).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def said(found: Report, *required: str) -> list[str]:
    """Give the lines below the tables."""
    verdict = judge(found, [parse_requirement(text) for text in required])
    return [line for line, _ in verdict_lines(verdict)]


class FigureTests(unittest.TestCase):
    """The first table."""

    def test_rate_and_clients_come_first(self) -> None:
        """Then messages and bytes."""
        found = figures(report(client(0, 2), client(1, 2, ended=0.5)))
        assert list(found)[:5] == [
            "rate", "bytes a second", "makespan", "clients answered", "clients failed",
        ]  # fmt: skip
        assert found["rate"] == "8/s"
        assert found["messages answered"] == found["messages sent"] == "4"

    def test_what_did_not_happen_is_not_mentioned(self) -> None:
        """Messages outstanding, unsent, failed or of the warm-up."""
        rare = {"messages failed", "messages outstanding", "messages due and not sent"}
        assert not rare & figures(report(client(0, 1))).keys()
        some = [client(0, 1, 2, RESET, unsent=3), client(1, 1, 4, INTERRUPTED)]
        found = figures(report(*some))
        assert [found[name] for name in sorted(rare)] == ["3", "2", "4"]

    def test_connections_are_told_where_they_are_a_part_of_the_load(self) -> None:
        """How many, and how many a second."""
        plan = Plan(clients=1, messages=(b"x" * 10,), repeat=5, reconnect=2)
        found = report(client(0, 5, reconnects=2, ended=2.0), plan=plan)
        told = figures(found)
        assert (told["connects"], told["connect rate"]) == ("3", "1.50/s")
        assert "connects" in "".join(shown(summary_table([found])))
        kept = replace(found, plan=replace(plan, reconnect=None))
        assert not {"connects", "connect rate"} & figures(kept).keys()
        assert "connects" not in "".join(shown(summary_table([kept])))

    def test_replies_that_were_not_told_apart_are_named(self) -> None:
        """In the table, in that of both engines and on the page; else nothing is said of it."""
        alike = report(client(0, 1))
        own = replace(alike, plan=replace(alike.plan, messages=(b"{client}",)))
        for found, said in ((alike, True), (own, False)):
            assert ("replies told apart" in figures(found)) is said
            lines = shown(summary_table([found, found]))
            assert any(line.startswith("replies told apart") for line in lines) is said
            assert ("replies told apart" in html_page(judge(found, ()))) is said
            assert found.to_dict()["summary"]["told_apart"] is not said

    def test_the_table_has_them_all(self) -> None:
        """A line each."""
        found = report(client(0, 1))
        assert len(shown(figures_table(found))) == len(figures(found)) + 2


class TimesTests(unittest.TestCase):
    """The second table."""

    def test_a_closed_load_has_one_time_of_replies(self) -> None:
        """Response and service time are the same."""
        table = shown(times_table(report(client(0, 1))))
        assert [line.split()[0] for line in table[2:]] == ["response", "connect"]
        assert table[2].split() == ["response", *["100", "ms"] * 7]

    def test_an_open_load_has_all_times_in_80_columns(self) -> None:
        """The fleet's own lateness, too."""
        plan = Plan(clients=1, rate=5.0, duration=1.0)
        found = [client(0, 5)]
        table = shown(times_table(report(*found, plan=plan, measured=measured(found))))
        assert [line.split("  ")[0] for line in table[2:]] == [
            "response", "service", "connect", "fleet lag",
        ]  # fmt: skip
        assert all("us" in line or "ms" in line for line in table[2:])
        assert "…" not in "".join(table)


class OwnTests(unittest.TestCase):
    """What is the fleet's own, beside what is printed."""

    def slow(self, plan: Plan | None = None) -> Report:
        """Make a report of responses of 100 ms, of which 60 are the fleet's own."""
        found = [client(0, 5)]
        return report(*found, plan=plan, measured=timed(measured(found), own=0.06))

    def test_marked_figures_have_a_star_in_80_columns(self) -> None:
        """The times that are not doubtful have none."""
        plan = Plan(clients=1, rate=5.0, duration=1.0)
        found = replace(self.slow(plan).measured, first_byte=self.slow().measured.connect)
        table = shown(times_table(replace(self.slow(plan), measured=found)))
        stars = {line.split("  ")[0]: line.count(" ms*") for line in table[2:]}
        assert stars == {
            "response": 7, "service": 7, "wire": 0, "own time": 0, "connect": 7, "first byte": 0,
            "fleet lag": 0,
        }  # fmt: skip
        assert "…" not in "".join(table)
        assert "*" not in "".join(shown(times_table(report(client(0, 5)))))

    def test_below_it_the_star_is_explained(self) -> None:
        """The median's share and the 99th percentile's, a line for each time, and whose limit."""
        lines = list(own_lines(self.slow()))
        assert lines == [
            "* response: more than a tenth is the fleet's own, 60.0 ms of p50, 60.0 ms of p99",
            "* connect: more than a tenth is the fleet's own, 60.0 ms of p50, 60.0 ms of p99",
            "The fleet was the limit: 60.0 ms of the median response, 100 ms, is its own",
        ]
        plan = Plan(clients=1, rate=5.0, duration=1.0)
        assert [line[:10] for line in own_lines(self.slow(plan))] == [
            "* response", "* service:", "* connect:",
        ]  # fmt: skip
        assert list(own_lines(report(client(0, 5), measured=self.fast()))) == []

    def fast(self) -> Measured:
        """Make what was measured where nothing is the fleet's own."""
        return timed(measured([client(0, 5)]), own=0.0)

    def test_where_nobody_can_tell_that_is_said(self) -> None:
        """On a Unix socket, or in a report of an older version; of no reply there is nothing."""
        [line] = own_lines(report(client(0, 5)))
        assert line.endswith("is not known: the system did not tell when bytes came")
        assert list(own_lines(report(client(0, 0, 1, RESET)))) == []

    def test_where_the_median_is_not_marked_another_figure_is_named(self) -> None:
        """The first that is."""
        of_few = replace(self.slow().measured, latency=self.slow().measured.wire)
        slowest = Latencies(of_few.latency)
        slowest.record(9.0)
        one = replace(
            self.slow(),
            measured=replace(of_few, latency=slowest.encode(), timed=6, timed_squares=4),
        )
        [line] = [line for line in own_lines(one) if line.startswith("* response")]
        assert line.endswith("the fleet's own, 8.96 s of p99")
        one = replace(one, measured=replace(one.measured, timed=5, timed_squares=5))
        [line] = [line for line in own_lines(one) if line.startswith("* response")]
        assert "at most 40" in line

    def test_the_page_and_junit_have_it_too(self) -> None:
        """The page as the table has it; JUnit a property for each."""
        page = html_page(judge(self.slow()))
        assert "100 ms*</td>" in page
        assert "more than a tenth is the fleet&#x27;s own" in page
        assert "*</td>" not in html_page(judge(report(client(0, 5))))
        assert 'name="marked: response p99" value="60.0 ms is the fleet\'s own"' in to_junit(
            judge(self.slow())
        )

    def test_an_undecided_requirement_is_told_once(self) -> None:
        """As the reason for which the report is invalid; the page and JUnit say so of it."""
        lines = said(self.slow(), "p99 < 50ms", "p99 < 1s")
        undecided = "undecided: p99 < 50ms (is 100 ms, of which 60.0 ms is the fleet's own)"
        assert lines == [
            "met: p99 < 1s (is 100 ms)",
            "INVALID: these figures cannot be believed",
            f"- {undecided}",
        ]
        verdict = judge(self.slow(), [parse_requirement("p99 < 50ms")])
        assert ">undecided</span></td>" in html_page(verdict)
        assert 'type="invalid"' in to_junit(verdict).partition('name="p99 &lt; 50ms"')[2]

    def test_what_is_allowed_is_named(self) -> None:
        """Where somebody has said it."""
        assert figures(replace(self.slow(), allowed_lag=0.05))["lag allowed"] == "50.0 ms"
        assert "lag allowed" not in figures(self.slow())

    def test_how_many_messages_were_timed_is_told(self) -> None:
        """Where some were."""
        assert figures(self.slow())["messages timed on the wire"] == "5"
        assert "messages timed on the wire" not in figures(report(client(0, 5)))


class PartsTests(unittest.TestCase):
    """The third."""

    def test_each_part_has_its_share_and_its_problem(self) -> None:
        """One that died is named, with what became of it."""
        parts = (Part("one", 1, 3, 0.5), Part("two", 1, 0, 0.0, "killed by SIGKILL"))
        table = shown(parts_table(replace(report(client(0, 3)), parts=parts)))
        assert table[2].split() == ["one", "1", "3", "100.0%", "500", "ms"]
        assert table[3].split() == ["two", "1", "0", "0.0%", "0", "s", "killed", "by", "SIGKILL"]

    def test_a_name_from_a_file_moves_no_cursor(self) -> None:
        """Nor is it taken for styles."""
        parts = (Part("\x1b[2J[red]", 1, 3, 0.5, "\x1b]0;title\x07"),)
        table = "".join(shown(parts_table(replace(report(client(0, 3)), parts=parts))))
        assert "\x1b" not in table
        assert r"\x1b[2J[red]" in table

    def test_without_messages_there_are_no_shares(self) -> None:
        """Nothing is divided by nothing."""
        found = replace(report(plan=Plan(clients=1)), parts=(Part("one", 1, 0, 0.0, "died"),))
        assert " - " in shown(parts_table(found))[2]


class LinesTests(unittest.TestCase):
    """What is said below."""

    def test_causes_requirements_and_what_to_think_of_it(self) -> None:
        """In this order."""
        found = report(client(0, 1), client(1, 0, 1, RESET), interrupted=True)
        assert said(found, "p99 < 1s", "failed == 0") == [
            "1 client failed: receive:reset, the other side reset the connection",
            "met: p99 < 1s (is 100 ms)",
            "missed: failed == 0 (is 1)",
            "1 requirement missed",
        ]

    def test_an_interrupted_run_says_that_nothing_was_wrong_with_those_who_still_ran(self) -> None:
        """They are no failures."""
        found = report(client(0, 1), client(1, 1, 1, INTERRUPTED), interrupted=True)
        [(line, style)] = interruption_lines(found)
        assert line.startswith("Interrupted: this is what was found until then.")
        assert line.endswith(" 1 client still ran, and nothing was wrong with them.")
        assert style == "bold yellow"
        assert said(found) == []
        assert figures(found)["clients failed"] == "0"
        assert figures(found)["clients interrupted"] == "1"
        assert list(interruption_lines(report(client(0, 1)))) == []

    def test_failures_that_no_requirement_names_are_said(self) -> None:
        """Though every requirement is met."""
        found = report(client(0, 1), client(1, 0, 1, RESET))
        assert said(found, "receive:timeout == 0")[-1] == (
            "1 client failed by causes that no requirement names"
        )

    def test_all_met_is_said(self) -> None:
        """In one line."""
        assert said(report(client(0, 1)), "failed == 0")[-1] == "All requirements met"
        assert said(report(client(0, 1))) == []

    def test_invalid_is_said_with_every_reason_in_bold_red(self) -> None:
        """Though every requirement is met."""
        found = report(client(0, 1), plan=Plan(clients=2))
        verdict = judge(found, [parse_requirement("failed == 0")])
        assert list(verdict_lines(verdict))[1:] == [
            ("INVALID: these figures cannot be believed", BAD),
            ("- clients missing: 1 of 2", BAD),
        ]
