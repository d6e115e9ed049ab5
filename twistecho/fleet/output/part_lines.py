"""The parts of a run below each other, with their shares; a part that died is highlighted."""

from collections.abc import Iterator

from rich.text import Text

from twistecho.base.notation import escaped, written
from twistecho.fleet.reports.report import Report

from .layout import Layout, in_columns
from .styles import BAD

_HEADS = ("Part", "clients", "answered", "share", "took")
_LONGEST = 30  # characters of a name, if there is room
_PROBLEM = 25  # characters; a problem with less room gets lines of its own


def part_lines(report: Report, layout: Layout) -> Iterator[Text]:
    """Yield a heading and one line per part; nothing if the run has no parts."""
    if not report.parts:
        return
    rows = [_HEADS, *(_cells(report, number, layout) for number in range(len(report.parts)))]
    head, *lines = in_columns(rows, [False, True, True, True, True], gap=2)
    yield Text(head, style="bold")
    for line, part in zip(lines, report.parts, strict=True):
        if part.problem is None:
            yield Text(line)
            continue
        room = layout.width - len(line) - 3
        if room >= min(_PROBLEM, len(part.problem)):
            yield Text(f"{line}   {layout.cut(part.problem, room)}", style=BAD)
        else:
            yield Text(line, style=BAD)
            yield from layout.prose(part.problem, BAD)


def _cells(report: Report, number: int, layout: Layout) -> tuple[str, ...]:
    part = report.parts[number]
    share = f"{part.messages / report.messages:.1%}" if report.messages else "-"
    # The end of a path identifies a file, so the beginning is cut.
    name = escaped(part.name)
    room = min(_LONGEST, max(layout.width // 3, 8))
    if len(name) > room:
        name = layout.signs.cut + name[len(layout.signs.cut) - room :]
    return name, f"{part.clients:,}", f"{part.messages:,}", share, written(part.makespan)
