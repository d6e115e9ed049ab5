"""The figures of many servers, on a terminal that is not wide enough for all."""

import io
from dataclasses import replace
from unittest import TestCase

from rich.console import Console

from tests.support.samples import broken, comparison, wall
from twistecho.compare.columns import MakeTable, fitting_tables
from twistecho.compare.comparison import Comparison
from twistecho.compare.figures import cost_table, figures_table

_NAMES = ("sequential", "threaded", "forking", "select", "twisted", "my_server")


def printed(
    found: Comparison, clients: int, width: int, make: MakeTable = figures_table
) -> list[list[str]]:
    """Give the lines of each table, as a terminal of that width shows them."""
    shown = []
    for table in fitting_tables(make, found, clients, width):
        console = Console(file=io.StringIO(), width=width)
        console.print(table)
        assert isinstance(console.file, io.StringIO)
        shown.append([line.rstrip() for line in console.file.getvalue().splitlines()])
    return shown


def words(lines: list[str]) -> list[list[str]]:
    """Cut lines at their blanks."""
    return [line.split() for line in lines]


class ColumnTests(TestCase):
    """Tables side by side, or one below the other."""

    def test_what_fits_is_one_table(self) -> None:
        """With a column for each server, in their order."""
        [table] = printed(comparison(*(replace(wall(), design=name) for name in _NAMES)), 20, 100)
        assert table[0].split() == ["20", "clients", *_NAMES]

    def test_what_does_not_fit_is_shared_out_evenly_with_no_figure_folded(self) -> None:
        """At each width every server is in one table, every figure in one line."""
        found = comparison(*(replace(wall(), design=name) for name in _NAMES))
        for width, sizes in ((80, [3, 3]), (60, [3, 3]), (45, [2, 2, 2]), (35, [1] * 6)):
            with self.subTest(width=width):
                tables = printed(found, 20, width)
                heads = [table[0].split()[2:] for table in tables]
                assert [len(head) for head in heads] == sizes
                assert [name for head in heads for name in head] == list(_NAMES)
                for table, size in zip(tables, sizes, strict=True):
                    assert max(map(len, table)) <= width
                    assert ["makespan", *["200", "ms"] * size] in words(table)

    def test_the_cost_is_shared_out_as_the_figures_are(self) -> None:
        """By its own width."""
        found = comparison(*(replace(wall(), design=name) for name in _NAMES))
        tables = printed(found, 20, 60, cost_table)
        assert [table[0].split() for table in tables] == [
            ["cost", *_NAMES[:3]],
            ["cost", *_NAMES[3:]],
        ]
        for table in tables:
            assert ["memory,", "peak", *["32.0", "MiB"] * 3] in words(table)

    def test_all_parts_have_the_same_rows(self) -> None:
        """A failure that only one server had is a zero of the others."""
        other = replace(wall(10), design="a-name-of-20-letters")
        first, second = printed(comparison(broken(), other), 10, 45)
        assert ["connect:", "refused", "5"] in words(first)
        assert ["connect:", "refused", "0"] in words(second)

    def test_a_terminal_narrower_than_one_column_gets_all_there_is_room_for(self) -> None:
        """Folded, as before: nothing is wider than the terminal."""
        [table] = printed(comparison(wall()), 20, 25)
        assert max(map(len, table)) <= 25
