"""What a fleet found, for a terminal: what people want to know first comes first."""

from collections.abc import Iterator

from rich import box
from rich.table import Table

from twistecho.base.notation import written
from twistecho.fleet.reports.figures import TIMES, read
from twistecho.fleet.reports.histograms import PERCENTILES, Latencies, LatencySummary
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.verdict import Verdict

from .tables import count, failure_lines

Line = tuple[str, str]
"""A line of text and the style that it has on a terminal."""

BAD, GOOD = "bold red", "bold green"

_ALWAYS = {
    "rate": "rate",
    "bytes a second": "byte_rate",
    "makespan": "makespan",
    "clients answered": "answered",
    "clients failed": "failed",
    "messages sent": "sent",
    "messages answered": "messages",
}
_WHERE_ANY = {"messages outstanding": "outstanding", "messages due and not sent": "unsent"}
_SHOWN = {
    "response": "response",
    "service": "service",
    "connect": "connect",
    "first byte": "first_byte",
    "fleet lag": "lag",
}


def figures(report: Report) -> dict[str, str]:
    """Give the figures of a report, each with its name; causes of failure are not among them."""
    found = {name: str(read(report, figure)) for name, figure in _ALWAYS.items()}
    lost = sum(outcome.failed for outcome in report.outcomes)
    found |= {"messages failed": f"{lost:,}"} if lost else {}
    some = {name: read(report, figure) for name, figure in _WHERE_ANY.items()}
    found |= {name: str(reading) for name, reading in some.items() if reading.value}
    found |= {"warm-up messages": f"{report.measured.unmeasured:,}"} if report.plan.warmup else {}
    return found | {
        "bytes sent": f"{report.bytes_sent:,}",
        "payload bytes returned": f"{report.bytes_returned:,}",
    }


def figures_table(report: Report) -> Table:
    """Put the figures one under the other."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("engine")
    table.add_column(report.engine, justify="right", no_wrap=True)
    for name, value in figures(report).items():
        bad = name in {"clients failed", "messages failed"} and value != "0"
        table.add_row(name, value, style=BAD if bad else None)
    return table


def times_table(report: Report) -> Table:
    """Put how long everything took into a line a kind, the least to the left."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("time")
    for name in ("min", "mean", *(f"p{at:g}" for at in PERCENTILES), "max"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, summary in times(report):
        values = [summary.min, summary.mean, *summary.percentiles, summary.max]
        table.add_row(name, *map(written, values))
    return table


def times(report: Report) -> Iterator[tuple[str, LatencySummary]]:
    """Give the figures of everything that took time, each with its name."""
    for name, kind in _SHOWN.items():
        # In a closed load a message is due when it is sent: there is one time, not three.
        if report.plan.rate is None and kind in {"service", "lag"}:
            continue
        summary = Latencies(getattr(report.measured, TIMES[kind])).summary()
        if summary is not None:
            yield name, summary


def parts_table(report: Report) -> Table:
    """Put the parts of a run under each other, with their shares; one that died stands out."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("part", overflow="fold")
    for name in ("clients", "answered", "share", "took"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for part in report.parts:
        table.add_row(*_part_cells(part, report.messages), style=BAD if part.problem else None)
    return table


def _part_cells(part: Part, messages: int) -> list[str]:
    share = f"{part.messages / messages:.1%}" if messages else "-"
    return [
        part.name,
        f"{part.clients:,}",
        f"{part.messages:,}",
        share,
        written(part.makespan),
        part.problem or "",
    ]


def lines(verdict: Verdict) -> Iterator[Line]:
    """Give what is to be said below the tables: causes, requirements, and what to think of it."""
    for line in failure_lines(verdict.report):
        yield line, "red"
    for result in verdict.results:
        yield str(result), "green" if result.met else BAD
    if verdict.report.interrupted:
        yield "Interrupted: this is what was found until then.", "bold yellow"
    if verdict.invalid:
        yield "INVALID: these figures cannot be believed", BAD
        yield from ((f"- {reason}", BAD) for reason in verdict.invalid)
    missed = sum(not result.met for result in verdict.results)
    if missed:
        yield f"{count(missed, 'requirement')} missed", BAD
    elif verdict.results and not verdict.invalid:
        yield "All requirements met", GOOD
