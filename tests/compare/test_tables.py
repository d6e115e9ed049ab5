"""A comparison as text: tables, and timelines with their staircase, wall and causes."""

import io
import re
from dataclasses import replace
from unittest import TestCase

from rich.console import Console

from tests.support.samples import (
    broken,
    comparison,
    outcome,
    reconnecting,
    run,
    staircase,
    wall,
)
from twistecho.compare.comparison import Comparison
from twistecho.compare.tables import (
    ASCII,
    LINES,
    UNICODE,
    Marks,
    Timeline,
    figures_table,
    groups,
    letters,
    notes,
)
from twistecho.fleet.reports.outcome import Cause, Phase


def shown(found: Comparison, clients: int) -> list[str]:
    """Give the table's lines, without the blanks between columns."""
    console = Console(file=io.StringIO(), width=100)
    console.print(figures_table(found, clients))
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


class TableTests(TestCase):
    """A column a design, a row a figure."""

    def test_every_design_has_its_figures(self) -> None:
        """The rows that the experiment is about, with people's units."""
        lines = shown(comparison(staircase(), wall()), 20)
        for line in (
            "20 clients sequential threaded",
            "clients answered 20 20",
            "connect retried 13 0",
            "connect max 1.02 s 1.00 ms",
            "makespan 4.00 s 200 ms",
            "server CPU 250 ms 250 ms",
            "memory, peak 32.0 MiB 32.0 MiB",
            "threads 21 21",
        ):
            assert line in lines

    def test_connections_that_are_a_part_of_the_load_have_their_rate(self) -> None:
        """Those that are kept have none: they are made once."""
        lines = shown(comparison(reconnecting(0.5, 1.0, 0.002)), 1)
        assert any(line.startswith("connect rate ") and line.endswith("/s") for line in lines)
        assert "connect rate" not in " ".join(shown(comparison(wall()), 20))

    def test_failures_have_a_row_a_cause_named_as_people_do(self) -> None:
        """Reset and refused are told apart, with the phase."""
        lines = shown(comparison(broken(), run("threaded", wall(10).report.outcomes)), 10)
        assert "receive: reset by peer 3 0" in lines
        assert "connect: refused 5 0" in lines

    def test_a_run_without_any_reply_shows_dashes(self) -> None:
        """No figure is made up where there was nothing to measure."""
        failed = [o for o in broken().report.outcomes if o.connected is None]
        lines = shown(comparison(run("select", failed)), 5)
        assert "connect p50 -" in lines
        assert "reply max -" in lines


class NoteTests(TestCase):
    """The lines under the table."""

    def test_a_server_that_ended_in_the_middle_is_named_with_its_end(self) -> None:
        """Who died, and of what."""
        assert "forking, 10 clients: the server ended in the middle: killed by SIGKILL." in notes(
            comparison(broken())
        )

    def test_what_could_not_be_measured_is_a_question_mark_that_is_explained(self) -> None:
        """As on a system that shows no processes."""
        unseen = replace(wall(), cost=None)
        found = comparison(staircase(), unseen)
        lines = shown(found, 20)
        for line in ("server CPU 250 ms ?", "memory, peak 32.0 MiB ?", "threads 21 ?"):
            assert line in lines
        assert any(note.startswith("?: not measured") for note in notes(found))

    def test_wrong_replies_of_ones_own_server_lead_to_the_option_that_says_what_is_right(
        self,
    ) -> None:
        """Once for all its runs; the designs know their formats."""
        wrong = run("own", [outcome(0, 1.0, cause=Cause(Phase.RECEIVE, "mismatch"))])
        told = "own: --server-reply says in which format its replies are expected."
        design = comparison(wrong, wrong)
        assert told not in notes(design)
        assert notes(replace(design, settings={"server own": "own {port}"})).count(told) == 1

    def test_what_needs_no_explanation_gets_none(self) -> None:
        """Where all went well there is nothing to say."""
        assert notes(comparison(wall())) == []
        assert len(notes(comparison(staircase()))) == 1


def drawn(found: Comparison, *, width: int = 100, marks: Marks = ASCII) -> list[str]:
    """Give the lines without their styles."""
    clients = found.sizes[0]
    lines = Timeline(found, clients, width=width, marks=marks).lines()
    return [line.plain for line in lines]


class TimelineTests(TestCase):
    """What a timeline looks like."""

    def test_one_client_after_another_is_a_staircase(self) -> None:
        """Every line is at least as long as the one above; the last fills the panel."""
        bars = [line[5:] for line in drawn(comparison(staircase()))[2:22]]
        lengths = [len(bar) for bar in bars]
        assert lengths == sorted(lengths)
        assert lengths[-1] == 72
        assert len(set(lengths)) == 20

    def test_all_at_once_is_a_wall(self) -> None:
        """Every line is as long as the others, and short beside a staircase: one scale."""
        lines = drawn(comparison(wall(), staircase()))
        panel = (100 - 5) // 2 - 2
        bars = [line[5 : 5 + panel].rstrip() for line in lines[2:22]]
        assert len(set(bars)) == 1
        assert len(bars[0]) <= panel // 20 + 1

    def test_connecting_and_waiting_look_different(self) -> None:
        """The clients that had to connect again show it."""
        last = drawn(comparison(staircase()))[21]
        assert re.search(r"^  20 \.{18}={54}$", last)

    def test_a_reply_before_the_end_is_seen(self) -> None:
        """Where the server closes late, or more replies follow, the rest of the line differs."""
        slow = comparison(run("select", [outcome(0, 4.0, replied=1.0)]))
        assert re.search(r"=+#+$", drawn(slow)[2])

    def test_a_failure_ends_in_a_letter_that_the_legend_explains(self) -> None:
        """Reset and refused have letters of their own."""
        lines = drawn(comparison(broken()))
        assert [line[-1] for line in lines[4:12]] == ["R"] * 3 + ["F"] * 5
        assert "R receive: reset by peer" in lines
        assert "F connect: refused" in lines

    def test_many_clients_share_lines(self) -> None:
        """The label of a line says up to which client it goes."""
        lines = drawn(comparison(staircase(clients=2000, step=0.01)))
        assert [line[:4] for line in lines[2:5]] == [" 100", " 200", " 300"]
        assert lines[21][:5] == "2,000"[:5]
        lengths = [len(line) for line in lines[2:22]]
        assert lengths == sorted(lengths)

    def test_no_line_is_wider_than_the_terminal(self) -> None:
        """Five designs fit abreast into 80 columns; narrower terminals get more rows."""
        five = comparison(staircase(), wall(), staircase(), wall(), staircase())
        for width, rows in ((200, 1), (80, 1), (40, 3), (20, 5)):
            lines = drawn(five, width=width, marks=UNICODE)
            assert max(len(line) for line in lines[:-1]) <= max(width, 20)
            assert sum("sequential" in line for line in lines) == min(rows, 3)

    def test_ascii_terminals_get_ascii(self) -> None:
        """Whatever is drawn, no other character is used."""
        assert "".join(drawn(comparison(staircase(), wall()))).isascii()


class PieceTests(TestCase):
    """What timelines are made of."""

    def test_letters_are_never_given_twice(self) -> None:
        """The same reason in two phases, and many reasons, still get letters of their own."""
        causes = ["connect:timeout", "receive:timeout", "send:timeout", "receive:enobufs"]
        given = letters(causes)
        assert given["connect:timeout"] == "T"
        assert len(set(given.values())) == len(causes)

    def test_groups_hold_every_client_once(self) -> None:
        """No client is lost or shown twice, whatever the numbers."""
        for clients in (0, 1, 19, 20, 21, 99, 1000):
            outcomes = [outcome(n, 1.0) for n in range(clients)]
            cut = groups(outcomes)
            assert [o for group in cut for o in group] == outcomes
            assert len(cut) <= LINES
            assert all(cut)
