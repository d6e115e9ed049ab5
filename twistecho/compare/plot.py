"""A comparison as a picture: one timeline per run, or growth over the number of clients."""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, pairwise

from twistecho.fleet.output.causes import cause_name
from twistecho.fleet.reports.outcome import Outcome
from twistecho.pictures import files
from twistecho.pictures.chart import (
    Axis,
    Boxes,
    Chart,
    Line,
    Look,
    Mark,
    Picture,
    Point,
    number,
    round_bounds,
)

from .comparison import Comparison, Run, causes

_STATES = {
    "connecting": Look("paper", pattern="dots"),
    "waiting for the reply": Look("sky"),
    "answered, still open": Look("yellow", pattern="slashes"),
}
_ANSWERED = "done: every reply right"
_FAILURE_MARKERS = ("cross", "circle", "down", "star", "square", "diamond", "triangle", "plus")
_LINES = (
    Look("ink", marker="circle"),
    Look("blue", marker="square", dashes=(6, 3)),
    Look("red", marker="triangle", dashes=(7, 3, 1.5, 3)),
    Look("green", marker="diamond", dashes=(1.5, 2.5)),
    Look("pink", marker="down", dashes=(7, 2, 1.5, 2, 1.5, 2)),
    Look("orange", marker="plus", dashes=(12, 3)),
    Look("sky", marker="cross", dashes=(12, 3, 1.5, 3)),
    Look("grey", marker="star", dashes=(1.5, 5)),
)
_BAR = 0.72  # of the height of a client's row
_MANY = 60  # with more clients there is no room between bars
_TALL, _SHORT = 170.0, 110.0
_TIMELINES = "How long clients waited: one bar per client, in the order in which they finished"
_GROWTH = "What grows with the number of clients"
_Figure = Callable[[Run], float | None]


def _makespan(run: Run) -> float | None:
    return run.report.makespan


def _memory(run: Run) -> float | None:
    return run.cost.memory_peak / 2**20 if run.cost else None


def _not_answered(run: Run) -> float | None:
    return 100 * (1 - run.report.answered / run.clients)


_FIGURES: tuple[tuple[str, _Figure, bool, float], ...] = (
    ("Makespan, seconds", _makespan, True, 0.0),
    ("Server's memory at most, MiB", _memory, False, 0.0),
    ("Clients not answered, %", _not_answered, False, 100.0),
)
"""What grows: title, figure, whether its scale is logarithmic, and the least end of the scale."""


def draw(comparison: Comparison, path: str) -> None:
    """Draw into a file: timelines for one number of clients, growth for several.

    The suffix sets the file format. Raises OSError if the file cannot be written.
    """
    grows = len(comparison.sizes) > 1
    files.save(growth(comparison) if grows else timelines(comparison), path)


def timelines(comparison: Comparison) -> Picture:
    """Return one chart per run: one bar per client, in order of finishing, all to one scale."""
    runs = comparison.runs
    looks = dict(zip(causes(runs), cycle(_FAILURE_MARKERS), strict=False))
    end = 1.02 * max((run.report.makespan for run in runs), default=1.0)
    seconds = Axis(0.0, end, "seconds since the clients began")
    charts = tuple(_timeline(comparison, run, looks, seconds) for run in runs)
    named = {mark.label: mark for chart in charts for mark in chart.marks}
    order = [*_STATES, _ANSWERED, *map(_failed, looks)]
    shown = sorted(named.values(), key=lambda mark: order.index(mark.label))
    return Picture(_TIMELINES, charts, tuple(shown))


def _failed(cause: str) -> str:
    return f"failed: {cause_name(cause)}"


def _timeline(comparison: Comparison, run: Run, looks: dict[str, str], seconds: Axis) -> Chart:
    outcomes = run.in_order_of_end
    many = len(outcomes)
    report = run.report
    said = f"{report.answered:,} of {run.clients:,} answered"
    ends = [float(each) for each in sorted({1, (many + 1) // 2, many})] if many else []
    ranks = tuple((rank, f"{rank:,.0f}") for rank in ends)
    return Chart(
        f"{comparison.name(run)}: {said}, all done after {report.makespan:.2f} s",
        "",
        f"{said}.",
        x=seconds,
        # The first client to finish is at the top.
        y=Axis(many + 0.8, 0.2, at=ranks or ((1.0, "1"),), grid=False),
        marks=(*_bars(outcomes), *_ends(outcomes, looks)),
        height=_SHORT,
        legend=False,
    )


def _bars(outcomes: Sequence[Outcome]) -> Iterator[Mark]:
    half = (_BAR if len(outcomes) <= _MANY else 1.0) / 2
    for (label, look), spans in zip(_STATES.items(), _spans(outcomes), strict=True):
        boxes = tuple(
            (begin, end, rank - half, rank + half)
            for rank, (begin, end) in enumerate(spans, 1)
            if begin < end
        )
        if boxes:
            yield Boxes(label, boxes, look)


def _spans(outcomes: Sequence[Outcome]) -> Iterator[list[tuple[float, float]]]:
    """Yield the (begin, end) of every client's connecting, then waiting, then closing, in seconds.

    A client that did not get that far has a span of length zero.
    """
    connected = [o.ended if o.connected is None else o.connected for o in outcomes]
    replied = [o.ended if o.replied is None else o.replied for o in outcomes]
    edges = [[o.started for o in outcomes], connected, replied, [o.ended for o in outcomes]]
    for begin, end in pairwise(edges):
        yield list(zip(begin, end, strict=True))


def _ends(outcomes: Sequence[Outcome], looks: dict[str, str]) -> Iterator[Mark]:
    """Yield the marks at the end of each client."""
    size = max(0.6, min(3.4, _SHORT / (2.5 * max(1, len(outcomes)))))
    ends: dict[str | None, list[Point]] = {}
    for rank, each in enumerate(outcomes, 1):
        cause = None if each.answered else str(each.cause)
        ends.setdefault(cause, []).append((each.ended, float(rank)))
    if None in ends:
        look = Look("ink", marker="bar", size=size)
        yield Line(_ANSWERED, tuple(ends[None]), look, joined=False)
    for cause, marker in looks.items():
        if cause in ends:
            look = Look("red", marker=marker, size=3.0)
            yield Line(_failed(cause), tuple(ends[cause]), look, joined=False)


def growth(comparison: Comparison) -> Picture:
    """Return makespan, memory and failures over the number of clients, with one line per design."""
    runs: dict[str, list[Run]] = {}
    for run in comparison.runs:
        runs.setdefault(comparison.name(run), []).append(run)
    looks = dict(zip(runs, cycle(_LINES), strict=False))
    charts = []
    for title, value_of, log, least in _FIGURES:
        lines = [
            Line(name, tuple((float(run.clients), value_of(run)) for run in found), looks[name])
            for name, found in runs.items()
        ]
        if _values(lines):
            charts.append(
                _grown(title, comparison.sizes, lines, _value_axis(lines, least, log=log))
            )
    legend = tuple(Line(name, (), look) for name, look in looks.items())
    return Picture(_GROWTH, tuple(charts), legend)


def _values(lines: Sequence[Line]) -> list[float]:
    return [value for line in lines for _, value in line.points if value is not None]


def _value_axis(lines: Sequence[Line], least: float, *, log: bool) -> Axis:
    values = _values(lines)
    if log and max(values) > 0:
        low, high = round_bounds(values)
        return Axis(low / 1.2, 1.2 * high, log=True)
    most = max([*values, least])
    return Axis(-0.04 * most, 1.06 * most)


def _grown(title: str, sizes: Sequence[int], lines: Sequence[Line], y: Axis) -> Chart:
    """Return the chart of one figure over the numbers of clients."""
    values = _values(lines)
    ends = sorted({min(sizes), max(sizes)})
    between = sorted(set(sizes) - set(ends))
    at = tuple((float(size), f"{size:,}") for size in (*ends, *between))
    return Chart(
        title,
        "",
        f"From {number(round(min(values), 2))} to {number(round(max(values), 2))}.",
        x=Axis(0.95 * ends[0], 1.05 * ends[-1], "clients, all at once", log=True, at=at),
        y=y,
        marks=tuple(lines),
        height=_TALL,
        legend=False,
    )
