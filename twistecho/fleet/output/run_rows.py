"""Messages, rate and connections of a run, one row each.

Rows without figures are left out.
"""

from collections.abc import Iterator

from rich.text import Text

from twistecho.base.notation import written
from twistecho.fleet.reports.figures import read
from twistecho.fleet.reports.report import Report

from .answer import shown_reading
from .layout import Layout
from .styles import Line
from .words import count, per_second


def run_rows(report: Report, layout: Layout) -> Iterator[Text]:
    """Yield the rows; none if nothing was sent or due."""
    if report.sent or report.unsent:
        yield from layout.row("Messages", list(_messages(report)))
        yield from layout.row("Rate", list(_rate(report)))
    if report.plan.reconnect is not None:
        made = read(report, "connects/s")
        yield from layout.row(
            "Connects", [(f"{report.connects:,} made", ""), (shown_reading(made), "")]
        )


def _messages(report: Report) -> Iterator[Line]:
    yield f"{report.sent:,} sent", ""
    yield f"{report.messages:,} right", ""
    lost = [outcome.failed for outcome in report.outcomes if outcome.failed]
    # One message of a failed client failed; its others were pending behind that one.
    if lost:
        yield f"{len(lost):,} failed", "red"
    if pending := sum(lost) - len(lost):
        clients = "its client" if len(lost) == 1 else "their clients"
        yield f"{pending:,} pending when {clients} failed", "red"
    if report.outstanding:
        yield f"{report.outstanding:,} pending at the end", "yellow"
    if report.unsent:
        yield f"{report.unsent:,} due and not sent", "yellow"
    if report.plan.warmup:
        yield f"{report.measured.unmeasured:,} of the warm-up", ""
    yield _bytes(report), ""


def _bytes(report: Report) -> str:
    if report.bytes_sent == report.bytes_returned:
        return f"{count(report.bytes_sent, 'byte')} each way"
    return f"{count(report.bytes_sent, 'byte')} sent, {report.bytes_returned:,} right"


def _rate(report: Report) -> Iterator[Line]:
    rate, plan = read(report, "rate"), report.plan
    if rate.value is None:
        return
    held = shown_reading(rate)
    if plan.rate_stages is not None:
        asked = sum(stage.asked * stage.stage.seconds for stage in report.by_stage)
        held += f" of {per_second(asked / plan.rate_stages.seconds)} asked, {plan.rate_stages}"
    elif plan.rate is not None:
        held += f" of {per_second(plan.rate)} asked"
    yield held, ""
    yield str(read(report, "byte_rate")), ""
    if written(report.makespan) != written(report.offered):
        yield f"{written(report.makespan)} in all", ""
