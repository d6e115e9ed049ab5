"""How far a run is: a small value that an engine, or each part of a run, gives while it runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twistecho.base.decoding import decode, written_as

from .histograms import INTERVAL_LENGTH, rank_of
from .outcome import Outcome, Phase
from .recorder import Recording


@dataclass(frozen=True)
class Second:
    """The last whole second of a run, its number counted from 0, and the latencies in it.

    ``latencies`` says how often each response time came, in microseconds. Not a histogram: making
    one takes milliseconds, in which the clients would have to wait.
    """

    number: int
    latencies: Mapping[int, int]

    @property
    def answered(self) -> int:
        """How many messages came back right."""
        return sum(self.latencies.values())

    def percentile(self, percent: float) -> float:
        """Give the response time, in seconds, of the percentile's rank; 0 where nothing came."""
        wanted, found = rank_of(percent, self.answered), 0
        for latency in sorted(self.latencies):
            found += self.latencies[latency]
            if found >= wanted:
                return latency / 1e6
        return 0.0

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON data, in which no key is a number."""
        return {"number": self.number, "latencies": list(self.latencies.items())}


@written_as(Second, latencies=tuple[tuple[int, int], ...])
def _second(number: int, latencies: tuple[tuple[int, int], ...]) -> Second:
    return Second(number, dict(latencies))


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
    latencies: Counter[int] = Counter()
    for second in known:
        if second.number == number:
            latencies.update(second.latencies)
    return Second(number, latencies)


class ProgressWatch:
    """Watches a run: called, it says how far that is. Cheap, however often and late it is called.

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
        latencies: dict[int, int] = {}
        for recording in recordings:
            for latency, count in recording.latencies_in(number):
                latencies[latency] = latencies.get(latency, 0) + count
        self._second = Second(number, latencies)


def _had_one(outcome: Outcome) -> bool:
    """Say whether a client had a connection when it ended."""
    between = outcome.cause is not None and outcome.cause.phase is Phase.CONNECT
    return outcome.connected is not None and not between
