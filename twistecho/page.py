"""What a fleet found, as one HTML page that needs nothing else: no network, no script, no font.

The page's frame and its style are in ``page.html`` beside this module. Everything that a peer or a
plan may have said is escaped where it enters the page, in `_text` and nowhere else.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from .charts import Chart, page_charts
from .duration import written
from .plan import Plan
from .render import REASONS, count, headline
from .report import Part, Report

Verdict = tuple[str, str, bool]
"""A requirement, the figure it was held against, and whether it was met."""

_SHOWN = 200  # characters of a plan's messages


def html_page(
    report: Report,
    figures: Mapping[str, str],
    *,
    invalid: Sequence[str] = (),
    verdicts: Sequence[Verdict] = (),
) -> str:
    """Give the page of a report as text.

    ``figures`` are the lines of its summary, each with its name. ``invalid`` says why the report
    cannot be believed, a reason each; none where it can. Needs matplotlib.
    """
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    tables = [_table("Figures", figures.items())]
    tables += [_verdicts(verdicts)] if verdicts else []
    tables += [_failures(report.failures)] if report.failures else []
    tables += [_parts(report.parts)] if report.parts else []
    tables.append(_table("Plan", _plan_lines(report.plan)))
    return Template(template).substitute(
        title=_text(f"A fleet against {report.target}"),
        about=_text(_about(report)),
        verdict=_verdict(report, invalid, verdicts),
        charts="\n".join(map(_figure, page_charts(report))),
        tables="\n".join(tables),
    )


def _text(value: object) -> str:
    """Escape what is shown; control characters, which HTML forbids, as Python writes them."""
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value))
    return escape(text)


def _about(report: Report) -> str:
    said = [headline(report.plan, report.target), f"engine {report.engine}"]
    if report.began:
        said.append(time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.began)))
    said.append(f"{written(report.makespan)} long")
    return ", ".join(said)


def _verdict(report: Report, invalid: Sequence[str], verdicts: Sequence[Verdict]) -> str:
    """Say in a box what to think of the run, the worst first."""
    missed = sum(not met for _, _, met in verdicts)
    if invalid:
        reasons = "".join(f"<p>{_text(reason)}</p>" for reason in invalid)
        return _box("INVALID: these figures cannot be believed", reasons)
    if missed:
        return _box(f"{count(missed, 'requirement')} missed")
    if not report.complete:
        return _box("Not every message was answered right")
    return _box("Every message was answered right", good=True)


def _box(text: str, more: str = "", *, good: bool = False) -> str:
    kind = "verdict good" if good else "verdict"
    return f'<div class="{kind}"><strong>{_text(text)}</strong>{more}</div>'


def _figure(chart: Chart) -> str:
    return (
        f"<figure><figcaption><h2>{_text(chart.title)}</h2>"
        f'<p class="quiet">{_text(chart.shows)}</p></figcaption>{chart.svg}</figure>'
    )


def _section(title: str, rows: Iterable[str], heads: Sequence[str] = ()) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in heads)
    head = f"<thead><tr>{head}</tr></thead>" if heads else ""
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f"<section><h2>{_text(title)}</h2><table>{head}<tbody>\n{body}\n</tbody></table></section>"
    )


def _row(name: object, *cells: object, figure: bool = True) -> str:
    kind = ' class="figure"' if figure else ""
    row = f'<th scope="row">{_text(name)}</th>'
    return row + "".join(f"<td{kind}>{_text(cell)}</td>" for cell in cells)


def _table(title: str, lines: Iterable[tuple[str, str]]) -> str:
    return _section(title, [_row(name, value) for name, value in lines])


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    rows = [
        f'{_row(requirement, found, figure=False)}<td class="{"good" if met else "bad"}">'
        f"{'met' if met else 'missed'}</td>"
        for requirement, found, met in verdicts
    ]
    return _section("Requirements", rows, ("required", "found", ""))


def _failures(failures: Mapping[str, int]) -> str:
    rows = [
        _row(cause, f"{clients:,}", REASONS.get(cause.partition(":")[2], ""), figure=False)
        for cause, clients in failures.items()
    ]
    return _section("Clients that failed", rows, ("cause", "clients", "meaning"))


def _parts(parts: Sequence[Part]) -> str:
    rows = [
        _row(part.name, f"{part.clients:,}", f"{part.messages:,}", written(part.makespan),
             part.problem or "", figure=False)
        for part in parts
    ]  # fmt: skip
    return _section("Parts", rows, ("part", "clients", "answered", "took", "problem"))


def _plan_lines(plan: Plan) -> list[tuple[str, str]]:
    """List the plan's fields that say something: those that differ from nothing asked."""
    lines = []
    for name in plan.__dataclass_fields__:
        value = getattr(plan, name)
        if name == "messages":
            value = ", ".join(map(repr, value))
        elif value is None or value is False or value == ():
            continue
        text = str(value)
        lines.append((name, text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."))
    return lines
