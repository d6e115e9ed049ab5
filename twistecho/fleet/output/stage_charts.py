"""A load in stages in charts: the stages' bounds, the requested load, and figures per stage."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from twistecho.base.notation import written
from twistecho.fleet.plans.stages import Stages
from twistecho.fleet.reports.by_stage import StageResult
from twistecho.fleet.reports.report import Report
from twistecho.pictures.chart import Axis, Chart, Line, Look, Point, Section, number

from .axes import ROOM, latency_axis, warmup
from .course import MOST

ASKED = Look("red", dashes=(6, 4), width=1.4)
"""The look of lines for the requested load."""

FIGURES = {
    "p99": Look("green", dashes=(6, 4), marker="square"),
    "p50": Look("blue", marker="circle"),
}
"""The figures of each stage that are drawn."""


def sections_of(report: Report) -> tuple[Section, ...]:
    """Return the sections of the time axis, one per stage; none if the load has no stages."""
    began = report.measured_from
    return tuple(
        Section(
            began + stage.begins,
            began + stage.begins + stage.stage.seconds,
            str(stage.number),
            stage.stage.values,
        )
        for stage in report.by_stage
    )


def in_sections(report: Report, chart: Chart) -> Chart:
    """Return a chart over time with the bounds and numbers of the stages, if there are any."""
    sections = sections_of(report)
    told = " Lines separate the stages; their numbers are above." if len(sections) > 1 else ""
    return replace(chart, sections=sections, shows=chart.shows + told)


def asked_points(stages: Stages, share: float, began: float, x: Axis) -> Iterator[Point]:
    """Yield the points of the requested load: a share of stages that began at this time."""
    yield x.low, share * stages.at(0.0)  # the warm-up's, too
    for stage, begin in zip(stages, stages.begins, strict=False):
        at = began + begin
        yield min(at, x.high), share * stage.begin
        yield min(at + stage.seconds, x.high), share * stage.end


def clients_over_time(report: Report, stages: Stages, x: Axis) -> Chart:
    """Draw the number of connected clients, and the number that the stages request."""
    points = tuple(_connected(report, x))
    asked = tuple(asked_points(stages, report.plan.share, report.measured_from, x))
    most = max(connected for _, connected in points)
    y = Axis(0.0, ROOM * max(most, *(value or 0.0 for _, value in asked)), whole=True)
    return Chart(
        "Clients connected",
        "Clients that have connected and not ended, and the number that the stages ask for.",
        f"At most {most:,.0f}, of {number(report.plan.share * stages.most)} asked at most.",
        x=x,
        y=y,
        marks=(
            *warmup(report, y),
            Line("connected", points, Look("blue", width=2.2)),
            Line("asked", asked, ASKED),
        ),
        height=120.0,
    )


def _connected(report: Report, x: Axis) -> Iterator[tuple[float, float]]:
    """Yield the number of connected clients, at times that are close enough for a chart."""
    there = [outcome for outcome in report.outcomes if outcome.connected is not None]
    came = sorted(outcome.connected or 0.0 for outcome in there)
    went = sorted(outcome.ended for outcome in there)
    for step in range(2 * MOST + 1):
        at = x.low + (x.high - x.low) * step / (2 * MOST)
        yield at, float(bisect_right(came, at) - bisect_right(went, at))


def latency_by_stage(report: Report) -> Chart:
    """Draw the response times of all stages next to each other."""
    stages = report.by_stage
    found = [_times(stage) for stage in stages]
    lines = [
        Line(name, tuple(_points(stages, [times.get(name) for times in found])), look)
        for name, look in FIGURES.items()
    ]
    shown = [value for times in found for value in times.values()]
    slowest = max(stages, key=lambda stage: _times(stage).get("p99", 0.0))
    return Chart(
        "Latency by stage",
        "The median and the 99th percentile of the replies to messages due in each stage.",
        f"The 99th percentile was highest in {slowest}, {written(_times(slowest)['p99'])}.",
        x=Axis(0.5, len(stages) + 0.5, "stage", whole=True, grid=False),
        y=latency_axis(shown),
        marks=tuple(lines),
        height=120.0,
    )


def _times(stage: StageResult) -> dict[str, float]:
    """Return the figures of a stage by name; empty if there was no reply."""
    summary = stage.latencies()
    if summary is None:
        return {}
    p50, _, p99, _ = summary.percentiles
    return {"p99": p99, "p50": p50}


def _points(stages: Sequence[StageResult], values: Sequence[float | None]) -> Iterator[Point]:
    for stage, value in zip(stages, values, strict=True):
        yield float(stage.number), value
