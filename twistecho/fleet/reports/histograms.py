"""How long everything took in a run: histograms, in all and second by second.

Every histogram of the project is an HdrHistogram of microseconds and has the same range and
precision, 1 microsecond to 1 hour at 3 significant digits, so that any two can be added exactly.
"""

import base64
import struct
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from math import ceil
from typing import Any

from hdrh.histogram import HdrHistogram

from twistecho.base.decoding import written_as
from twistecho.base.notation import FieldError

_LOWEST, _HIGHEST, _DIGITS = 1, 3_600_000_000, 3
_FOLD_AT = 4096
_COOKIES = struct.Struct(">II")
_PAYLOAD = struct.Struct(">IIIIQQd")
_MOST_BYTES = 1 << 19  # 25,000 counts of nine bytes each, at most
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
"""The percentiles that a report shows."""


INTERVAL_LENGTH = 1.0
"""How long an interval is, in seconds."""

HISTOGRAMS = (
    "latency", "service", "wire", "own", "undelayed", "connect", "connect_wire", "first_byte",
    "first_byte_wire", "lag",
)  # fmt: skip
"""The histograms of a run, the names of `Measured`'s fields."""


def rank_of(percent: float, count: int) -> int:
    """Give the rank of a percentile among so many values in order, from 1: ceil(percent % of them).

    So many per cent of all values are not above the value of this rank, and no lower rank's is
    enough. The percent counts as it is written: 99.9 % of 1,000 is 999, not a bit more.
    """
    return max(1, ceil(Fraction(str(percent)) * count / 100))


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
        histogram, count = self.histogram(), self.count
        return LatencySummary(
            count=count,
            min=histogram.get_min_value() / 1e6,
            max=histogram.get_max_value() / 1e6,
            mean=_mean(histogram) / 1e6,
            percentiles=tuple(self.at_ranks([rank_of(each, count) for each in percentiles])),
        )

    def at_ranks(self, ranks: Sequence[int]) -> list[float]:
        """Give the values, in seconds, of ranks, from 1 (the least) to `count` (the greatest)."""
        histogram = self.histogram()
        # The library takes percentiles alone, rounds them, and needs several times as long.
        totals = list(accumulate(histogram.counts))
        values = [histogram.get_value_from_index(bisect_left(totals, rank)) for rank in ranks]
        return [histogram.get_highest_equivalent_value(value) / 1e6 for value in values]


def _mean(histogram: HdrHistogram) -> float:
    """Give the mean, as the library does: it steps over all counts, and takes five times as long.

    Of the counts' layout see HdrHistogram's AbstractHistogram: the first two halves are of bucket
    0, and each half after them is of a bucket whose values are twice as far apart.
    """
    half = histogram.sub_bucket_half_count
    total = 0
    for index, count in enumerate(histogram.counts):
        if count:
            bucket = max(0, index // half - 1)
            total += count * (((index - bucket * half) << bucket) + (1 << bucket >> 1))
    return total / int(histogram.get_total_count())


@dataclass(frozen=True)
class Interval:
    """What happened for `INTERVAL_LENGTH` from ``start`` on, in seconds from the start of the run.

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


@dataclass(frozen=True)
class Measured:
    """How long everything took in a run; histograms are in text form, empty where there is nothing.

    ``latency`` is the response time, from when a message was due to when its reply was whole;
    ``service`` counts from when the message was handed over. In a closed load they are the same.
    ``wire`` counts from the system call that sent a message to when the kernel had received its
    reply: of ``timed`` messages, each of which stands for itself and some that were not;
    ``timed_squares`` is the sum of the squares of these numbers. ``own`` is what these took
    beside that, the fleet's own share; under a rate, ``undelayed`` has their response times without
    it. ``connect`` is what connecting took, ``first_byte`` the time from a connection's first
    message to the first byte of its reply; ``connect_wire`` and ``first_byte_wire`` are the same
    without the fleet's own share. ``lag`` is how late the fleet itself was in handing over
    messages. ``unmeasured`` replies belong to the warm-up. ``intervals`` follow each other.
    """

    latency: str = ""
    service: str = ""
    wire: str = ""
    own: str = ""
    undelayed: str = ""
    connect: str = ""
    connect_wire: str = ""
    first_byte: str = ""
    first_byte_wire: str = ""
    lag: str = ""
    unmeasured: int = 0
    timed: int = 0
    timed_squares: int = 0
    intervals: tuple[Interval, ...] = ()

    @property
    def samples(self) -> int:
        """How many messages that stand for equally many would tell as much of the wire.

        Source: Kish, Survey Sampling (1965), the effective sample size.
        """
        return Latencies(self.wire).count ** 2 // self.timed_squares if self.timed_squares else 0

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"intervals": [interval.to_dict() for interval in self.intervals]}


_COUNTS = ("unmeasured", "timed", "timed_squares")

_NEW = ("wire", "own", "undelayed", "connect_wire", "first_byte_wire")
"""The histograms that older versions did not write."""


@written_as(Interval)
def _interval(latency: str, **fields: Any) -> Interval:
    return Interval(latency=_histogram("latency", latency), **fields)


@written_as(Measured, **dict.fromkeys(_NEW, (str, "")), timed=(int, 0), timed_squares=(int, 0))
def _measured(intervals: tuple[Interval, ...], **fields: Any) -> Measured:
    known: dict[str, Any] = {name: _histogram(name, fields.pop(name)) for name in HISTOGRAMS}
    return Measured(**known, **fields, intervals=intervals)


def _histogram(name: str, text: str) -> str:
    """Give a histogram of the project's form. Raises FieldError for what is none."""
    try:
        _check_form(text)
        return Latencies(text).encode()
    except ValueError as error:
        raise FieldError(name, str(error)) from None


def _check_form(text: str) -> None:
    """Refuse a histogram of another range, or of more bytes than one has; take no memory for it."""
    if not text:
        return
    try:
        packed = base64.b64decode(text, validate=True)[_COOKIES.size :]
        payload = zlib.decompressobj().decompress(packed, _MOST_BYTES + 1)
        _, _, _, digits, lowest, highest, _ = _PAYLOAD.unpack_from(payload)
    except (ValueError, zlib.error, struct.error) as error:
        raise ValueError(f"not a histogram: {error}") from None
    if (lowest, highest, digits) != (_LOWEST, _HIGHEST, _DIGITS) or len(payload) > _MOST_BYTES:
        raise ValueError("not a histogram: of another range")


def add_measured(found: Iterable[Measured]) -> Measured:
    """Put together what the parts of a run measured: histograms added, second by second too."""
    sums = {name: Latencies() for name in HISTOGRAMS}
    counts = Counter[str]()
    intervals: dict[float, Interval] = {}
    for one in found:
        for name, total in sums.items():
            total.add(Latencies(getattr(one, name)))
        counts.update({name: getattr(one, name) for name in _COUNTS})
        for interval in one.intervals:
            known = intervals.get(interval.start)
            intervals[interval.start] = add_intervals(known, interval) if known else interval
    texts = {name: total.encode() for name, total in sums.items()}
    fields: dict[str, Any] = {**texts, **counts}
    return Measured(
        **fields,
        intervals=tuple(intervals[start] for start in sorted(intervals)),
    )
