"""How long replies took: an HdrHistogram of microseconds.

Every histogram of the project has the same range and precision, 1 microsecond to 1 hour at 3
significant digits, so that any two can be added exactly.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

_LOWEST, _HIGHEST, _DIGITS = 1, 3_600_000_000, 3
_FOLD_AT = 4096
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
"""The percentiles that a report shows."""


@dataclass(frozen=True)
class LatencySummary:
    """A few figures of a histogram, in seconds; ``percentiles`` follow those asked for."""

    count: int
    min: float
    max: float
    mean: float
    percentiles: tuple[float, ...]


class Latencies:
    """Records how long something took. Recording is cheap; the histogram is filled in batches.

    The histogram, which takes a fifth of a megabyte, is made when it is first needed: thousands of
    these can wait to be added up.
    """

    def __init__(self, encoded: str | None = None) -> None:
        """Begin empty, or with what `encode` gave. Raises ValueError for anything else."""
        self._fresh: list[float] = []
        self._counts: Counter[int] = Counter()
        self._histogram: HdrHistogram | None = None
        if encoded:
            self._add_encoded(encoded)

    def _add_encoded(self, encoded: str) -> None:
        try:
            self._add_histogram(HdrHistogram.decode(encoded))
        except Exception as error:  # the decoder raises whatever zlib, base64 or it itself finds
            raise ValueError(f"not a histogram: {error}") from error

    def _add_histogram(self, other: HdrHistogram) -> None:
        # An empty one would make the minimum 0.
        if other.get_total_count():
            self.histogram().add(other)

    def record(self, seconds: float) -> None:
        """Add one latency in seconds; below a microsecond counts as one, above an hour as one."""
        self._fresh.append(seconds)
        if len(self._fresh) >= _FOLD_AT:
            self._fold()

    def extend(self, latencies: Iterable[float]) -> None:
        """Add many latencies, in seconds."""
        self._fresh.extend(latencies)
        self._fold()

    def add_counts(self, counts: Iterable[tuple[int, int]]) -> None:
        """Add latencies in whole microseconds, each with how often it came."""
        known = self._counts
        for value, count in counts:
            if count:
                known[value] += count
        if len(known) >= _FOLD_AT:
            self.histogram()

    def add(self, other: "Latencies") -> None:
        """Add all that another one has recorded."""
        self._fresh += other._fresh  # noqa: SLF001 - the same class
        # A copy, since the other one may be recording in its own thread.
        self._counts.update(dict(other._counts))  # noqa: SLF001 - the same class
        if other._histogram is not None:  # noqa: SLF001 - the same class
            self._add_histogram(other._histogram)  # noqa: SLF001 - the same class
        self._fold()

    def _fold(self) -> None:
        fresh, self._fresh = self._fresh, []
        # The histogram is slow and latencies are much alike: each value goes in once, with a count.
        self._counts.update([round(seconds * 1e6) for seconds in fresh])
        if len(self._counts) >= _FOLD_AT:
            self.histogram()

    def histogram(self) -> HdrHistogram:
        """Give the histogram, in microseconds, of all that was recorded; it is not a copy."""
        if self._histogram is None:
            self._histogram = HdrHistogram(_LOWEST, _HIGHEST, _DIGITS)
        fresh, self._fresh = self._fresh, []
        counts, self._counts = self._counts, Counter()
        counts.update([round(seconds * 1e6) for seconds in fresh])
        for value, count in counts.items():
            self._histogram.record_value(max(_LOWEST, min(_HIGHEST, value)), count)
        return self._histogram

    @property
    def count(self) -> int:
        """How many latencies were recorded."""
        recorded = 0 if self._histogram is None else self._histogram.get_total_count()
        return int(recorded) + self._counts.total() + len(self._fresh)

    def encode(self) -> str:
        """Give the histogram in HdrHistogram's own compressed text form (V2); empty, no text."""
        if not self.count:
            return ""
        text: bytes = self.histogram().encode()
        return text.decode("ascii")

    def summary(self, percentiles: Sequence[float] = PERCENTILES) -> LatencySummary | None:
        """Give the figures people ask for, or None where nothing was recorded."""
        if not self.count:
            return None
        histogram = self.histogram()
        at = histogram.get_percentile_to_value_dict(list(percentiles))
        return LatencySummary(
            count=histogram.get_total_count(),
            min=histogram.get_min_value() / 1e6,
            max=histogram.get_max_value() / 1e6,
            mean=histogram.get_mean_value() / 1e6,
            percentiles=tuple(at[percentile] / 1e6 for percentile in percentiles),
        )
