"""The results of a fleet as charts: latency by percentile, and figures over time.

A chart without any data is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

from twistecho.base.notation import written
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.report import Report
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
)

from .axes import ROOM, latency_axis, time_axis, warmup
from .causes import cause_name
from .course import Moment, moments
from .stage_charts import (
    ASKED,
    FIGURES,
    asked_points,
    clients_over_time,
    in_sections,
    latency_by_stage,
)
from .words import span

_A_DECADE = 24  # points per decade of rarity, so that a curve looks smooth

_RESPONSE = Look("blue", width=2.2)
_SERVICE = Look("red", dashes=(6, 4))
_OVER_TIME = {"max": Look("red", dashes=(1.5, 3), marker="triangle"), **FIGURES}
_CAUSES = (
    Look("red"),
    Look("sky", pattern="slashes"),
    Look("yellow", pattern="dots"),
    Look("green", pattern="crosses"),
    Look("pink", pattern="rows"),
    Look("grey", pattern="lattice"),
)


def draw(report: Report, path: str) -> None:
    """Draw all charts, one above the other, into a file; its suffix sets the format.

    Raises OSError if the file cannot be written.
    """
    files.save(picture_of(report), path)


def picture_of(report: Report) -> Picture:
    """Return all charts below a heading, which says so if there are none."""
    charts = tuple(charts_of(report))
    nothing = "" if charts else ": no reply arrived, so there is nothing to draw"
    return Picture(f"{report.target}, engine {report.engine}{nothing}", charts)


def charts_of(report: Report) -> Iterator[Chart]:
    """Yield the charts that have data."""
    if report.measured.latency:
        curves = {"response time, from when due": report.measured.latency}
        if report.measured.service != report.measured.latency:
            curves["service time, from when sent"] = report.measured.service
        yield percentile_chart(curves)
    if len(report.by_stage) > 1 and any(stage.answered for stage in report.by_stage):
        yield latency_by_stage(report)
    yield from (in_sections(report, chart) for chart in _charts_over_time(report))


def _charts_over_time(report: Report) -> Iterator[Chart]:
    over_time = moments(report)
    # A single second makes no curve, and its figures are shown without a chart.
    if len(over_time) < 2:
        return
    if any(moment.max is not None for moment in over_time):
        yield _latency_over_time(report, over_time)
    if any(moment.rate for moment in over_time):
        yield _rate_over_time(report, over_time)
    if report.plan.client_stages is not None:
        x = time_axis(over_time[-1].end)
        yield clients_over_time(report, report.plan.client_stages, x)
    if any(moment.failures for moment in over_time):
        yield _failures_over_time(report, over_time)


def percentile_curve(encoded: str) -> tuple[list[float], list[float]]:
    """Return the points of a histogram in text form: rarities, and latencies in seconds.

    A rarity of n means 1 reply in n: 2 is the 50th percentile, 100 the 99th. The curve ends at the
    slowest reply, whose rarity is the number of replies. Without a reply there are no points.
    """
    latencies = Latencies(encoded)
    total = latencies.count
    if not total:
        return [], []
    rarities = [10 ** (step / _A_DECADE) for step in range(_A_DECADE * 10)]
    rarities = [*(rarity for rarity in rarities if rarity < total), float(total)]
    ranks = [total - int(total / rarity) for rarity in rarities[:-1]] + [total]
    return rarities, latencies.at_ranks([max(1, rank) for rank in ranks])


def percentile_chart(curves: Mapping[str, str]) -> Chart:
    """Return the chart by percentile of up to two histograms in text form, keyed by label."""
    marks, latencies, rarest = [], [], 10.0
    for (label, encoded), look in zip(curves.items(), (_RESPONSE, _SERVICE), strict=False):
        rarities, values = percentile_curve(encoded)
        marks.append(Line(label, tuple(zip(rarities, values, strict=True)), look))
        latencies += values
        rarest = max([rarest, *rarities])
    return Chart(
        "Latency by percentile",
        "Latency from the fastest reply to the slowest; each gridline is ten times as rare.",
        " ".join(map(_curve_in_words, curves, curves.values())),
        x=Axis(1.0, rarest, "share of the replies that were at least as fast", log=True,
               at=_percentiles(rarest)),
        y=latency_axis(latencies),
        marks=tuple(marks),
        height=200.0,
    )  # fmt: skip


def _curve_in_words(label: str, encoded: str) -> str:
    summary = Latencies(encoded).summary([50.0, 99.0])
    if summary is None:
        return f"{label}: no reply."
    p50, p99, most = map(written, (*summary.percentiles, summary.max))
    return f"{label}: half took at most {p50}, 99 % at most {p99}, the slowest {most}."


def _percentiles(rarest: float) -> tuple[tuple[float, str], ...]:
    """Return ticks: 1 in 10 as 90 %, 1 in 100 as 99 %, and so on; also 0, 50 and 75 if they fit."""
    found = [(10.0**n, f"{100 - 100 / 10**n:.{max(0, n - 2)}f}%") for n in range(1, 10)]
    found += [(2.0, "50%"), (1.0, "0%"), (4.0, "75%")]
    return tuple((rarity, text) for rarity, text in found if rarity <= rarest)


def _in_each(over_time: Sequence[Moment]) -> str:
    """Return the length of the pieces of time: ``each second``, ``each 10 s``."""
    length = over_time[0].length
    return "each second" if length == 1 else f"each {span(length)}"


def _latency_over_time(report: Report, over_time: Sequence[Moment]) -> Chart:
    lines: list[Line] = []
    shown: list[float] = []
    for name, look in _OVER_TIME.items():
        points = _points(over_time, name)
        lines.append(Line(name, points, look))
        shown += [value for _, value in points if value is not None]
    y = latency_axis(shown)
    slowest = max(over_time, key=lambda moment: moment.max or 0.0)
    return Chart(
        "Latency over time",
        f"The median, the 99th percentile and the slowest reply of {_in_each(over_time)}.",
        f"The slowest, {written(slowest.max or 0.0)}, arrived between {slowest.start:,g} s and "
        f"{slowest.end:,g} s.",
        x=time_axis(over_time[-1].end),
        y=y,
        marks=(*warmup(report, y), *lines),
    )


def _points(over_time: Sequence[Moment], name: str) -> tuple[Point, ...]:
    """Return the points of a figure, with a gap where a piece of the run is missing."""
    points: list[Point] = []
    for before, moment in zip([None, *over_time], over_time, strict=False):
        if before is not None and moment.start > before.end:
            points.append((before.end, None))
        points.append((moment.middle, getattr(moment, name)))
    return tuple(points)


def _rate_over_time(report: Report, over_time: Sequence[Moment]) -> Chart:
    known = [moment for moment in over_time if moment.rate is not None]
    points: list[Point] = []
    for moment in known:
        points += [(moment.start, moment.rate), (moment.end, moment.rate)]
    marks: list[Mark] = [Line("answered", tuple(points), Look("blue", width=2.2))]
    asked = report.plan.rate
    rates = [moment.rate or 0.0 for moment in known]
    x = time_axis(over_time[-1].end)
    if asked is not None:
        marks.append(Line("asked", tuple(_asked_rate(report, asked, x)), ASKED))
    y = Axis(0.0, ROOM * max([*rates, asked or 0.0]))
    least, most = (number(round(value, 1)) for value in (min(rates), max(rates)))
    highest = " at most" if report.plan.rate_stages is not None else ""
    said = "" if asked is None else f", of {number(asked)} asked{highest}"
    return Chart(
        "Messages answered per second",
        f"Right replies in {_in_each(over_time)}.",
        f"From {least} to {most} per second{said}.",
        x=x,
        y=y,
        marks=(*warmup(report, y), *marks),
    )


def _asked_rate(report: Report, asked: float, x: Axis) -> Iterator[Point]:
    """Yield the points of the line of the requested rate, in stages or constant."""
    plan = report.plan
    if plan.rate_stages is None:
        yield from ((x.low, asked), (x.high, asked))
    else:
        yield from asked_points(plan.rate_stages, plan.share, report.measured_from, x)


def _failures_over_time(report: Report, over_time: Sequence[Moment]) -> Chart:
    causes = sorted({cause for moment in over_time for cause in moment.failures})
    below = [0] * len(over_time)
    marks: list[Mark] = []
    for cause, look in zip(causes, cycle(_CAUSES), strict=False):
        counts = [moment.failures.get(cause, 0) for moment in over_time]
        above = [low + count for low, count in zip(below, counts, strict=True)]
        columns = zip(over_time, below, above, strict=True)
        boxes = tuple((m.start, m.end, float(low), float(high)) for m, low, high in columns)
        shown = tuple(box for box in boxes if box[2] < box[3])
        marks.append(Boxes(cause_name(cause), shown, look))
        below = above
    y = Axis(0.0, ROOM * max(below), whole=True)
    return Chart(
        "Failed clients",
        f"Clients that failed in {_in_each(over_time)}, by cause.",
        f"{'; '.join(map(cause_name, causes))}. At most {max(below):,} in {_in_each(over_time)}.",
        x=time_axis(over_time[-1].end),
        y=y,
        marks=(*warmup(report, y), *marks),
        height=120.0,
    )
