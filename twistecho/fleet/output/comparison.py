"""A comparison as text: the answer, a table, and the requirements; also as Markdown."""

from collections.abc import Iterable, Iterator, Mapping
from math import isinf

from rich import box
from rich.table import Table
from rich.text import Text

from twistecho.base.notation import escaped, written
from twistecho.fleet.reports.findings import FEWEST_PAIRS, Compared, Finding
from twistecho.fleet.reports.judged import Judged
from twistecho.fleet.reports.relative import Answer, percent, say_answer
from twistecho.fleet.reports.report import Report

from .styles import BAD, GOOD, Line
from .times import own_lines
from .words import count

_COLUMNS = ("figure", "A", "B", "ratio B/A", "95 % interval", "B is")
_STYLES = {
    Finding.FASTER: "green",
    Finding.FEWER: "green",
    Finding.SLOWER: "red",
    Finding.MORE: "red",
    Finding.UNDECIDED: "yellow",
}
_ANSWERS = {Answer.MET: "green", Answer.MISSED: BAD, Answer.UNDECIDED: "bold yellow"}


def answer_of(judged: Judged) -> Line:
    """Return one line on B compared with A, with its style."""
    if judged.invalid:
        return "INVALID: these figures cannot be believed", BAD
    comparison = judged.comparison
    if comparison.pairs < FEWEST_PAIRS:
        pairs = f"{comparison.pairs} of {FEWEST_PAIRS} pairs of slices"
        return f"Too early to say: {pairs}", "bold yellow"
    found = [_words(finding, comparison.figures) for finding in Finding if finding.differs]
    if any(found):
        worse = any(each.finding in {Finding.SLOWER, Finding.MORE} for each in comparison.figures)
        return f"B {', and '.join(filter(None, found))}", BAD if worse else GOOD
    doubtful = [each.name for each in comparison.figures if each.finding is Finding.UNDECIDED]
    left = f"; undecided: {', '.join(doubtful)}" if doubtful else ""
    return f"No difference seen between A and B{left}", "bold yellow" if left else GOOD


def _words(finding: Finding, figures: tuple[Compared, ...]) -> str:
    """Return the figures with this finding, and by how much they differ."""
    found = [each for each in figures if each.finding is finding]
    if not found:
        return ""
    changes = ", ".join(
        each.name
        if each.ratio is None or each.name == "failures"
        else f"{each.name} {percent(each.ratio)}"
        for each in found
    )
    if finding in {Finding.MORE, Finding.FEWER}:
        return f"fails {'more' if finding is Finding.MORE else 'less'} often"
    return f"is {finding}: {changes}"


def comparison_table(judged: Judged) -> Table:
    """Show the figures of both sides next to each other, one row per figure."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, name in enumerate(_COLUMNS):
        table.add_column(name, justify="right" if 0 < number < 5 else "left", no_wrap=True)
    for figure in judged.comparison.figures:
        *cells, finding = _cells(figure)
        table.add_row(*cells, Text(finding, style=_STYLES.get(figure.finding, "")))
    return table


def _cells(figure: Compared) -> tuple[str, ...]:
    star = "*" * figure.marked
    values = (f"{_value(figure, value)}{star}" for value in (figure.one, figure.two))
    ratio = "" if figure.ratio is None else _ratio(figure.ratio)
    known = figure.low is not None and figure.high is not None
    interval = f"{_ratio(figure.low or 0.0)} to {_ratio(figure.high or 0.0)}" if known else ""
    nothing = figure.ratio is None and figure.problem is None
    finding = "none in either" if nothing else str(figure.finding)
    return figure.name, *values, ratio, interval, finding


def _value(figure: Compared, value: float | None) -> str:
    if value is None:
        return "-"
    if figure.name == "rate":
        return f"{value:,.0f}/s" if value >= 100 else f"{value:.3g}/s"
    return f"{value:,.0f}" if figure.name == "failures" else written(value)


def _ratio(value: float) -> str:
    return "inf" if isinf(value) else f"{value:,.0f}" if value >= 100 else f"{value:.3f}"


def lines_below(judged: Judged) -> Iterator[Line]:
    """Yield the lines below the table: reasons, failures, doubts, notes and requirements."""
    for reason in judged.invalid:
        yield f"- {reason}", BAD
    yield from ((line, "red") for line in judged.failed)
    for figure in judged.comparison.figures:
        if figure.problem is not None:
            yield f"{figure.name}: {figure.problem}", "yellow"
        if figure.marked and figure.bounds is not None:
            low, high = (_ratio(bound) for bound in figure.bounds)
            said = f"without that the ratio is between {low} and {high}"
            yield f"* {figure.name}: more than a tenth is the fleet's own; {said}", "yellow"
    yield from ((note, "yellow") for note in judged.notes)
    yield from _alike(judged)
    for required, answer in judged.answers:
        figure = judged.comparison.figure(required.name)
        yield say_answer(required, answer, figure), _ANSWERS[answer]


def notes_on(reports: Iterable[Report]) -> Iterator[str]:
    """Yield for which side the fleet was the limit, or where the fleet's own share is unknown."""
    for letter, report in zip("AB", reports, strict=True):
        yield from (f"{letter}: {line}" for line in own_lines(report) if not line.startswith("*"))


def _alike(judged: Judged) -> Iterator[Line]:
    """Yield the result of comparing A with itself."""
    if judged.alike is None or not judged.smallest:
        return
    known = any(each.low is not None for each in judged.alike.figures)
    odd = ", ".join(each.name for each in judged.alike.figures if each.finding.differs)
    if odd:
        yield f"A compared with itself differs in {odd}: this machine is not steady", "yellow"
    elif known:
        yield "A compared with itself: no difference seen", ""
    least = ", ".join(
        f"{name} {percent(ratio).removeprefix('+')}" for name, ratio in judged.smallest.items()
    )
    yield f"This run can detect differences from: {least}", ""


def sides_line(judged: Judged) -> str:
    """Return the names of A and B, and how many pairs of slices were compared."""
    named = []
    for letter, side in zip("AB", judged.sides, strict=True):
        known = side.name == side.target
        named.append(f"{letter} {side.name}" + ("" if known else f" ({side.target})"))
    slices = f"{count(judged.comparison.pairs, 'pair')} of {judged.seconds:g} s"
    return f"{', '.join(named)}, {slices}"


def to_markdown(judged: Judged) -> str:
    """Return all of it as Markdown: the answer, the table, and the lines below."""
    rows = [_COLUMNS, (":--", *["--:"] * 4, ":--"), *map(_cells, judged.comparison.figures)]
    table = "\n".join(f"| {' | '.join(map(_escaped, row))} |" for row in rows)
    below = "".join(f"- {_escaped(line.removeprefix('- '))}\n" for line, _ in lines_below(judged))
    answer = _escaped(answer_of(judged)[0])
    return f"**{answer}**\n\n{_escaped(sides_line(judged))}\n\n{table}\n\n{below}"


def _escaped(text: str) -> str:
    """Escape a text so that Markdown shows it literally."""
    marks: Mapping[str, str] = {mark: f"\\{mark}" for mark in "\\|*_`[]"} | {"<": "&lt;"}
    return "".join(marks.get(character, character) for character in escaped(text))
