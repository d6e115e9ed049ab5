"""The results of a fleet as one self-contained HTML page: no network, no script, no font.

The page's frame and its style are in ``page.html`` beside this module. Text that may come from a
peer or a plan is escaped where it enters the page, in `_text` and nowhere else.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from twistecho.base.notation import escaped, written
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import LatencySummary
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.requirements import Result
from twistecho.fleet.reports.verdict import Verdict
from twistecho.pictures.chart import Chart
from twistecho.pictures.looks import stylesheet
from twistecho.pictures.svg import chart_svg

from .causes import explanation_lines, meaning_of
from .charts import charts_of
from .figure_list import figures
from .headline import headline
from .stage_table import STAGE_COLUMNS, stage_heading, stage_rows
from .times import marked_cells, own_lines, times
from .words import count, plan_in_words

_MARKS = {"met": "✓", "missed": "✗", "undecided": "?"}
_COLUMNS = ("p50", "p99", "p99.9", "max")


def html_page(verdict: Verdict) -> str:
    """Return the page of a report and its verdict, as text."""
    report = verdict.report
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    first = [_requirements(verdict.results)] if verdict.results else []
    first += [_failures(report.failures)] if report.failures else []
    first += [f'<p class="bad">{_text(line)}</p>' for line in explanation_lines(report)]
    tables = [_table("Figures", figures(report).items()), *_times(report)]
    tables += [_stages(report)] if report.by_stage else []
    tables += [_parts(report.parts)] if report.parts else []
    tables.append(_plan(report.plan))
    charts = [_figure(number, chart) for number, chart in enumerate(charts_of(report))]
    return Template(template).substitute(
        title=_text(f"A fleet against {report.target}"),
        about=_text(_about(report)),
        colours=stylesheet(),
        verdict=_verdict(verdict),
        sheets="\n".join(_sheets(each) for each in (first, charts, tables) if each),
    )


def _sheets(found: Iterable[str]) -> str:
    """Put sections next to each other where there is room."""
    inside = "\n".join(found)
    return f'<div class="sheets">\n{inside}\n</div>'


def _text(value: object) -> str:
    """Escape a text; control characters, which HTML forbids, as Python writes them."""
    return escape(escaped(str(value)))


def _about(report: Report) -> str:
    said = [headline(report.plan, report.target, report), f"engine {report.engine}"]
    if report.began:
        said.append(time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.began)))
    said.append(f"{written(report.makespan)} long")
    return ", ".join(said)


def _verdict(verdict: Verdict) -> str:
    """Return a box with the answer of the run; if several apply, the worst."""
    interrupted = "<p>It was interrupted: these are the results until then.</p>"
    more = interrupted if verdict.report.interrupted else ""
    missed = sum(result.missed for result in verdict.results)
    if verdict.invalid:
        reasons = "".join(f"<p>{_text(reason)}</p>" for reason in verdict.invalid)
        return _box("INVALID: these figures cannot be believed", reasons + more)
    if missed:
        return _box(f"{count(missed, 'requirement')} missed", more)
    if verdict.report.complete:
        return _box("Every message was answered right", more, good=verdict.passed)
    if verdict.passed:
        return _box(
            "All requirements met, though not every message was answered right", more, good=True
        )
    if verdict.report.interrupted and not verdict.report.failures:
        return _box("Interrupted without a failure", more)
    agreed = len(verdict.report.replies_found) < 2
    return _box(
        "Not every message was answered right"
        if agreed
        else "The clients found different formats of replies",
        more,
    )


def _box(text: str, more: str = "", *, good: bool = False) -> str:
    kind = "verdict good" if good else "verdict"
    return f'<div class="{kind}"><strong>{_text(text)}</strong>{more}</div>'


def _figure(number: int, chart: Chart) -> str:
    return (
        f"<figure><figcaption><h2>{_text(chart.title)}</h2>"
        f'<p class="quiet">{_text(chart.shows)}</p></figcaption>'
        f"{chart_svg(chart, f'chart{number}-')}</figure>"
    )


def _section(
    title: str, rows: Iterable[str], heads: Sequence[str] = (), *, kind: str = "", below: str = ""
) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in heads)
    head = f"<thead><tr>{head}</tr></thead>" if heads else ""
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    named = f' class="{kind}"' if kind else ""
    return (
        f"<section{named}><h2>{_text(title)}</h2>"
        f"<table>{head}<tbody>\n{body}\n</tbody></table>{below}</section>"
    )


def _row(name: object, *cells: object, kind: str = "figure", problem: str | None = None) -> str:
    # A cause, ``phase:reason``, should be broken at its colon.
    head = _text(name).replace(":", ":<wbr>")
    head += f'<span class="bad">{_text(problem)}</span>' if problem else ""
    row = f'<th scope="row">{head}</th>'
    return row + "".join(f'<td class="{kind}">{_text(cell)}</td>' for cell in cells)


def _table(title: str, lines: Iterable[tuple[str, str]]) -> str:
    return _section(title, [_row(name, value) for name, value in lines])


def _plan(plan: Plan) -> str:
    rows = [_row(name, value, kind="words") for name, value in plan_in_words(plan)]
    return _section("Plan", rows, kind="plan")


def _times(report: Report) -> Iterator[str]:
    """Yield the latencies, one row per kind: the median, high percentiles and the slowest."""
    rows = [
        _row(name, *marked_cells(report, name, _columns(summary)), kind="count")
        for name, summary in times(report)
    ]
    notes = "".join(f'<p class="quiet">{_text(line)}</p>' for line in own_lines(report))
    if rows or notes:
        yield _section("Times", rows, ("time", *_COLUMNS), below=notes)


def _stages(report: Report) -> str:
    """Return the stages of the load below each other."""
    rows = [_row(name, *cells, kind="count") for name, cells in stage_rows(report)]
    heads = (stage_heading(report.plan), *STAGE_COLUMNS)
    return _section("Stages", rows, heads, kind="stages")


def _columns(summary: LatencySummary) -> dict[str, float]:
    """Return the figures that fit next to each other, by name."""
    p50, _, *others = summary.percentiles
    return dict(zip(_COLUMNS, (p50, *others, summary.max), strict=True))


def _requirements(results: Sequence[Result]) -> str:
    rows = [
        f"{_row(result.requirement, result.actual, kind='words')}"
        f'<td class="{"good" if result.met else "bad"}">'
        f'<span aria-hidden="true">{_MARKS[result.answer]} </span>'
        f"<span>{result.answer}</span></td>"
        for result in results
    ]
    return _section("Requirements", rows, ("required", "found", "outcome"))


def _failures(failures: Mapping[str, int]) -> str:
    rows = [
        _row(cause, f"{clients:,}", meaning_of(cause), kind="words")
        for cause, clients in failures.items()
    ]
    return _section("Clients that failed", rows, ("cause", "clients", "meaning"))


def _parts(parts: Sequence[Part]) -> str:
    rows = [
        _row(part.name, f"{part.clients:,}", f"{part.messages:,}", written(part.makespan),
             kind="count", problem=part.problem)
        for part in parts
    ]  # fmt: skip
    return _section("Parts", rows, ("part", "clients", "answered", "took"))
