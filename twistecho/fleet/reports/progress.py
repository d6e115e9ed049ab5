"""The progress of a run: a small value that an engine, or each part of a run, reports."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from twistecho.base.decoding import decode
from twistecho.fleet.plans.plan import Plan

from .histograms import INTERVAL_LENGTH
from .outcome import Outcome, Phase
from .recorder import Recording
from .second import Second, add_seconds

_SETTLING = 0.3
"""The time after which all events of a second have usually been recorded, in seconds."""

_TRIES = 10

KEPT = 3
"""How many of the last seconds that a part of a run reported are kept."""


@dataclass(frozen=True)
class Progress:
    """The progress of a run, ``took`` seconds after it began.

    Of its clients ``connected`` have a connection now and ``ended`` have ended, including failed
    ones; ``failures`` counts these by cause. ``answered`` messages were answered right until now.
    ``second`` is the last whole second of the run, None before the first one is over. Messages due
    from ``measured_from`` on are measured; with a barrier it is set when the clients pass that.
    """

    took: float
    connected: int = 0
    ended: int = 0
    answered: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    second: Second | None = None
    measured_from: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"second": self.second and self.second.to_dict()}

    @classmethod
    def from_dict(cls, data: Any) -> "Progress":
        """Read it from JSON data. Raises ValueError with the path of the wrong field."""
        return decode(data, cls, "progress")


def add_progress(parts: Iterable[Progress]) -> Progress:
    """Merge the progress of the parts of a run; ``took`` is the longest time of a part.

    Only parts whose last second is the latest of all count for ``second``: different seconds are
    never added.
    """
    known = list(parts)
    failures: Counter[str] = Counter()
    for one in known:
        failures.update(one.failures)
    return Progress(
        took=max((one.took for one in known), default=0.0),
        connected=sum(one.connected for one in known),
        ended=sum(one.ended for one in known),
        answered=sum(one.answered for one in known),
        failures=failures,
        second=_latest(one.second for one in known if one.second is not None),
        measured_from=max((one.measured_from for one in known), default=0.0),
    )


def _latest(seconds: Iterable[Second]) -> Second | None:
    known = list(seconds)
    if not known:
        return None
    number = max(second.number for second in known)
    return add_seconds(number, (second for second in known if second.number == number))


def stage_at(plan: Plan, progress: Progress, at: float) -> int | None:
    """Return the number of the stage at a time of the run, from 1; None outside all stages.

    While clients wait at the barrier no stage has begun: None.
    """
    waiting = plan.barrier and progress.measured_from == plan.warmup
    if plan.stages is None or waiting:
        return None
    return plan.stages.number_at(at - progress.measured_from)


def last_of_all(told: Sequence[Sequence[Second]], running: Sequence[bool]) -> Second | None:
    """Merge the last second that all ``running`` parts have reported.

    ``told`` has the last seconds of each part, at most `KEPT`. Parts report at different moments. A
    part that stops reporting delays the others by at most `KEPT` seconds.
    """
    last = [part[-1].number for part in told if part]
    if not last:
        return None
    awaited = [part[-1].number for part, runs in zip(told, running, strict=True) if part and runs]
    number = max(min(awaited, default=max(last)), max(last) - KEPT + 1)
    return add_seconds(number, (each for part in told for each in part if each.number == number))


class Watch(Protocol):
    """Watches a run, from any thread; a call returns its progress."""

    def __call__(self) -> Progress:
        """Return the progress of the run."""

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:
        """Return the known seconds after number ``after``, in order.

        The caller has the seconds up to ``after``, and does not request them again. The last second
        is included only where the run is ``over``.
        """


class ProgressWatch:
    """A `Watch` of one fleet. A call is cheap at any time.

    ``outcomes`` is the engine's growing list; ``recordings`` returns all recordings of the run,
    finished ones included; ``now`` returns the seconds since it began.
    """

    def __init__(
        self,
        outcomes: Sequence[Outcome],
        recordings: Callable[[], Iterable[Recording]],
        now: Callable[[], float],
    ) -> None:
        self._outcomes = outcomes
        self._recordings = recordings
        self._now = now
        self._ended = self._had_connected = 0
        self._failures: Counter[str] = Counter()
        self._second: Second | None = None

    def __call__(self) -> Progress:
        """Return the progress of the run."""
        took = self._now()
        self._count_outcomes()
        recordings = list(self._recordings())
        self._read_second(recordings, int(took // INTERVAL_LENGTH) - 1)
        return Progress(
            took=took,
            connected=max(0, sum(r.connections for r in recordings) - self._had_connected),
            ended=self._ended,
            answered=sum(recording.answered for recording in recordings),
            failures=dict(self._failures),
            second=self._second,
            measured_from=max((r.measured_from for r in recordings), default=0.0),
        )

    def _count_outcomes(self) -> None:
        """Count the outcomes added since the last call."""
        fresh = self._outcomes[self._ended :]
        self._ended += len(fresh)
        self._had_connected += sum(_had_one(outcome) for outcome in fresh)
        self._failures.update(str(o.cause) for o in fresh if not (o.answered or o.interrupted))

    def _read_second(self, recordings: Iterable[Recording], number: int) -> None:
        if number < 0 or (self._second is not None and self._second.number == number):
            return
        self._second = add_seconds(number, (each.second(number) for each in recordings))

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:
        """Return the seconds after number ``after``; the last one only where the run is ``over``.

        The others are available shortly after their end.
        """
        if over:
            last = max((each.last for each in self._recordings()), default=-1)
        else:
            last = int((self._now() - _SETTLING) // INTERVAL_LENGTH) - 1
        return [self._settled(number) for number in range(after + 1, last + 1)]

    def _settled(self, number: int) -> Second:
        """Read a second; try to do it while no recording is being added to another one."""
        for _ in range(_TRIES):
            recordings = list(self._recordings())
            second = add_seconds(number, (each.second(number) for each in recordings))
            if recordings == list(self._recordings()):
                break
        return second


def _had_one(outcome: Outcome) -> bool:
    """Return whether a client had a connection when it ended."""
    between = outcome.cause is not None and outcome.cause.phase is Phase.CONNECT
    return outcome.connected is not None and not between
