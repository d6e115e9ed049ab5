"""A search for the highest rate as a chart: latencies over the rate, and the highest rate."""

from collections.abc import Iterator

from twistecho.base.notation import written
from twistecho.fleet.reports.highest_rate import HighestRate, by_rate
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.rate_step import RateStep
from twistecho.fleet.reports.requirements import Requirement
from twistecho.pictures import files
from twistecho.pictures.chart import (
    Axis,
    Chart,
    Line,
    Look,
    Mark,
    Picture,
    number,
    round_bounds,
    wide_range,
)

from .highest_rate import answer_of, per_second
from .words import tick

_LINES = {
    "p99": (99.0, Look("green", dashes=(6, 4), marker="square")),
    "p50": (50.0, Look("blue", width=2.2, marker="circle")),
}
_MISSED = Look("red", marker="triangle", size=6.0)
_KNEE = Look("ink", dashes=(1.5, 3), width=1.4)
_REQUIRED = Look("red", dashes=(6, 4), width=1.4)
_ROOM = 1.1


def draw_search(found: HighestRate, path: str) -> None:
    """Draw the chart into a file; its suffix sets the format. Raises OSError."""
    charts = tuple(rate_charts(found))
    nothing = "" if charts or found.unreachable is not None else "; no reply arrived"
    files.save(Picture(f"{found.target}: {answer_of(found)[0]}{nothing}", charts), path)


def rate_charts(found: HighestRate) -> Iterator[Chart]:
    """Yield the chart, if any step has data."""
    steps = [step for step in by_rate(found.steps) if step.report.measured.latency]
    if not steps:
        return
    x, y = _rate_axis(steps), _latency_axis(found, steps)
    lines = [Line(name, _points(steps, at), look) for name, (at, look) in _LINES.items()]
    missed = tuple((step.rate, _latency(step, 99.0)) for step in steps if not step.passed)
    marks: list[Mark] = [*_required(found, x), *_knee(found, y), *lines]
    if missed:
        marks.append(Line("did not pass", missed, _MISSED, joined=False))
    yield Chart(
        "Latency by rate",
        "The median and the 99th percentile of the replies at each rate that was tried.",
        _in_words(found, steps),
        x=x,
        y=y,
        marks=tuple(marks),
        height=220.0,
    )


def _latency(step: RateStep, at: float) -> float:
    summary = Latencies(step.report.measured.latency).summary([at])
    return 0.0 if summary is None else summary.percentiles[0]


def _points(steps: list[RateStep], at: float) -> tuple[tuple[float, float], ...]:
    return tuple((step.rate, _latency(step, at)) for step in steps)


def _with_room(values: list[float]) -> tuple[float, float]:
    """Return round bounds of a logarithmic axis, with no value on a bound."""
    return round_bounds([each * room for each in values for room in (1 / _ROOM, _ROOM)])


def _rate_axis(steps: list[RateStep]) -> Axis:
    rates = [step.rate for step in steps]
    label = "messages per second asked"
    if wide_range(rates, 10.0):
        return Axis(*_with_room(rates), label, log=True)
    return Axis(0.0, _ROOM * max(rates), label)


def _latency_axis(found: HighestRate, steps: list[RateStep]) -> Axis:
    values = [value for at, _ in _LINES.values() for _, value in _points(steps, at)]
    values += [limit for _, limit in _limits(found)]
    if wide_range(values):
        return Axis(*_with_room(values), write=tick, log=True)
    return Axis(0.0, _ROOM * max(values, default=1.0), write=tick)


def _limits(found: HighestRate) -> Iterator[tuple[Requirement, float]]:
    """Yield the requirements of response times, with their limits in seconds."""
    for requirement in found.requirements:
        name = requirement.name.removeprefix("response.")
        if name.startswith("p") and requirement.operator in {"<", "<="}:
            yield requirement, requirement.limit


def _required(found: HighestRate, x: Axis) -> Iterator[Line]:
    for requirement, limit in _limits(found):
        yield Line(str(requirement), ((x.low, limit), (x.high, limit)), _REQUIRED)


def _knee(found: HighestRate, y: Axis) -> Iterator[Line]:
    if found.rate is not None:
        words = "at least" if found.at_least else "highest that passed"
        label = f"{words}: {per_second(found.rate)}"
        yield Line(label, ((found.rate, y.low), (found.rate, y.high)), _KNEE)


def _in_words(found: HighestRate, steps: list[RateStep]) -> str:
    lowest, highest = steps[0], steps[-1]
    p99 = [written(_latency(step, 99.0)) for step in (lowest, highest)]
    rates = [number(step.rate) for step in (lowest, highest)]
    return (
        f"{answer_of(found)[0]}. The 99th percentile was {p99[0]} at {rates[0]} per second and "
        f"{p99[1]} at {rates[1]}."
    )
