"""Recording of a load in stages: in total, and for each stage separately; see `by_stage`.

A load without stages uses a plain `Recording`, without additional cost per message.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.stages import Stages

from .by_stage import StageFound
from .interval_counts import Counts, IntervalCounts
from .outcome import INTERRUPTED, Cause
from .recorded import Recorded
from .recorder import Recording


def recording_for(plan: Plan) -> Recording:
    """Return the recording for a run of a plan."""
    stages = plan.stages
    return Recording(plan.warmup) if stages is None else StagedRecording(stages, plan.warmup)


class _AllOfIt(IntervalCounts):
    """The counts of a stage, without latencies per second, which are not needed."""

    __slots__ = ()

    def pack(self, counts: Counts) -> None:
        """Drop the counts: the stage's histogram has them."""


class _StageRecording(Recording):
    """Records one stage; ``end`` is when it is over."""

    __slots__ = ("_all", "client_seconds", "end", "failed", "late", "outstanding", "unsent_count")

    def __init__(self, end: float) -> None:
        super().__init__()
        self.end = end
        self._all = _AllOfIt()
        self.late = self.failed = self.outstanding = self.unsent_count = 0
        self.client_seconds = 0.0

    def _second(self, now: float) -> IntervalCounts:  # noqa: ARG002 - all the same
        return self._all

    def handed_later(self, due: float, sent: float, now: float) -> None:
        """Record the service time of a reply whose response time is recorded already."""
        took, served = int((now - due) * 1e6 + 0.5), int((now - sent) * 1e6 + 0.5)
        self._services[served] = self._services.get(served, 0) + 1
        self._services[took] = self._services.get(took, 0) - 1
        self.late += sent >= self.end

    def add(self, other: Recorded) -> None:
        """Add another recording of the same stage."""
        super().add(other)
        if isinstance(other, _StageRecording):
            self._all.add(other._all)  # noqa: SLF001 - the same class
            self.late += other.late
            self.failed += other.failed
            self.outstanding += other.outstanding
            self.unsent_count += other.unsent_count
            self.client_seconds += other.client_seconds

    def found(self) -> StageFound:
        """Return the recorded data until now, as a value."""
        measured = self.measured()
        return StageFound(
            measured,
            bytes_returned=self._all.bytes_returned,
            late=self.late,
            failed=self.failed,
            outstanding=self.outstanding,
            unsent=self.unsent_count,
            client_seconds=self.client_seconds,
            failures=dict(self._all.failures),
        )


class StagedRecording(Recording):
    """Records a run in stages; the first stage begins at ``measure_from``."""

    __slots__ = ("_begin", "_begins", "_bounds", "_current", "_end", "_recordings")

    def __init__(self, stages: Stages, measure_from: float) -> None:
        super().__init__(measure_from)
        self._begins = stages.begins
        self._recordings: dict[int, _StageRecording] = {}
        self.measure_from(measure_from)

    def measure_from(self, at: float) -> None:
        """Set the beginning of the stages to ``at``: earlier messages belong to none."""
        super().measure_from(at)
        self._bounds = [at + begins for begins in self._begins]
        self._begin = self._end = at  # of the stage looked up last
        self._current: _StageRecording | None = None
        self._recordings.clear()

    def _stage(self, at: float) -> _StageRecording | None:
        """Return the recording of the stage at a time; None before the first stage."""
        if not self._begin <= at < self._end:
            number = min(bisect_right(self._bounds, at), len(self._bounds) - 1) - 1
            if number < 0:
                return None
            self._begin, self._end = self._bounds[number], self._bounds[number + 1]
            self._current = self._recordings.get(number)
            if self._current is None:
                self._current = self._recordings[number] = _StageRecording(self._end)
        return self._current

    def connected(
        self, took: float, now: float, wire: float | None = None, *, early: bool = False
    ) -> None:
        """Record a connection."""
        super().connected(took, now, wire, early=early)
        stage = self._stage(now)
        if stage is not None:
            stage.connected(took, now, wire, early=early)

    def sent(self, late: float, due: float = 0.0) -> None:
        """Record the fleet's own delay in sending a message."""
        super().sent(late, due)
        stage = self._stage(due)
        if stage is not None:
            stage.sent(late, due)

    def first_byte(self, took: float, due: float = 0.0) -> None:
        """Record the time to the first byte of a client's first reply."""
        super().first_byte(took, due)
        stage = self._stage(due)
        if stage is not None:
            stage.first_byte(took, due)

    def first_byte_on_wire(self, took: float, due: float = 0.0) -> None:
        """Record the time to the first byte without the fleet's own share."""
        super().first_byte_on_wire(took, due)
        stage = self._stage(due)
        if stage is not None:
            stage.first_byte_on_wire(took, due)

    def wire(self, due: float, took: float, own: float, count: int) -> None:
        """Record how long a message and its reply were outside the fleet, and its own time."""
        super().wire(due, took, own, count)
        stage = self._stage(due)
        if stage is not None:
            stage.wire(due, took, own, count)

    def undelayed(self, due: float, took: float) -> None:
        """Record a response time without the fleet's own share."""
        super().undelayed(due, took)
        stage = self._stage(due)
        if stage is not None:
            stage.undelayed(due, took)

    def reply(self, due: float, sent: float, now: float, size: int) -> None:
        """Record a whole reply."""
        super().reply(due, sent, now, size)
        stage = self._stage(due)
        if stage is not None and sent != due:
            stage.handed_later(due, sent, now)

    def reply_in_turn(self, due: float, now: float, size: int) -> None:
        """Record a whole reply to a message that was handed over when it was due."""
        super().reply_in_turn(due, now, size)
        stage = self._stage(due)
        if stage is not None:
            stage.reply_in_turn(due, now, size)

    def unsent(self, due: float) -> None:
        """Record a message that was due and never sent."""
        stage = self._stage(due)
        if stage is not None:
            stage.unsent_count += 1

    def left(self, cause: Cause | None, now: float, owed: Sequence[tuple[float, float]]) -> None:
        """Record a client's unanswered messages at its end, and its cause."""
        stopped = cause is not None and cause.reason == INTERRUPTED
        for due, sent in owed:
            stage = self._stage(due)
            if stage is not None:
                stage.outstanding += stopped
                stage.failed += not stopped
                stage.late += sent >= stage.end
        stage = self._stage(owed[0][0] if owed else now)
        if stage is not None:
            stage.ended(cause, now)

    def offered(self, begin: float, until: float) -> None:
        """Record that a client offered load from ``begin`` to ``until``."""
        for lower, upper in pairwise(self._bounds):
            both = min(until, upper) - max(begin, lower)
            stage = self._stage(lower)
            if both > 0 and stage is not None:
                stage.client_seconds += both

    def add(self, other: Recorded) -> None:
        """Add another recording of the same run, which is over."""
        super().add(other)
        if isinstance(other, StagedRecording):
            for number, stage in other._recordings.items():  # noqa: SLF001 - the same class
                self._recordings.setdefault(number, _StageRecording(stage.end)).add(stage)
            self._end = self._begin  # the stage looked up last may have been replaced

    def stages(self) -> tuple[StageFound, ...]:
        """Return the recorded data of each stage until now, as values."""
        known = [self._recordings.get(number) for number in range(len(self._begins) - 1)]
        return tuple(StageFound() if one is None else one.found() for one in known)
