"""The counters of a running service: plain numbers, read by metrics and tests."""

from bisect import bisect_left
from collections import Counter

LATENESS_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the buckets for the lateness of delayed replies, in seconds; the last is open."""


class Lateness:
    """How late delayed replies were sent, in seconds after they were due: a histogram."""

    __slots__ = ("buckets", "count", "sum")

    def __init__(self) -> None:
        self.buckets = [0] * (len(LATENESS_BOUNDS) + 1)
        self.count = 0
        self.sum = 0.0

    def observe(self, late: float) -> None:
        """Count one reply."""
        self.buckets[bisect_left(LATENESS_BOUNDS, late)] += 1
        self.count += 1
        self.sum += late

    def observe_all(self, now: float, dues: list[float]) -> None:
        """Count replies that were all sent at ``now``; ``dues`` are their due times, sorted."""
        left = len(dues)
        self.count += left
        self.sum += left * now - sum(dues)
        for bucket, bound in enumerate(LATENESS_BOUNDS):
            later = bisect_left(dues, now - bound, 0, left)
            self.buckets[bucket] += left - later
            left = later
            if not left:
                return
        self.buckets[-1] += left


class Counts:
    """The counters of one service. They only grow.

    ``accepted``, ``messages``, ``bytes_in`` and ``bytes_out`` are totals; ``refused`` and
    ``dropped`` count connections by reason; ``stalls`` is how many times the event loop was late,
    and ``stalled`` by how many seconds in all.
    """

    __slots__ = (
        "accepted",
        "bytes_in",
        "bytes_out",
        "dropped",
        "lateness",
        "messages",
        "refused",
        "stalled",
        "stalls",
    )

    def __init__(self) -> None:
        self.accepted = 0
        self.messages = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.refused: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.lateness = Lateness()
        self.stalls = 0
        self.stalled = 0.0
