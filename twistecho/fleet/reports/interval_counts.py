"""The counts of one interval, in little memory: a run may have hours of intervals."""

from array import array
from collections import Counter
from collections.abc import Iterable

from .histograms import INTERVAL_LENGTH, Interval, Latencies

Counts = dict[int, int]
"""How often each number of microseconds was recorded."""


def add_counts(known: Counts, counts: Iterable[tuple[int, int]]) -> None:
    """Add counts to ``known``."""
    for value, count in counts:
        known[value] = known.get(value, 0) + count


class IntervalCounts:
    """The counts of one interval; ``packed`` has its latencies and their numbers."""

    __slots__ = ("bytes_returned", "connected", "failures", "packed")

    def __init__(self) -> None:
        self.connected = self.bytes_returned = 0
        self.failures: Counter[str] = Counter()
        # Arrays take a tenth of a dictionary's memory, and there may be hours of intervals.
        self.packed: list[tuple[array[int], array[int]]] = []

    def pack(self, counts: Counts) -> None:
        """Add latencies."""
        if counts:
            self.packed.append((array("q", counts.keys()), array("q", counts.values())))

    def add(self, other: "IntervalCounts") -> None:
        """Add the counts of another object."""
        self.connected += other.connected
        self.bytes_returned += other.bytes_returned
        self.failures += other.failures
        self.packed += other.packed

    def interval(self, number: int) -> Interval:
        """Return the counts as a value."""
        latencies = Latencies()
        for values, counts in self.packed:
            latencies.add_counts(zip(values, counts, strict=True))
        return Interval(
            number * INTERVAL_LENGTH,
            self.connected,
            latencies.count,
            self.bytes_returned,
            dict(self.failures),
            latencies.encode(),
        )
