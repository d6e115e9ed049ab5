"""Latencies in one table, one line per kind of time, and the fleet's own share of them."""

from collections.abc import Iterator

from rich.text import Text

from twistecho.base.notation import written
from twistecho.fleet.reports.histograms import PERCENTILES, Latencies
from twistecho.fleet.reports.own_limit import late_by
from twistecho.fleet.reports.report import Report

from .layout import Layout
from .styles import ASIDE
from .times import marked_cells, own_lines, times

COLUMNS = ("min", *(f"p{at:g}" for at in PERCENTILES), "max")
"""The figures of each time."""

_SPARED = ("p90", "min", "p99.9")
"""The columns that are left out first if there is no room."""

_NAMES = {"own time": "own", "fleet lag": "lag"}
_NOTES = {
    "service": "from when sent",
    "wire": "send call to kernel arrival",
    "own time": "the fleet's share",
    "first byte": "first message to first byte",
    "fleet lag": "how late the fleet sent",
}
_GAP = "  "


def latency_lines(report: Report, layout: Layout) -> Iterator[Text]:
    """Yield the table, and the meaning of its stars; nothing if no time was measured."""
    shown = [name for name, _ in times(report) if _says_something(report, name)]
    if shown:
        yield from _table(report, shown, layout)
    if report.allowed_lag is not None:
        allowed = written(report.allowed_lag)
        yield from layout.prose(f"lag allowed to the fleet: {allowed}", ASIDE, 0)
    for line in own_lines(report):
        yield from layout.prose(line, "yellow", 0)


def _says_something(report: Report, name: str) -> bool:
    """Return whether a time is shown: the fleet's lag only if it exceeds its limit."""
    return name != "fleet lag" or late_by(report, report.measured) is not None


def _table(report: Report, shown: list[str], layout: Layout) -> Iterator[Text]:
    rows = {name: _cells(report, name) for name in shown}
    names = {name: _NAMES.get(name, name) for name in shown}
    first = max(len("Latency"), *map(len, names.values()))
    wide = max(len(cell) for cells in rows.values() for cell in cells.values())
    columns = _that_fit(layout.width - first, wide + len(_GAP))
    notes = {name: _note(report, name) for name in shown}
    left = layout.width - first - len(columns) * (wide + len(_GAP)) - 3
    beside = max(map(len, notes.values())) <= left or not layout.wraps
    # A heading leaves the place of the star free.
    blank = " " * bool(report.marks)
    heads = "".join(_GAP + (column + blank).rjust(wide) for column in columns)
    yield Text(f"{'Latency'.ljust(first)}{heads}".rstrip(), style="bold")
    for name, cells in rows.items():
        line = Text(names[name].ljust(first))
        for column in columns:
            cell = cells[column]
            line.append(_GAP + cell.rjust(wide), "yellow" if cell.endswith("*") else "")
        if beside and notes[name]:
            line.append("   " + notes[name], ASIDE)
        line.rstrip()
        yield line
    if not beside and (told := [f"{names[name]}: {note}" for name, note in notes.items() if note]):
        yield from layout.prose("; ".join(told), ASIDE, 0)


def _cells(report: Report, name: str) -> dict[str, str]:
    """Return the figures of a time, with stars, by column."""
    summary = dict(times(report))[name]
    values = dict(zip(COLUMNS, (summary.min, *summary.percentiles, summary.max), strict=True))
    return dict(zip(COLUMNS, marked_cells(report, name, values), strict=True))


def _that_fit(room: int, wide: int) -> list[str]:
    """Return the columns that fit next to each other, all if there is room."""
    left = list(COLUMNS)
    for spared in _SPARED:
        if len(left) * wide > room:
            left.remove(spared)
    return left


def _note(report: Report, name: str) -> str:
    """Return when a time begins, and from how many messages it is."""
    note = _NOTES.get(name, "")
    if name == "response":
        note = "from when due" if report.plan.rate is not None else ""
    if name in {"wire", "own time"} and (each := _sampled(report)) > 1:
        note += f", 1 in {each:,}"
    return note


def _sampled(report: Report) -> int:
    """Return n if 1 in n messages was timed; 1 if all were, or none."""
    timed = report.measured.timed
    return round(Latencies(report.measured.latency).count / timed) if timed else 1
