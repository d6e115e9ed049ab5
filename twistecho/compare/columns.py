"""A table of a comparison as so many, one below the other, as a terminal's width needs.

A table that is too wide would have its figures folded, where nobody finds them.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from .comparison import Comparison, Run

_ANY_WIDTH = 100_000

MakeTable = Callable[[Comparison, int, Sequence[Run] | None], Table]
"""Makes a table of the runs with so many clients, a column each, or only of those to be shown."""


def fitting_tables(
    make: MakeTable, comparison: Comparison, clients: int, width: int
) -> list[Table]:
    """Share the runs with that many clients out among as few tables as fit into a width.

    A table of one run that does not fit even so is as wide as the terminal lets it be.
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
    """Make so many tables, of as equal numbers of runs as can be, each as wide as it wants."""
    runs = comparison.of_size(clients)
    cuts = [len(runs) * number // parts for number in range(parts + 1)]
    tables = [make(comparison, clients, runs[a:b]) for a, b in pairwise(cuts)]
    console = Console(width=_ANY_WIDTH)
    for table in tables:
        table.width = Measurement.get(console, console.options, table).maximum
    return tables
