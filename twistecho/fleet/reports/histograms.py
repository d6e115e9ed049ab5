"""How long everything took in a run, as a value: histograms, in all and second by second."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twistecho.base.notation import check_kinds

from .interval import Interval, add_intervals
from .latency import Latencies

HISTOGRAMS = ("latency", "service", "connect", "first_byte", "lag")
"""The histograms of a run, the names of `Measured`'s fields."""


@dataclass(frozen=True)
class Measured:
    """How long everything took in a run; histograms are in text form, empty where there is nothing.

    ``latency`` is the response time, from when a message was due to when its reply was whole;
    ``service`` counts from when the message was handed over. In a closed load they are the same.
    ``connect`` is what connecting took, ``first_byte`` the time from a connection's first message
    to the first byte of its reply, and ``lag`` how late the fleet itself was in handing over
    messages. ``unmeasured`` replies belong to the warm-up. ``intervals`` follow each other.
    """

    latency: str = ""
    service: str = ""
    connect: str = ""
    first_byte: str = ""
    lag: str = ""
    unmeasured: int = 0
    intervals: tuple[Interval, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"intervals": [interval.to_dict() for interval in self.intervals]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Measured":
        """Read it back from JSON data. Raises ValueError, KeyError or TypeError."""
        check_kinds(data, int, "unmeasured")
        histograms = {name: Latencies(data[name]).encode() for name in HISTOGRAMS}
        intervals = tuple(Interval.from_dict(interval) for interval in data["intervals"])
        return cls(**histograms, unmeasured=data["unmeasured"], intervals=intervals)


def add_measured(found: Iterable[Measured]) -> Measured:
    """Put together what the parts of a run measured: histograms added, second by second too."""
    sums = {name: Latencies() for name in HISTOGRAMS}
    unmeasured = 0
    intervals: dict[float, Interval] = {}
    for one in found:
        for name, total in sums.items():
            total.add(Latencies(getattr(one, name)))
        unmeasured += one.unmeasured
        for interval in one.intervals:
            known = intervals.get(interval.start)
            intervals[interval.start] = add_intervals(known, interval) if known else interval
    return Measured(
        **{name: total.encode() for name, total in sums.items()},
        unmeasured=unmeasured,
        intervals=tuple(intervals[start] for start in sorted(intervals)),
    )
