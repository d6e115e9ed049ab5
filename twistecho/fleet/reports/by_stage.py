"""The results of each stage of a load in stages.

A message belongs to the stage in which it was due, whenever its reply came. A failure belongs to
the stage of the oldest message that it left unanswered, or else to the stage in which it happened.
The warm-up belongs to no stage; anything after the last stage belongs to the last one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from twistecho.base.decoding import written_as
from twistecho.base.notation import FieldError
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.stages import Stage

from .histograms import Latencies, LatencySummary, Measured, add_measured
from .readable import readable, readable_dict

_NOT_COUNTED = ("measured", "failures")


@dataclass(frozen=True)
class StageFound:
    """The results of one stage; ``measured`` has no intervals.

    Of its messages ``failed`` were lost with their clients, ``outstanding`` were unanswered when
    the run was ended early, and ``unsent`` were never sent; ``late`` were sent only after the stage
    was over. ``bytes_returned`` counts bytes in whole right replies. ``failures`` counts clients by
    cause. ``client_seconds`` is the sum of the times for which clients offered load.
    """

    measured: Measured = field(default_factory=Measured)
    bytes_returned: int = 0
    late: int = 0
    failed: int = 0
    outstanding: int = 0
    unsent: int = 0
    client_seconds: float = 0.0
    failures: Mapping[str, int] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        """How many of its messages were answered right."""
        return Latencies(self.measured.latency).count

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"measured": self.measured.to_dict(), "failures": dict(self.failures)}

    def to_readable_dict(self) -> dict[str, Any]:
        """Return it as JSON data, with the figures of each histogram added."""
        return self.to_dict() | {"measured": readable_dict(self.measured)}


@written_as(StageFound)
def _found(measured: Measured, **fields: Any) -> StageFound:
    if measured.intervals:
        raise FieldError("measured", "a stage has no intervals")
    return StageFound(measured, **fields)


def add_found(parts: Iterable[Sequence[StageFound]]) -> tuple[StageFound, ...]:
    """Merge the results of the parts of a run, stage by stage; a part may have none."""
    stages = zip_longest(*parts, fillvalue=StageFound())
    return tuple(_sum([*stage]) for stage in stages)


def _sum(parts: Sequence[StageFound]) -> StageFound:
    counts = {
        name: sum(getattr(part, name) for part in parts)
        for name in StageFound.__dataclass_fields__
        if name not in _NOT_COUNTED
    }
    failures: Counter[str] = Counter()
    for part in parts:
        failures.update(part.failures)
    measured = add_measured(part.measured for part in parts)
    return StageFound(measured, failures=dict(failures), **counts)


@dataclass(frozen=True)
class StageResult:
    """A stage of a plan, its ``number`` counted from 1, and its results, ``found``.

    It began ``begins`` seconds after the first stage. ``share`` is the plan's share of the stage's
    load; ``of_rate`` is whether the load is a rate, not a number of clients.
    """

    number: int
    stage: Stage
    begins: float
    share: float
    of_rate: bool
    found: StageFound

    def __str__(self) -> str:
        """Return its name: ``stage 2 (100..2k:2min)``."""
        return f"stage {self.number} ({self.stage})"

    @property
    def asked(self) -> float:
        """The mean of the requested load: messages per second, or clients."""
        return self.stage.integral * self.share / self.stage.seconds

    @property
    def offered(self) -> float:
        """The mean of the offered load: messages sent in time per second, or clients."""
        offered = self.in_time if self.of_rate else self.found.client_seconds
        return offered / self.stage.seconds

    @property
    def answered(self) -> int:
        """How many of its messages were answered right."""
        return self.found.answered

    @property
    def sent(self) -> int:
        """How many of its messages were sent, including late ones."""
        return self.answered + self.found.failed + self.found.outstanding

    @property
    def in_time(self) -> int:
        """How many of its messages were sent before it was over."""
        return max(0, self.sent - self.found.late)

    @property
    def due(self) -> int:
        """How many messages were due in it, of clients that had not failed."""
        return self.sent + self.found.unsent

    @property
    def rate(self) -> float:
        """How many of its messages were answered right, per second."""
        return self.answered / self.stage.seconds

    def latencies(self, time: str = "latency") -> LatencySummary | None:
        """Return the figures of one of its histograms, or None where that is empty."""
        return Latencies(getattr(self.found.measured, time)).summary()

    def summary(self) -> dict[str, Any]:
        """Return its derived figures as JSON data, for people to read."""
        return {
            "number": self.number,
            "stage": str(self.stage),
            "begins_seconds": self.begins,
            "asked_mean": self.asked,
            "offered_mean": self.offered,
            "due": self.due,
            "sent": self.sent,
            "sent_in_time": self.in_time,
            "answered": self.answered,
            "answered_per_second": self.rate,
            "failures": dict(self.found.failures),
            "latency_seconds": readable(self.found.measured.latency),
        }


def stage_results(plan: Plan, found: Sequence[StageFound]) -> tuple[StageResult, ...]:
    """Return the stages of a plan with their results; empty if it has no stages."""
    stages = plan.stages
    if stages is None:
        return ()
    of_rate = plan.rate_stages is not None
    known = [*found, *[StageFound()] * (len(stages) - len(found))]
    return tuple(
        StageResult(number, stage, begins, plan.share, of_rate, one)
        for number, (stage, begins, one) in enumerate(
            zip(stages, stages.begins, known, strict=False), 1
        )
    )
