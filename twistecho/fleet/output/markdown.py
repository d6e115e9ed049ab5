"""A verdict as Markdown for a pull request on GitHub or GitLab, with tables.

The most important part comes first: the verdict, then each requirement. Text that may come from a
peer or a plan is escaped where it enters the document, in `_text` and nowhere else.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from twistecho.base.notation import escaped
from twistecho.fleet.reports.figures import doubt_of, read
from twistecho.fleet.reports.own_share import COLUMNS
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import Result
from twistecho.fleet.reports.verdict import Verdict

from .answer import Answer, answer_of, interruption_lines, sentence_of
from .causes import meaning_of
from .headline import headline
from .stage_table import STAGE_COLUMNS, stage_heading, stage_rows
from .times import marked_cells, own_lines, times

_SIGNS = {"met": "✅", "missed": "❌", "undecided": "⚠️"}

_FIGURES = {
    "messages sent": "sent",
    "answered right": "messages",
    "rate": "rate",
    "clients": "clients",
    "clients failed": "failed",
}
"""The headings of the table of figures, and the figures' names."""

_LISTED = 20
_LONGEST = 300  # characters of text from a peer or a file

_SPECIAL = re.compile(r"[\\`*_\[\]#|~^$]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}


def to_markdown(verdict: Verdict) -> str:
    """Return a verdict and the figures of its report, with a heading and a final line end."""
    return "\n".join(_lines(verdict)).rstrip("\n") + "\n"


def _lines(verdict: Verdict) -> Iterator[str]:
    report = verdict.report
    yield f"### {_heading(verdict)}"
    yield ""
    yield from _listed(map(_text, verdict.invalid))
    if verdict.results:
        rows = [_required(report, result) for result in verdict.results]
        yield from _table(("", "required", "found"), rows, "---")
    for line, _ in interruption_lines(report):
        yield from (_text(line), "")
    yield from (_text(headline(report.plan, report.target)), "")
    yield from _table(tuple(_FIGURES), [[str(read(report, name)) for name in _FIGURES.values()]])
    yield from _table(("latency", *COLUMNS), _times(report))
    yield from _stages(report)
    yield from _failures(report)
    for line in own_lines(report):
        yield from (_text(line), "")


def _heading(verdict: Verdict) -> str:
    """Return the answer of the run; if several apply, the worst."""
    answer, said = answer_of(verdict), sentence_of(verdict)
    if answer is Answer.INVALID:
        return f"⚠️ INVALID: {said}"
    if answer is Answer.INTERRUPTED:
        return f"⚠️ Interrupted {said}"
    return f"{'✅' if answer is Answer.OK else '❌'} {said[0].upper()}{said[1:]}"


def _required(report: Report, result: Result) -> tuple[str, str, str]:
    """Return whether a requirement is met, its text, and the figure, which may have a star."""
    star = "*" * bool(doubt_of(report, result.requirement.name))
    sign = f"{_SIGNS[result.answer]} {result.answer}"
    return sign, str(result.requirement), f"{result.actual}{star}"


def _times(report: Report) -> Iterator[Sequence[str]]:
    """Yield the latencies, with stars, one row per kind."""
    for name, summary in times(report):
        values = (summary.min, summary.mean, *summary.percentiles, summary.max)
        cells = marked_cells(report, name, dict(zip(COLUMNS, values, strict=True)))
        yield (name, *(cell.strip() for cell in cells))


def _stages(report: Report) -> Iterator[str]:
    """Yield the stages of the load below each other, with their requested and measured figures."""
    heads = (stage_heading(report.plan), *STAGE_COLUMNS)
    yield from _table(heads, ([name, *cells] for name, cells in stage_rows(report)))


def _failures(report: Report) -> Iterator[str]:
    """Yield the causes of failure, the most frequent first."""
    causes = list(report.failures.items())
    rows = [(cause, f"{clients:,}", meaning_of(cause)) for cause, clients in causes[:_LISTED]]
    more = sum(clients for _, clients in causes[_LISTED:])
    rows += [("others", f"{more:,}", "")] if more else []
    if rows:
        yield from _table(("failed", "clients", "meaning"), rows, "---")


def _listed(lines: Iterable[str]) -> Iterator[str]:
    found = [f"- {line}" for line in lines]
    yield from found
    yield from [""] * bool(found)


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], aligned: str = "---:"
) -> Iterator[str]:
    """Yield a table and an empty line; all columns but the first are ``aligned`` so."""
    found = [_row(row) for row in rows]
    if found:
        yield _row(heads)
        yield _row_of(["---", *(aligned for _ in heads[1:])])
        yield from found
        yield ""


def _row(cells: Iterable[str]) -> str:
    return _row_of(map(_text, cells))


def _row_of(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Escape characters special in Markdown or HTML, in one line of bounded length."""
    shown = escaped(text)
    shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
    told = _SPECIAL.sub(r"\\\g<0>", shown)
    return "".join(_ENTITIES.get(each, each) for each in told)
