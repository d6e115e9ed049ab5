"""The common parts of a report's charts: axes of latency and of time, and the warm-up's shade."""

from collections.abc import Sequence
from functools import partial

from twistecho.fleet.reports.report import Report
from twistecho.pictures.chart import Axis, Boxes, Look, Mark, number, round_bounds, wide_range

from .words import tick

ROOM = 1.1
"""An axis ends at this multiple of its highest value."""

_UNITS = (("seconds", 1.0), ("minutes", 60.0), ("hours", 3600.0))


def latency_axis(values: Sequence[float]) -> Axis:
    """Return an axis of latencies, in units that are easy to read."""
    if wide_range(values):
        low, high = round_bounds(values)
        return Axis(low, high, write=tick, log=True)
    most = max(values, default=1.0) or 1.0
    return Axis(0.0, ROOM * most, write=tick)


def time_axis(end: float) -> Axis:
    """Return an axis of the time since the run began, in seconds, minutes or hours.

    ``end`` is in seconds.
    """
    name, unit = next((each for each in _UNITS if end <= 120 * each[1]), _UNITS[-1])
    write = partial(_in_units, unit)
    return Axis(0.0, end, f"{name} since the run began", write, whole=True, unit=unit, grid=False)


def warmup(report: Report, y: Axis) -> list[Mark]:
    """Shade the warm-up, if there was one."""
    if not report.plan.warmup:
        return []
    end = report.measured_from
    box = (max(0.0, end - report.plan.warmup), end, y.low, y.high)
    return [Boxes("warm-up", (box,), Look("shade"), outline=False)]


def _in_units(unit: float, value: float) -> str:
    return number(value / unit)
