"""Whether two engines agree, as text: the answer first, then their figures side by side."""

from collections.abc import Iterator

from rich import box
from rich.table import Table

from twistecho.base.notation import written
from twistecho.fleet.reports.agreement import Agreement
from twistecho.fleet.reports.report import Report

from .words import count

_LISTED = 20
_GOOD, _BAD = "bold green", "bold red"


def agreement_lines(found: Agreement, *, ascii_only: bool = False) -> Iterator[tuple[str, str]]:
    """Yield whether they agree, and where they differ; each line with its style."""
    met, missed = ("+", "x") if ascii_only else ("✓", "✗")
    if found.invalid:
        yield "! INVALID   these figures cannot be believed", _BAD
        yield from ((f"  ! {reason}", _BAD) for reason in found.invalid)
    if found.disagreements:
        yield f"{missed} FAILED   {_disagreeing(found)}", _BAD
        yield from _differences(found)
    elif not found.invalid:
        good = found.right
        answer = f"{met} OK" if good else f"{missed} FAILED"
        yield f"{answer}   both engines agree: {_answered(found)}", _GOOD if good else _BAD


def _disagreeing(found: Agreement) -> str:
    clients = len({each.client for each in found.disagreements})
    engines = " against ".join(report.engine for report in found.reports)
    of_all = count(found.reactor.plan.clients, "client")
    return f"the engines disagree about {clients:,} of {of_all} ({engines})"


def _differences(found: Agreement) -> Iterator[tuple[str, str]]:
    """Yield the first disagreements, and how many more there are."""
    listed = found.disagreements[:_LISTED]
    yield from ((f"  {each}", _BAD) for each in listed)
    if more := len(found.disagreements) - len(listed):
        yield f"  ... and {more:,} more", _BAD


def _answered(found: Agreement) -> str:
    """Return how many messages were answered right, and of how many if the plan has a number."""
    plan, messages = found.reactor.plan, found.reactor.messages
    each = plan.messages_per_client
    said = f"{messages:,} of " if each is not None else ""
    said += f"{count(messages if each is None else plan.clients * each, 'message')} answered right"
    if not found.reactor.complete and found.failures_asked:
        return f"{said}, with the requested faults"
    return f"{said}, but in different formats" * (len(found.reactor.replies_found) > 1) or said


def agreement_table(found: Agreement) -> Table:
    """Show the figures of both side by side; a percentile only if it differs."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("engine", no_wrap=True)
    for report in found.reports:
        table.add_column(report.engine, justify="right", no_wrap=True)
    failed = any(report.failures for report in found.reports)
    columns = [dict(_figures(report)) for report in found.reports]
    for name in dict.fromkeys(name for column in columns for name in column):
        if name == "clients failed" and not failed:
            continue
        style = _BAD if name == "clients failed" else None
        table.add_row(name, *(column.get(name, "") for column in columns), style=style)
    for name, *times in found.percentiles_apart():
        table.add_row(f"latency {name}", *("none" if t is None else written(t) for t in times))
    return table


def _figures(report: Report) -> Iterator[tuple[str, str]]:
    yield "clients answered", f"{report.answered:,}"
    yield "clients failed", f"{sum(report.failures.values()):,}"
    yield "messages answered", f"{report.messages:,}"
    if report.replies_found:
        yield "format of replies", f"{', '.join(map(str, report.replies_found))}, detected"
    if report.plan.reconnect is not None:
        yield "connects", f"{report.connects:,}"
    if report.plan.told_apart is False:
        yield "replies told apart", "no"
    yield "bytes sent", f"{report.bytes_sent:,}"
    yield "payload bytes returned", f"{report.bytes_returned:,}"
    yield "makespan", written(report.makespan)
