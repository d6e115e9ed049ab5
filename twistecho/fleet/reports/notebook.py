"""A report as shown in a notebook: a small HTML table; all its text is escaped.

It has no script and no style except the notebook's, and its size is bounded for any report.
"""

from collections.abc import Iterator
from html import escape

from twistecho.base.notation import escaped

from .figures import doubt_of, read
from .report import Report
from .verdict import invalid

_FIGURES = {
    "clients answered": "answered",
    "clients failed": "failed",
    "messages answered": "messages",
    "rate": "rate",
    "makespan": "makespan",
    "latency p50": "p50",
    "latency p99": "p99",
    "latency p99.9": "p99.9",
    "latency max": "max",
}
"""The labels shown, and the names of their figures."""

_LISTED = 5
_LONGEST = 200  # characters of a text from outside


def summary_html(report: Report) -> str:
    """Return the verdict, the figures and the causes of failure as HTML."""
    reasons = invalid(report)
    lines = [f"<strong>{_text(_headline(report, reasons))}</strong>"]
    lines += [_text(reason) for reason in reasons[:_LISTED]]
    lines.append(
        _text(f"{report.plan.clients:,} clients, engine {report.engine}, to", report.target)
    )
    body = "".join(f"<p>{line}</p>" for line in lines)
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>'
        for name, value in _rows(report)
    )
    return f"<div>{body}<table><tbody>{rows}</tbody></table>{_note(report)}</div>"


def _text(*values: object) -> str:
    """Return a text to show, escaped and shortened."""
    text = escaped(" ".join(map(str, values)))
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _headline(report: Report, reasons: tuple[str, ...]) -> str:
    if reasons:
        return "INVALID: these figures cannot be believed"
    if report.complete:
        return "Every message was answered right"
    if report.interrupted and not report.failures:
        return "Interrupted while nothing was wrong"
    return "Not every message was answered right"


def _rows(report: Report) -> Iterator[tuple[str, str]]:
    for name, figure in _FIGURES.items():
        yield name, f"{read(report, figure)}{'*' * bool(doubt_of(report, figure))}"
    if report.replies_found:
        yield "format of replies", f"{', '.join(map(str, report.replies_found))}, detected"
    if report.plan.told_apart is False:
        yield "replies told apart", "no"
    causes = list(report.failures.items())
    for cause, clients in causes[:_LISTED]:
        yield f"failed: {cause}", f"{clients:,}"
    if causes[_LISTED:]:
        yield "failed otherwise", f"{sum(clients for _, clients in causes[_LISTED:]):,}"


def _note(report: Report) -> str:
    """Return the explanation of a star, where there is one."""
    starred = any(doubt_of(report, figure) for figure in _FIGURES.values())
    return "<p>* more than a tenth of it is the fleet's own</p>" * starred
