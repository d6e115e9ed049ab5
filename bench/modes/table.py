"""The results of the modes as rows, a table and JSON: pure."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from bench.pairs import Pair, compare

from .catalogue import Mode, Part

SLOWER = 1.05
"""A mode is slower than before if the whole interval of the ratio is above this."""

_NAME, _TITLE = 20, 31
_EXPLAINED = "CPU time per message, without start-up; medians, and the ratio's 95 % interval"


class Row(NamedTuple):
    """A mode: its cost and that of its reference, in CPU microseconds per message.

    ``mark`` is the verdict. The first mode of a part, and a mode that only the newer version has,
    are compared with nothing: their ``ratio`` is None.
    """

    name: str
    title: str
    old: float | None
    new: float | None
    ratio: float | None
    low: float | None
    high: float | None
    goal: float | None
    mark: str


Table = Sequence[tuple[str, Sequence[Row]]]
"""The rows by the titles of their parts."""


def beside_first(parts: Sequence[Part], found: Mapping[str, Sequence[Pair]]) -> Table:
    """Make rows of modes that were compared with the first of their part."""
    return [(part.title, list(_part_rows(part, found))) for part in parts]


def _part_rows(part: Part, found: Mapping[str, Sequence[Pair]]) -> Iterator[Row]:
    first, *others = part.modes
    costs = [pair.old for mode in others for pair in found[mode.name]]
    cost = median(costs) if costs else None
    yield Row(first.name, first.title, None, cost, None, None, None, None, "")
    for mode in others:
        row = _row(mode, found[mode.name])
        yield row._replace(mark=_reached(row.ratio, mode.goal))


def beside_old(parts: Sequence[Part], found: Mapping[str, Sequence[Pair]]) -> Table:
    """Make rows of the modes that were measured in two versions."""
    table = []
    for part in parts:
        rows = [_row(mode, found[mode.name]) for mode in part.modes if mode.name in found]
        if rows:
            table.append((part.title, [row._replace(goal=None, mark=_slower(row)) for row in rows]))
    return table


def _row(mode: Mode, pairs: Sequence[Pair]) -> Row:
    if not pairs:
        return Row(mode.name, mode.title, None, None, None, None, None, mode.goal, "")
    ratio, low, high, old, new, _ = compare(pairs)
    return Row(mode.name, mode.title, old, new, ratio, low, high, mode.goal, "")


def _reached(ratio: float | None, goal: float | None) -> str:
    if ratio is None or goal is None:
        return ""
    return "reached" if ratio <= goal else "short"


def _slower(row: Row) -> str:
    if row.low is None:
        return "not in old"
    return "slower" if row.low > SLOWER else ""


def slower(table: Table) -> list[str]:
    """Return the names of modes that have become slower."""
    return [row.name for _, rows in table for row in rows if row.mark == "slower"]


def lines(table: Table, against: str | None = None) -> Iterator[str]:
    """Yield the lines of the table; ``against`` names the older version, if there is one."""
    yield _EXPLAINED if against is None else f"new over old, {against}: {_EXPLAINED}"
    for title, rows in table:
        yield ""
        yield f"{title:{_NAME + _TITLE + 2}}" + _head(against)
        for row in rows:
            yield _line(row, against is not None).rstrip()


def _head(against: str | None) -> str:
    costs = f"{'us':>8}" if against is None else f"{'old us':>8}{'new us':>8}"
    goal = f"{'goal':>6}" if against is None else ""
    return f"{costs}{'ratio':>7}{'interval':>16}{goal}"


def _line(row: Row, both: bool) -> str:
    costs = [row.old, row.new] if both else [row.new]
    interval = "" if row.low is None else f"{row.low:.2f} to {row.high:.2f}"
    return "".join((
        f"  {row.name:{_NAME}}{row.title:{_TITLE}}",
        *(f"{_number(cost):>8}" for cost in costs),
        f"{_number(row.ratio):>7}{interval:>16}",
        "" if both else f"{_number(row.goal):>6}",
        f"  {row.mark}",
    ))  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def to_json(table: Table, found: Mapping[str, Sequence[Pair]]) -> list[dict[str, Any]]:
    """Return all figures as JSON data, with those of each turn."""
    return [
        {"part": title, **row._asdict(), "samples": _samples(found.get(row.name, ()))}
        for title, rows in table
        for row in rows
    ]


def _samples(pairs: Sequence[Pair]) -> dict[str, list[float]]:
    return {side: [getattr(pair, side) for pair in pairs] for side in Pair._fields}
