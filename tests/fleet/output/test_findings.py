"""Findings: a report on a terminal, what people want to know first."""

import io
import unittest
from dataclasses import replace

from rich.console import Console, RenderableType

from tests.support.reports import INTERRUPTED, RESET, client, measured, report
from twistecho.fleet.output.findings import (
    BAD,
    figures,
    figures_table,
    lines,
    parts_table,
    times_table,
)
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.verdict import judge, parse_requirement


def shown(table: RenderableType) -> list[str]:
    """Give the lines of a table in a terminal of 80 columns."""
    stream = io.StringIO()
    Console(file=stream, width=80).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def said(found: Report, *required: str) -> list[str]:
    """Give the lines below the tables."""
    verdict = judge(found, [parse_requirement(text) for text in required])
    return [line for line, _ in lines(verdict)]


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


class PartsTests(unittest.TestCase):
    """The third."""

    def test_each_part_has_its_share_and_its_problem(self) -> None:
        """One that died is named, with what became of it."""
        parts = (Part("one", 1, 3, 0.5), Part("two", 1, 0, 0.0, "killed by SIGKILL"))
        table = shown(parts_table(replace(report(client(0, 3)), parts=parts)))
        assert table[2].split() == ["one", "1", "3", "100.0%", "500", "ms"]
        assert table[3].split() == ["two", "1", "0", "0.0%", "0", "s", "killed", "by", "SIGKILL"]

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
            "Interrupted: this is what was found until then.",
            "1 requirement missed",
        ]

    def test_all_met_is_said(self) -> None:
        """In one line."""
        assert said(report(client(0, 1)), "failed == 0")[-1] == "All requirements met"
        assert said(report(client(0, 1))) == []

    def test_invalid_is_said_with_every_reason_in_bold_red(self) -> None:
        """Though every requirement is met."""
        found = report(client(0, 1), plan=Plan(clients=2))
        verdict = judge(found, [parse_requirement("failed == 0")])
        assert list(lines(verdict))[1:] == [
            ("INVALID: these figures cannot be believed", BAD),
            ("- clients missing: 1 of 2", BAD),
        ]
