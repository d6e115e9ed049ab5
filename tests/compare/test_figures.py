"""The figures of a comparison: a column a design, a row a figure, the cost apart."""

import io
from dataclasses import replace
from unittest import TestCase

from rich.console import Console

from tests.support.samples import broken, comparison, reconnecting, run, staircase, wall
from twistecho.compare.columns import MakeTable
from twistecho.compare.comparison import Comparison
from twistecho.compare.figures import cost_table, figures_table


def shown(found: Comparison, clients: int, make: MakeTable = figures_table) -> list[str]:
    """Give the table's lines, without the blanks between columns."""
    console = Console(file=io.StringIO(), width=100)
    console.print(make(found, clients, None))
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
        ):
            assert line in lines
        assert not any(line.startswith("memory") for line in lines)

    def test_what_it_cost_stands_apart(self) -> None:
        """The server's own figures; none of its clients'."""
        head, _, *lines = shown(comparison(staircase(), wall()), 20, cost_table)
        assert head == "cost sequential threaded"
        assert lines == [
            "server CPU 250 ms 250 ms",
            "memory, idle 16.0 MiB 16.0 MiB",
            "memory, peak 32.0 MiB 32.0 MiB",
            "processes 1 1",
            "threads 21 21",
        ]

    def test_what_could_not_be_measured_is_a_question_mark(self) -> None:
        """As on a system that shows no processes."""
        lines = shown(comparison(staircase(), replace(wall(), cost=None)), 20, cost_table)
        for line in ("server CPU 250 ms ?", "memory, peak 32.0 MiB ?", "threads 21 ?"):
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
