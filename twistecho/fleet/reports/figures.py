"""The figures of a report, by the names that requirements and people use.

Counts: ``clients`` planned, ``answered`` and ``failed``; ``messages`` answered right, ``sent``,
``outstanding`` and ``unsent``; ``connects``, connections made; ``bytes_sent`` and
``bytes_returned``; and any cause of failure by its name, ``receive:reset`` for instance, which
counts clients.

Times: ``makespan``; ``min``, ``mean``, ``max`` and percentiles, ``p99`` or ``p99.95``, of the
response time, and of other times with their name before it: ``service.p99``, ``wire.p99``,
``own.p99``, ``connect.max``, ``first_byte.p50``, ``lag.p99``.

Rates: ``rate``, messages answered per second of the time in which load was offered, and
``byte_rate``, their bytes per second, both without the warm-up; ``connects/s``, connections made
per second of that time; ``error_rate``, the share of the clients that failed.

For one stage of a load in stages, ``stage 2: p99``: all times, any cause of failure, and
``messages``, ``sent``, ``outstanding``, ``unsent``, ``failed``, ``bytes_returned``, ``rate`` and
``byte_rate``, of the messages that were due in it. ``offered`` is the mean of the messages sent in
time per second, or of the number of clients.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from twistecho.base.notation import written

from .by_stage import StageResult
from .histograms import Latencies, Measured
from .outcome import REASONS, Phase, is_interruption
from .own_share import OwnShare, TimeShares
from .report import Report

TIMES = {
    "response": "latency",
    "service": "service",
    "wire": "wire",
    "own": "own",
    "connect": "connect",
    "first_byte": "first_byte",
    "lag": "lag",
}
"""The times that have histograms, and the fields of `Measured` that hold these."""

_TIME = re.compile(
    rf"((?P<of>{'|'.join(TIMES)})\.)?"
    r"(?P<what>min|mean|max|p(?P<percent>100(\.0{1,6})?|[0-9]{1,2}(\.[0-9]{1,6})?))"
)
_CAUSES = frozenset(f"{phase}:{reason}" for phase in Phase for reason in REASONS)


_STAGE = re.compile(r"stage (?P<number>[0-9]{1,9}): (?P<figure>.*)")

_SHORTEST = 1e-9
"""The shortest run that has rates, in seconds; shorter times are not measurable."""

_READ = 40  # characters of an unknown name that are compared with known ones


class Unit(Enum):
    """The unit of a figure."""

    COUNT = "a number"
    SECONDS = "a time"
    BYTES = "a number of bytes"
    RATE = "a number per second"
    BYTE_RATE = "bytes per second"
    SHARE = "a share"


@dataclass(frozen=True)
class Reading:
    """A figure; its value is None where there is none, such as the latency without a reply."""

    value: float | None
    unit: Unit

    def __str__(self) -> str:
        """Write it in a readable unit."""
        return "none" if self.value is None else _WRITTEN[self.unit](self.value)


def read(report: Report, name: str) -> Reading:
    """Return the figure of this name. Raises ValueError where there is no such name."""
    unit = unit_of(name)
    number, figure = stage_and_figure(name)
    if number is not None:
        stage = _stage(report, number)
        return Reading(None if stage is None else _of_stage(stage, figure), unit)
    if name in _FIGURES:
        return Reading(_FIGURES[name][1](report), unit)
    if unit is Unit.SECONDS:
        return Reading(_time(report.measured, name), unit)
    return Reading((report.failures | report.interruptions).get(name, 0), unit)


def stage_and_figure(name: str) -> tuple[int | None, str]:
    """Split the name of a figure into the number of its stage, or None, and the figure there."""
    match = _STAGE.fullmatch(name)
    return (None, name) if match is None else (int(match["number"]), match["figure"])


def _stage(report: Report, number: int) -> StageResult | None:
    return next((stage for stage in report.by_stage if stage.number == number), None)


def _of_stage(stage: StageResult, figure: str) -> float | None:
    """Return a figure of a stage."""
    if figure in _OF_STAGES:
        return _OF_STAGES[figure][1](stage)
    if _TIME.fullmatch(figure):
        return _time(stage.found.measured, figure)
    return stage.found.failures.get(figure, 0)


def unit_of(name: str) -> Unit:
    """Return the unit of the figure of this name. Raises ValueError for an unknown name."""
    number, figure = stage_and_figure(name)
    if number is not None:
        if figure in _OF_STAGES:
            return _OF_STAGES[figure][0]
        if figure in _FIGURES:
            raise ValueError(f"{figure!r} is a figure of a whole report, not of a stage")
        return unit_of(figure)
    if name in _FIGURES:
        return _FIGURES[name][0]
    if _TIME.fullmatch(name):
        return Unit.SECONDS
    if name in _CAUSES:
        return Unit.COUNT
    names = _CAUSES if ":" in name else [*_FIGURES, "min", "mean", "max", "p99"]
    like = get_close_matches(name[:_READ], sorted(names), 1)
    raise ValueError(f"{name!r} is not a figure of a report" + (f": {like[0]}?" if like else ""))


def doubt_of(report: Report, name: str) -> OwnShare | None:
    """Return the fleet's own share of a figure, if the figure is a time and the share marks it."""
    number, figure = stage_and_figure(name)
    stage = None if number is None else _stage(report, number)
    match = _TIME.fullmatch(figure)
    if match is None or (number is not None and stage is None):
        return None
    measured = report.measured if stage is None else stage.found.measured
    time, figure = match["of"] or "response", match["what"]
    share = TimeShares(measured, time, [figure]).at(figure)
    return share if share is not None and share.marks(report.allowed_lag) else None


def is_of_failures(name: str, cause: str) -> bool:
    """Return whether a figure counts the clients with this cause, alone or among others.

    An interrupted client does not count as failed.
    """
    if name in {"failed", "error_rate"}:
        return not is_interruption(cause)
    return name in {"answered", cause}


def _time(measured: Measured, name: str) -> float | None:
    match = _TIME.fullmatch(name)
    if match is None:
        return None
    percent = float(match["percent"] or 100)
    field = TIMES[match["of"] or "response"]
    summary = Latencies(getattr(measured, field)).summary([percent])
    if summary is None:
        return None
    return summary.percentiles[0] if match["percent"] else float(getattr(summary, match["what"]))


def _rate(report: Report) -> float | None:
    took = report.offered
    return (report.messages - report.measured.unmeasured) / took if took >= _SHORTEST else None


def _byte_rate(report: Report) -> float | None:
    took = report.offered
    # The warm-up may end within an interval: its share of the bytes is estimated from messages.
    if took < _SHORTEST:
        return None
    measured = report.messages - report.measured.unmeasured
    return report.bytes_returned * measured / (report.messages or 1) / took


def _connect_rate(report: Report) -> float | None:
    took = report.offered
    return (report.connects - report.measured.early_connects) / took if took >= _SHORTEST else None


def _failed(report: Report) -> int:
    return sum(report.failures.values())


_FIGURES: dict[str, tuple[Unit, Callable[[Report], float | None]]] = {
    "clients": (Unit.COUNT, lambda report: report.plan.clients),
    "answered": (Unit.COUNT, lambda report: report.answered),
    "failed": (Unit.COUNT, _failed),
    "messages": (Unit.COUNT, lambda report: report.messages),
    "sent": (Unit.COUNT, lambda report: report.sent),
    "outstanding": (Unit.COUNT, lambda report: report.outstanding),
    "unsent": (Unit.COUNT, lambda report: report.unsent),
    "connects": (Unit.COUNT, lambda report: report.connects),
    "connects/s": (Unit.RATE, _connect_rate),
    "bytes_sent": (Unit.BYTES, lambda report: report.bytes_sent),
    "bytes_returned": (Unit.BYTES, lambda report: report.bytes_returned),
    "makespan": (Unit.SECONDS, lambda report: report.makespan),
    "rate": (Unit.RATE, _rate),
    "byte_rate": (Unit.BYTE_RATE, _byte_rate),
    "error_rate": (Unit.SHARE, lambda report: _failed(report) / report.plan.clients),
}


_OF_STAGES: dict[str, tuple[Unit, Callable[[StageResult], float | None]]] = {
    "messages": (Unit.COUNT, lambda stage: stage.answered),
    "sent": (Unit.COUNT, lambda stage: stage.sent),
    "outstanding": (Unit.COUNT, lambda stage: stage.found.outstanding),
    "unsent": (Unit.COUNT, lambda stage: stage.found.unsent),
    "failed": (Unit.COUNT, lambda stage: sum(stage.found.failures.values())),
    "bytes_returned": (Unit.BYTES, lambda stage: stage.found.bytes_returned),
    "rate": (Unit.RATE, lambda stage: stage.rate),
    "byte_rate": (Unit.BYTE_RATE, lambda stage: stage.found.bytes_returned / stage.stage.seconds),
    "offered": (Unit.RATE, lambda stage: stage.offered),
}


def _scaled(value: float, step: float, units: tuple[str, ...]) -> str:
    """Write a number with three digits, in the largest unit in which it is 1 or more."""
    at = 0
    while abs(value) >= step and at < len(units) - 1:
        value /= step
        at += 1
    digits = (
        0 if value == round(value) and at == 0 else 2 if value < 10 else 1 if value < 100 else 0
    )
    return f"{value:,.{digits}f}{units[at]}"


_WRITTEN: dict[Unit, Callable[[float], str]] = {
    Unit.COUNT: "{:,.0f}".format,
    Unit.SECONDS: written,
    Unit.BYTES: lambda value: _scaled(value, 1024, (" B", " KiB", " MiB", " GiB", " TiB")),
    Unit.RATE: lambda value: _scaled(value, 1000, ("/s", "k/s", "M/s")),
    Unit.BYTE_RATE: lambda value: _scaled(value, 1024, (" B/s", " KiB/s", " MiB/s", " GiB/s")),
    Unit.SHARE: lambda value: f"{value * 100:.3g} %",
}
