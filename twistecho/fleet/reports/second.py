"""One second of a run, reported while it runs: a small value; those of several parts are added.

Its latencies are counts, not a histogram: making a histogram takes milliseconds, for which the
clients would have to wait.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from twistecho.base.decoding import decode, written_as

from .histograms import rank_of


@dataclass(frozen=True)
class Second:
    """The events in one interval of a run; its number is counted from 0.

    ``latencies`` has the number of occurrences of each response time, in microseconds.
    ``connected`` connections were made, ``bytes_returned`` payload bytes were returned in whole
    replies, and ``failures`` counts failed clients by cause.
    """

    number: int
    latencies: Mapping[int, int]
    connected: int = 0
    bytes_returned: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        """How many messages were answered right."""
        return sum(self.latencies.values())

    def percentile(self, percent: float) -> float:
        """Return a percentile of the response times, in seconds; 0 without replies."""
        wanted, found = rank_of(percent, self.answered), 0
        for latency, times in self._in_order:
            found += times
            if found >= wanted:
                return latency / 1e6
        return 0.0

    @cached_property
    def _in_order(self) -> list[tuple[int, int]]:
        """The latencies in ascending order, sorted only once."""
        return sorted(self.latencies.items())

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data, in which keys cannot be numbers."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"latencies": list(self.latencies.items())}

    @classmethod
    def from_dict(cls, data: Any) -> "Second":
        """Read it from JSON data. Raises ValueError with the path of the wrong field."""
        return decode(data, cls, "a second")


@written_as(Second, latencies=tuple[tuple[int, int], ...])
def _second(latencies: tuple[tuple[int, int], ...], **fields: Any) -> Second:
    return Second(latencies=dict(latencies), **fields)


def add_seconds(number: int, parts: Iterable[Second]) -> Second:
    """Merge the seconds that several parts recorded as number ``number``."""
    latencies: dict[int, int] = {}
    failures: Counter[str] = Counter()
    connected = bytes_returned = 0
    for part in parts:
        for latency, count in part.latencies.items():
            latencies[latency] = latencies.get(latency, 0) + count
        failures.update(part.failures)
        connected += part.connected
        bytes_returned += part.bytes_returned
    return Second(number, latencies, connected, bytes_returned, dict(failures))
