"""Splits a wide table of a comparison into several, one below the other, that fit the terminal.

The figures of a table that is too wide would be wrapped, which makes them hard to find.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from .comparison import Comparison, Run

_ANY_WIDTH = 100_000

MakeTable = Callable[[Comparison, int, Sequence[Run] | None], Table]
"""Makes a table with one column per run with this many clients, or per run given."""


def fitting_tables(
    make: MakeTable, comparison: Comparison, clients: int, width: int
) -> list[Table]:
    """Divide the runs with that many clients among as few tables as fit into a width.

    A table of a single run that still does not fit is as wide as the terminal.
    """
    count = len(comparison.of_size(clients))
    tables: list[Table] = []
    for parts in range(1, count + 1):
        tables = _cut(make, comparison, clients, parts)
        if all(table.width is not None and table.width <= width for table in tables):
            return tables
    for table in tables:
        table.width = min(table.width or width, width)
    return tables


def _cut(make: MakeTable, comparison: Comparison, clients: int, parts: int) -> list[Table]:
    """Make this many tables, with about equally many runs each, at their natural widths."""
    runs = comparison.of_size(clients)
    cuts = [len(runs) * number // parts for number in range(parts + 1)]
    tables = [make(comparison, clients, runs[a:b]) for a, b in pairwise(cuts)]
    console = Console(width=_ANY_WIDTH)
    for table in tables:
        table.width = Measurement.get(console, console.options, table).maximum
    return tables
