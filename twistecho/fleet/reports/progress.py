"""How far a run is: a small value that an engine, or each part of a run, gives while it runs."""

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
"""Seconds after which all that happened in a second has been recorded, as a rule."""

_TRIES = 10

KEPT = 3
"""How many of the seconds that a part of a run told of last are kept."""


@dataclass(frozen=True)
class Progress:
    """How far a run is, ``took`` seconds after it began.

    Of its clients ``connected`` have a connection now and ``ended`` are done, well or not;
    ``failures`` counts those that failed, by cause. ``answered`` messages came back right until
    now. ``second`` is the last whole second of the run, None before the first one is over.
    Replies are measured from ``measured_from`` on: the warm-up counts from the barrier.
    """

    took: float
    connected: int = 0
    ended: int = 0
    answered: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    second: Second | None = None
    measured_from: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"second": self.second and self.second.to_dict()}

    @classmethod
    def from_dict(cls, data: Any) -> "Progress":
        """Read it back from JSON data. Raises ValueError with the path of what is wrong."""
        return decode(data, cls, "progress")


def add_progress(parts: Iterable[Progress]) -> Progress:
    """Put together how far the parts of a run are; it has taken as long as the longest of them.

    Of the parts' last seconds those count that are the latest: a part that lags behind is not
    added to another second.
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
    """Give the number of the stage of a time of the run, from 1; None where it is in none.

    It is in none either while clients still wait at the barrier: no stage has begun.
    """
    waiting = plan.barrier and progress.measured_from == plan.warmup
    if plan.stages is None or waiting:
        return None
    return plan.stages.number_at(at - progress.measured_from)


def last_of_all(told: Sequence[Sequence[Second]], running: Sequence[bool]) -> Second | None:
    """Put together the last second that all parts that are ``running`` have told of.

    ``told`` has the last seconds of each part, `KEPT` at most, which it tells of at a moment of its
    own. One that has stopped telling holds up the others no longer than that.
    """
    last = [part[-1].number for part in told if part]
    if not last:
        return None
    awaited = [part[-1].number for part, runs in zip(told, running, strict=True) if part and runs]
    number = max(min(awaited, default=max(last)), max(last) - KEPT + 1)
    return add_seconds(number, (each for part in told for each in part if each.number == number))


class Watch(Protocol):
    """Watches a run, from any thread: called, it says how far that is."""

    def __call__(self) -> Progress:
        """Say how far the run is."""

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:
        """Give all seconds behind that of a number, in turn, as far as they are known.

        Who calls has taken those up to ``after``, and does not ask for them again. The last one
        is given where the run is ``over``.
        """


class ProgressWatch:
    """A `Watch` of one fleet. Cheap, however often and late it is called.

    ``outcomes`` is the engine's list, which grows; ``recordings`` gives all that records, or has
    recorded, in the run; ``now`` the seconds since it began.
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
        """Say how far the run is."""
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
        """Count the outcomes that have come since: each is looked at once."""
        fresh = self._outcomes[self._ended :]
        self._ended += len(fresh)
        self._had_connected += sum(_had_one(outcome) for outcome in fresh)
        self._failures.update(str(o.cause) for o in fresh if not (o.answered or o.interrupted))

    def _read_second(self, recordings: Iterable[Recording], number: int) -> None:
        if number < 0 or (self._second is not None and self._second.number == number):
            return
        self._second = add_seconds(number, (each.second(number) for each in recordings))

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:
        """Give all seconds behind that of a number; the last one where the run is ``over``.

        The others are given a moment after their end.
        """
        if over:
            last = max((each.last for each in self._recordings()), default=-1)
        else:
            last = int((self._now() - _SETTLING) // INTERVAL_LENGTH) - 1
        return [self._settled(number) for number in range(after + 1, last + 1)]

    def _settled(self, number: int) -> Second:
        """Read a second while no recording is added to another one, or as good as that goes."""
        for _ in range(_TRIES):
            recordings = list(self._recordings())
            second = add_seconds(number, (each.second(number) for each in recordings))
            if recordings == list(self._recordings()):
                break
        return second


def _had_one(outcome: Outcome) -> bool:
    """Say whether a client had a connection when it ended."""
    between = outcome.cause is not None and outcome.cause.phase is Phase.CONNECT
    return outcome.connected is not None and not between
