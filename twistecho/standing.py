"""How far a run is: a small value that an engine, or each part of a run, gives while it runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .interval import LENGTH, Interval, add_intervals
from .outcome import Outcome
from .recording import Recording, second_of


@dataclass(frozen=True)
class Standing:
    """How far a run is, ``took`` seconds after it began.

    Of its clients ``connected`` have a connection now and ``ended`` are done, well or not;
    ``failures`` counts those that failed, by cause. ``answered`` messages came back right until
    now. ``second`` is the last whole second of the run, None before the first one is over.
    """

    took: float
    connected: int = 0
    ended: int = 0
    answered: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    second: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"second": self.second and self.second.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Standing":
        """Read it back from JSON data. Raises ValueError, KeyError or TypeError."""
        fields = {name: data[name] for name in cls.__dataclass_fields__}
        second = fields["second"]
        return cls(**fields | {"second": second and Interval.from_dict(second)})


def add_standings(standings: Iterable[Standing]) -> Standing:
    """Put together how far the parts of a run are; it has taken as long as the longest of them.

    Of the parts' last seconds those count that are the latest: a part that lags behind is not
    added to another second.
    """
    known = list(standings)
    total = Standing(max((one.took for one in known), default=0.0))
    seconds = [one.second for one in known if one.second is not None]
    latest = max((second.start for second in seconds), default=0.0)
    for one in known:
        total = replace(
            total,
            connected=total.connected + one.connected,
            ended=total.ended + one.ended,
            answered=total.answered + one.answered,
            failures=Counter(total.failures) + Counter(one.failures),
        )
    for second in seconds:
        if second.start == latest:
            total = replace(
                total, second=add_intervals(total.second, second) if total.second else second
            )
    return total


class Watch:
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
        self._second: Interval | None = None

    def __call__(self) -> Standing:
        """Say how far the run is."""
        took = self._now()
        self._count_outcomes()
        recordings = list(self._recordings())
        self._read_second(recordings, int(took // LENGTH) - 1)
        return Standing(
            took=took,
            connected=max(0, sum(r.connections for r in recordings) - self._had_connected),
            ended=self._ended,
            answered=sum(recording.answered for recording in recordings),
            failures=dict(self._failures),
            second=self._second,
        )

    def _count_outcomes(self) -> None:
        """Count the outcomes that have come since: each is looked at once."""
        fresh = self._outcomes[self._ended :]
        self._ended += len(fresh)
        self._had_connected += sum(outcome.connected is not None for outcome in fresh)
        self._failures.update(str(o.cause) for o in fresh if o.cause is not None)

    def _read_second(self, recordings: Iterable[Recording], number: int) -> None:
        if number >= 0 and (self._second is None or self._second.start != number * LENGTH):
            self._second = second_of(recordings, number)
