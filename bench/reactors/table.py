"""The results of the reactors as rows, a table and JSON: pure."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from bench.pairs import Pair, compare

from .cases import OURS, REFERENCE, Case

_EXPLAINED = (
    "CPU time per request, without start-up; medians",
    "ratio: epoll's over the reactor's own, with its 95 % interval; above 1 it is cheaper",
)
_REACTOR = 12


class Row(NamedTuple):
    """The cost of a case on a reactor, in CPU microseconds per request.

    ``ratio`` is the cost on epoll divided by it, None for epoll itself. ``mark`` is set if the
    whole interval is on the side of a higher cost than epoll's.
    """

    case: str
    reactor: str
    cost: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    mark: str = ""


Found = Mapping[str, Mapping[str, Sequence[Pair]]]


def rows(case: Case, found: Found) -> Iterator[Row]:
    """Make the rows of a case, epoll's first."""
    beside = found[case.name]
    costs = [pair.new for pairs in beside.values() for pair in pairs]
    yield Row(case.name, REFERENCE, median(costs))
    for reactor, pairs in beside.items():
        ratio, low, high, own, _, _ = compare(pairs)
        yield Row(case.name, reactor, own, ratio, low, high, "below epoll" if high < 1 else "")


def is_below(case: Case, found: Found) -> bool:
    """Return whether the case costs more on our reactor than on epoll."""
    return any(row.reactor == OURS and row.mark for row in rows(case, found))


def lines(cases: Sequence[Case], found: Found) -> Iterator[str]:
    """Write the table."""
    yield from _EXPLAINED
    for case in cases:
        yield ""
        yield f"{case.name}: {case.title}"
        yield f"  {'':{_REACTOR}}{'us':>8}{'ratio':>7}{'interval':>16}"
        yield from (_line(row).rstrip() for row in rows(case, found))


def _line(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    interval = "" if row.low is None else f"{row.low:.2f} to {row.high:.2f}"
    return f"  {row.reactor:{_REACTOR}}{row.cost:>8.2f}{ratio:>7}{interval:>16}  {row.mark}"


def to_json(cases: Sequence[Case], found: Found) -> list[dict[str, Any]]:
    """Return all figures as JSON data, with those of each pair: the reactor's and epoll's."""
    return [
        {**row._asdict(), "samples": _samples(row.reactor, found[case.name].get(row.reactor, ()))}
        for case in cases
        for row in rows(case, found)
    ]


def _samples(reactor: str, pairs: Sequence[Pair]) -> dict[str, list[float]]:
    if not pairs:
        return {}
    return {reactor: [pair.old for pair in pairs], REFERENCE: [pair.new for pair in pairs]}
