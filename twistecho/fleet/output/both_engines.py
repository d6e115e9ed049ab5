"""What two engines found, side by side, and of which clients they tell different things."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from twistecho.base.notation import escaped, written
from twistecho.fleet.reports.disagreement import Disagreement
from twistecho.fleet.reports.histograms import PERCENTILES, LatencySummary
from twistecho.fleet.reports.report import Report

from .figure_list import format_found, told_apart
from .styles import BAD

_LISTED = 20


def summary_table(reports: Sequence[Report]) -> Table:
    """Put the figures of reports side by side that two engines can be compared by."""
    return _side_by_side(reports, [_summary(report) for report in reports])


def _side_by_side(reports: Sequence[Report], columns: Sequence[Mapping[str, str]]) -> Table:
    """Put figures with the same names side by side, a column an engine; failures stand out."""
    table = _new_table("engine", *(report.engine for report in reports))
    for name in dict.fromkeys(name for column in columns for name in column):
        cells = [column.get(name, "") for column in columns]
        bad = name in {"clients failed", "messages failed"} and any(cell != "0" for cell in cells)
        table.add_row(name, *cells, style=BAD if bad else None)
    return table


def _new_table(names: str, *columns: str) -> Table:
    """Make a table: a column of names, and columns of figures."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(names)
    for column in columns:
        table.add_column(Text(escaped(column)), justify="right", no_wrap=True)
    return table


def _summary(report: Report) -> dict[str, str]:
    return {
        "clients answered": f"{report.answered:,}",
        "clients failed": f"{sum(report.failures.values()):,}",
        "messages answered": f"{report.messages:,}",
        **format_found(report),
        **({} if report.plan.reconnect is None else {"connects": f"{report.connects:,}"}),
        **told_apart(report),
        "bytes sent": f"{report.bytes_sent:,}",
        "payload bytes returned": f"{report.bytes_returned:,}",
        "makespan": written(report.makespan),
        **_latencies(report.latencies()),
    }


def _latencies(summary: LatencySummary | None) -> dict[str, str]:
    if summary is None:
        return {"latency": "none"}
    percentiles = zip(PERCENTILES, summary.percentiles, strict=True)
    return {
        "latency min": written(summary.min),
        **{f"latency p{at:g}": written(value) for at, value in percentiles},
        "latency max": written(summary.max),
    }


def disagreement_lines(found: Sequence[Disagreement], ours: str, theirs: str) -> list[str]:
    """List the clients of whom two engines tell different things."""
    lines = [f"{d}" for d in found[:_LISTED]]
    if len(found) > _LISTED:
        lines.append(f"... and {len(found) - _LISTED:,} more")
    return [f"The engines disagree ({ours} against {theirs}):", *lines]
