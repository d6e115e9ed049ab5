"""What is seen of a check: first whether both engines agree, then what is of it."""

import io
from dataclasses import replace
from unittest import TestCase

from rich.console import Console

from tests.support.reports import REFUSED, RESET, client, histogram_of, report
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.output.agreement import agreement_lines, agreement_table
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.agreement import Agreement
from twistecho.fleet.reports.report import Report

RIGHT = report(client(0, 3), client(1, 3))
FAILED = report(client(0, 3), client(1, 1, 2, RESET))


def agreement(one: Report, two: Report, *, failures_asked: bool = False) -> Agreement:
    """Put two reports together as those of the engines."""
    return Agreement(replace(one, engine="reactor"), replace(two, engine="threads"), failures_asked)


def said(found: Agreement, *, ascii_only: bool = False) -> list[str]:
    """Give the lines without their styles."""
    return [line for line, _ in agreement_lines(found, ascii_only=ascii_only)]


def rows(found: Agreement) -> dict[str, list[str]]:
    """Give the rows of the table by their names."""
    console = Console(file=io.StringIO(), width=100)
    console.print(agreement_table(found))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    cut = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    return {cells[0]: cells[1:] for cells in cut if len(cells) > 1}


class LineTests(TestCase):
    """What is said first."""

    def test_that_they_agree_and_all_was_right_is_one_line(self) -> None:
        """With how many messages that were."""
        found = agreement(RIGHT, RIGHT)
        assert said(found) == ["✓ OK   both engines agree: 6 of 6 messages answered right"]
        assert said(found, ascii_only=True)[0].startswith("+ OK")
        assert found.exit_code == 0

    def test_agreeing_on_failures_is_not_enough_unless_they_were_asked_for(self) -> None:
        """The line says which of both it is."""
        told = "both engines agree: 4 of 6 messages answered right"
        found = agreement(FAILED, FAILED)
        assert (said(found), found.exit_code) == ([f"✗ FAILED   {told}"], 1)
        assert said(found, ascii_only=True)[0].startswith("x FAILED")
        found = agreement(FAILED, FAILED, failures_asked=True)
        assert said(found) == [f"✓ OK   {told}, with the requested faults"]
        assert found.exit_code == 0

    def test_clients_that_found_different_formats_are_not_right(self) -> None:
        """Although all was answered."""
        plan = Plan(clients=2, messages=(b"x" * 10,), repeat=3, reply="auto")
        kinds = [ReplyFormat.RAW, ReplyFormat.STAMPED]
        mixed = report(*(client(n, 3, reply=kind) for n, kind in enumerate(kinds)), plan=plan)
        found = agreement(mixed, mixed)
        assert said(found)[0].endswith("6 of 6 messages answered right, but in different formats")
        assert found.exit_code == 1

    def test_where_they_differ_that_comes_first(self) -> None:
        """Client by client, even where faults were asked for."""
        found = agreement(RIGHT, FAILED, failures_asked=True)
        first, second, *_ = said(found)
        assert first == (
            "✗ FAILED   the engines disagree about 1 of 2 clients (reactor against threads)"
        )
        assert second == "  client 1: outcome: answered against receive:reset"
        assert found.exit_code == 1

    def test_a_long_list_is_cut(self) -> None:
        """After twenty; the rest is counted."""
        ours = report(*(client(n, 1) for n in range(30)))
        theirs = report(*(client(n, 0, cause=REFUSED, connected=None) for n in range(30)))
        lines = said(agreement(ours, theirs))
        found = ours.disagreements(theirs)
        assert len(lines) == 1 + 20 + 1
        assert lines[-1] == f"  ... and {len(found) - 20} more"

    def test_figures_that_cannot_be_believed_are_said_so_first(self) -> None:
        """Of which engine, and why; what they disagree about as well."""
        broken = report(client(0, 3, messages=2), client(1, 3))
        found = agreement(RIGHT, broken)
        lines = said(found)
        assert lines[0] == "! INVALID   these figures cannot be believed"
        assert lines[1].startswith("  ! threads: ")
        assert any("disagree" in line for line in lines)
        assert found.exit_code == 3


class TableTests(TestCase):
    """The figures side by side."""

    def test_what_says_nothing_has_no_row(self) -> None:
        """Neither failures that there were none of, nor percentiles that are alike."""
        found = rows(agreement(RIGHT, RIGHT))
        assert found["engine"] == ["reactor", "threads"]
        assert found["messages answered"] == ["6", "6"]
        assert found.keys() == {
            "engine", "clients answered", "messages answered", "bytes sent",
            "replies told apart", "payload bytes returned", "makespan",
        }  # fmt: skip

    def test_failures_have_a_row_where_either_has_any(self) -> None:
        """None are none of the other's."""
        assert rows(agreement(RIGHT, FAILED))["clients failed"] == ["0", "1"]

    def test_a_percentile_has_a_row_only_where_it_differs(self) -> None:
        """By a factor, and by a time that matters."""

        def with_times(*seconds: float) -> Report:
            return replace(RIGHT, measured=replace(RIGHT.measured, latency=histogram_of(seconds)))

        one = with_times(*[0.010] * 95, *[0.010] * 5)
        for other, shown in (
            (with_times(*[0.019] * 100), set()),
            (with_times(*[0.010] * 95, *[0.050] * 5), {"latency p99", "latency p99.9"}),
            (with_times(*[0.030] * 100), {f"latency p{at}" for at in ("50", "90", "99", "99.9")}),
            (with_times(), {f"latency p{at}" for at in ("50", "90", "99", "99.9")}),
        ):
            found = rows(agreement(one, other))
            assert {name for name in found if name.startswith("latency")} == shown
        assert found["latency p50"][1] == "none"
        quick, slow = with_times(*[0.0001] * 9), with_times(*[0.001] * 9)
        assert "latency p50" not in rows(agreement(quick, slow))
        neither = with_times()
        assert "latency p50" not in rows(agreement(neither, neither))
