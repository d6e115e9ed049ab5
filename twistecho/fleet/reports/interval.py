"""One second of a run: what happened in it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twistecho.base.notation import check_kinds

from .latency import Latencies

LENGTH = 1.0
"""How long an interval is, in seconds."""


@dataclass(frozen=True)
class Interval:
    """What happened from ``start`` on, in seconds from the start of the run, for `LENGTH` seconds.

    ``connected`` clients had their connection; ``answered`` messages came back right and whole, of
    ``bytes_returned`` payload bytes; ``failures`` counts clients that failed, by cause. ``latency``
    is the histogram of the replies' response times in text form, empty where there were none.
    """

    start: float
    connected: int = 0
    answered: int = 0
    bytes_returned: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    latency: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the interval as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"failures": dict(self.failures)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Interval":
        """Read an interval back from JSON data. Raises ValueError, KeyError or TypeError."""
        fields = {name: data[name] for name in cls.__dataclass_fields__}
        check_kinds(fields, (int, float), "start")
        check_kinds(fields, int, "connected", "answered", "bytes_returned")
        check_kinds(fields, dict, "failures")
        check_kinds(fields["failures"], int, *fields["failures"])
        fields["latency"] = Latencies(data["latency"]).encode()
        return cls(**fields)


def add_intervals(one: Interval, other: Interval) -> Interval:
    """Put together what two parts of a run found in the same second; histograms are added."""
    latencies = Latencies(one.latency)
    latencies.add(Latencies(other.latency))
    return Interval(
        start=one.start,
        connected=one.connected + other.connected,
        answered=one.answered + other.answered,
        bytes_returned=one.bytes_returned + other.bytes_returned,
        failures=dict(Counter(one.failures) + Counter(other.failures)),
        latency=latencies.encode(),
    )
