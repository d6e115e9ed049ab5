"""A load in stages as a table, one line per stage: requested, offered and answered; latencies.

Messages count in the stage in which they were due; rates are means over it.
"""

from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from twistecho.base.notation import escaped, written
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.by_stage import StageResult
from twistecho.fleet.reports.figures import Reading, Unit, doubt_of
from twistecho.fleet.reports.report import Report

_TIMES = ("p50", "p99", "max")

_NAME = 16  # characters

STAGE_COLUMNS = ("asked", "offered", "answered", "failed", *_TIMES)
"""The columns after the stage's number and text; ``failed`` counts clients."""


def stage_rows(report: Report) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each stage and its figures, those of `STAGE_COLUMNS`."""
    for stage in report.by_stage:
        asked, offered = _loads(stage)
        answered = str(Reading(stage.rate, Unit.RATE))
        failed = f"{sum(stage.found.failures.values()):,}"
        cells = [asked, offered, answered, failed, *_times(report, stage)]
        yield f"{stage.number}  {stage.stage}", cells


def _loads(stage: StageResult) -> tuple[str, str]:
    """Return the requested and the offered load: rates, or numbers of clients."""
    if stage.of_rate:
        return str(Reading(stage.asked, Unit.RATE)), str(Reading(stage.offered, Unit.RATE))
    return f"{stage.asked:,.4g}", f"{stage.offered:,.4g}"


def _times(report: Report, stage: StageResult) -> list[str]:
    """Return the response times as text; a star marks one with a large share of the fleet's own."""
    summary = stage.latencies()
    if summary is None:
        return ["-"] * len(_TIMES)
    p50, _, p99, _ = summary.percentiles
    values = dict(zip(_TIMES, (p50, p99, summary.max), strict=True))
    marked = {at: doubt_of(report, f"stage {stage.number}: {at}") for at in values}
    return [written(value) + "*" * bool(marked[at]) for at, value in values.items()]


def stages_table(report: Report) -> Table:
    """Show the stages of a run below each other; those with failed clients are highlighted."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column(stage_heading(report.plan), overflow="fold", min_width=_NAME)
    for column in STAGE_COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for name, cells in stage_rows(report):
        failed = cells[STAGE_COLUMNS.index("failed")] != "0"
        table.add_row(Text(escaped(name)), *cells, style="bold red" if failed else None)
    return table


def stage_heading(plan: Plan) -> str:
    """Return the heading of the stages, which names what their values are."""
    return "stage" if plan.rate_stages is not None else "stage, clients"
