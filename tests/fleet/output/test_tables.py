"""What people read: units, counts, tables, causes."""

import io
from unittest import TestCase

from tests.support.reports import RESET, client, report
from twistecho.fleet.output.tables import (
    REASONS,
    Printer,
    cause_name,
    count,
    failure_lines,
    headline,
    summary_table,
)
from twistecho.fleet.plans.plan import Plan


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
