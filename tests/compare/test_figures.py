"""The table of a comparison, as text."""

import io
from unittest import TestCase

from rich.console import Console

from tests.support.samples import broken, comparison, run, staircase, wall
from twistecho.compare.comparison import Comparison
from twistecho.compare.figures import figures_table, notes


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

    def test_what_needs_no_explanation_gets_none(self) -> None:
        """Where all went well there is nothing to say."""
        assert notes(comparison(wall())) == []
        assert len(notes(comparison(staircase()))) == 1
