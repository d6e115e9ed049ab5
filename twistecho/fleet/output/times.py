"""The measured times: which are shown, and the fleet's own share of them."""

from collections.abc import Iterator, Mapping

from twistecho.base.notation import written
from twistecho.fleet.reports.figures import TIMES
from twistecho.fleet.reports.histograms import Latencies, LatencySummary
from twistecho.fleet.reports.own_limit import signs_of_own_limit
from twistecho.fleet.reports.report import Report

_UNKNOWN = "of these times is unknown: the system did not report when bytes arrived"

_SHOWN = {
    "response": "response",
    "service": "service",
    "wire": "wire",
    "own time": "own",
    "connect": "connect",
    "first byte": "first_byte",
    "fleet lag": "lag",
}


def times(report: Report) -> Iterator[tuple[str, LatencySummary]]:
    """Yield the figures of every measured time, with its name."""
    for name, kind in _SHOWN.items():
        # In a closed load a message is due when it is sent, so the three times are one.
        if report.plan.rate is None and kind in {"service", "lag"}:
            continue
        summary = Latencies(getattr(report.measured, TIMES[kind])).summary()
        if summary is not None:
            yield name, summary


def marked_cells(report: Report, name: str, values: Mapping[str, float]) -> list[str]:
    """Return the figures of a time as text, with a star after those that are marked."""
    marks = report.marks
    marked = marks.get(_SHOWN[name], {})
    blank = " " * bool(marks)
    return [written(value) + ("*" if at in marked else blank) for at, value in values.items()]


def own_lines(report: Report) -> Iterator[str]:
    """Yield the meaning of the stars, and whether the fleet was the limit.

    If the fleet's own share is unknown, a line says so.
    """
    if report.measured.latency and not report.measured.timed:
        yield f"The fleet's own share {_UNKNOWN}"
    for name, kind in _SHOWN.items():
        marked = report.marks.get(kind)
        if marked and not (kind == "service" and report.plan.rate is None):
            told = [figure for figure in ("p50", "p99") if figure in marked] or [*marked][:1]
            shares = ", ".join(f"{marked[figure]} of {figure}" for figure in told)
            yield f"* {name}: more than a tenth is the fleet's own, {shares}"
    signs = signs_of_own_limit(report)
    if signs and report.messages and report.plan.rate is None and not report.plan.think:
        yield f"The fleet was the limit: {', '.join(signs)}"
