"""What happened in one interval, counted in as few bytes as may be: there may be hours of them."""

from array import array
from collections import Counter
from collections.abc import Iterable

from .histograms import INTERVAL_LENGTH, Interval, Latencies

Counts = dict[int, int]
"""How often each number of microseconds was recorded."""


def add_counts(known: Counts, counts: Iterable[tuple[int, int]]) -> None:
    """Add counts to those that are known."""
    for value, count in counts:
        known[value] = known.get(value, 0) + count


class IntervalCounts:
    """What happened in one interval; ``packed`` are its latencies and how often each came."""

    __slots__ = ("bytes_returned", "connected", "failures", "packed")

    def __init__(self) -> None:
        self.connected = self.bytes_returned = 0
        self.failures: Counter[str] = Counter()
        # Numbers in arrays take a tenth of what they do in a dictionary: there may be hours.
        self.packed: list[tuple[array[int], array[int]]] = []

    def pack(self, counts: Counts) -> None:
        """Add latencies."""
        if counts:
            self.packed.append((array("q", counts.keys()), array("q", counts.values())))

    def add(self, other: "IntervalCounts") -> None:
        """Add what another one has counted."""
        self.connected += other.connected
        self.bytes_returned += other.bytes_returned
        self.failures += other.failures
        self.packed += other.packed

    def interval(self, number: int) -> Interval:
        """Give it as a value."""
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
