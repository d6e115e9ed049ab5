"""The times measured in a run: histograms, in total and per second.

Every histogram of the project is an HdrHistogram of microseconds with the same range and precision,
1 microsecond to 1 hour at 3 significant digits, so that any two can be added exactly.
"""

import base64
import struct
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, compress
from math import ceil
from typing import Any

from hdrh.histogram import HdrHistogram

from twistecho.base.decoding import written_as
from twistecho.base.notation import FieldError

_LOWEST, _HIGHEST, _DIGITS = 1, 3_600_000_000, 3
_FOLD_AT = 4096
_COOKIES = struct.Struct(">II")
_PAYLOAD = struct.Struct(">IIIIQQd")
_MOST_BYTES = 1 << 19  # more than 25,000 counts of at most nine bytes each
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
"""The percentiles that a report shows."""


INTERVAL_LENGTH = 1.0
"""The length of an interval, in seconds."""

HISTOGRAMS = (
    "latency", "service", "wire", "own", "undelayed", "connect", "connect_wire", "first_byte",
    "first_byte_wire", "lag",
)  # fmt: skip
"""The names of a run's histograms, which are fields of `Measured`."""


def rank_of(percent: float, count: int) -> int:
    """Return the rank of a percentile among ``count`` sorted values: ceil(percent % of count).

    Ranks count from 1. It is the lowest rank for which at least ``percent`` per cent of all values
    are not above its value. The percentage is exact: 99.9 % of 1,000 is 999, without rounding.
    """
    return max(1, ceil(Fraction(str(percent)) * count / 100))


@dataclass(frozen=True)
class LatencySummary:
    """A few figures of a histogram, in seconds; ``percentiles`` are in the order requested."""

    count: int
    min: float
    max: float
    mean: float
    percentiles: tuple[float, ...]


class Latencies:
    """Records times. Recording is cheap; the histogram is filled in batches.

    The histogram takes a fifth of a megabyte, and is created at its first use, so that thousands of
    these objects fit into memory.
    """

    def __init__(self, encoded: str | None = None) -> None:
        """Begin empty, or with a result of `encode`. Raises ValueError for other text."""
        self._fresh: list[float] = []
        self._counts: Counter[int] = Counter()
        self._histogram: HdrHistogram | None = None
        if encoded:
            self._add_encoded(encoded)

    def _add_encoded(self, encoded: str) -> None:
        try:
            self._add_histogram(HdrHistogram.decode(encoded))
        except Exception as error:  # the decoder raises errors of zlib, base64 and its own
            raise ValueError(f"not a histogram: {error}") from error

    def _add_histogram(self, other: HdrHistogram) -> None:
        # An empty one would make the minimum 0.
        if other.get_total_count():
            self.histogram().add(other)

    def record(self, seconds: float) -> None:
        """Add one latency in seconds; values are limited to 1 microsecond to 1 hour."""
        self._fresh.append(seconds)
        if len(self._fresh) >= _FOLD_AT:
            self._fold()

    def add_counts(self, counts: Iterable[tuple[int, int]]) -> None:
        """Add latencies in whole microseconds, each with its number of occurrences."""
        known = self._counts
        for value, count in counts:
            if count:
                known[value] += count
        if len(known) >= _FOLD_AT:
            self.histogram()

    def add(self, other: "Latencies") -> None:
        """Add all latencies that another object has recorded."""
        self._fresh += other._fresh  # noqa: SLF001 - the same class
        # A copy, since the other object may be recording in its own thread.
        self._counts.update(dict(other._counts))  # noqa: SLF001 - the same class
        if other._histogram is not None:  # noqa: SLF001 - the same class
            self._add_histogram(other._histogram)  # noqa: SLF001 - the same class
        self._fold()

    def _fold(self) -> None:
        fresh, self._fresh = self._fresh, []
        # The histogram is slow, and latencies repeat: each value is added once, with its count.
        self._counts.update([round(seconds * 1e6) for seconds in fresh])
        if len(self._counts) >= _FOLD_AT:
            self.histogram()

    def histogram(self) -> HdrHistogram:
        """Return the histogram of all recorded latencies, in microseconds; it is not a copy."""
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
        """Return the histogram in HdrHistogram's compressed text form (V2); "" if it is empty."""
        if not self.count:
            return ""
        text: bytes = self.histogram().encode()
        return text.decode("ascii")

    def summary(self, percentiles: Sequence[float] = PERCENTILES) -> LatencySummary | None:
        """Return the count, bounds, mean and percentiles; None where nothing was recorded."""
        if not self.count:
            return None
        histogram, count = self.histogram(), self.count
        filled = _filled(histogram)
        return LatencySummary(
            count=count,
            min=histogram.get_min_value() / 1e6,
            max=histogram.get_max_value() / 1e6,
            mean=_mean(histogram, filled) / 1e6,
            percentiles=tuple(
                _at_ranks(histogram, filled, [rank_of(each, count) for each in percentiles])
            ),
        )

    def at_ranks(self, ranks: Sequence[int]) -> list[float]:
        """Return the values of ranks, in seconds; ranks go from 1 (smallest) to `count`."""
        return _at_ranks(self.histogram(), _filled(self.histogram()), ranks)


_Filled = tuple[list[int], list[int]]
"""The indices of a histogram's counts that are not 0, in order, and these counts."""


def _filled(histogram: HdrHistogram) -> _Filled:
    """Return the counts that are not 0: usually some hundred of 25,000."""
    counts = histogram.counts[:]
    return list(compress(range(len(counts)), counts)), list(filter(None, counts))


def _at_ranks(histogram: HdrHistogram, filled: _Filled, ranks: Iterable[int]) -> list[float]:
    """Return the values of ranks, in seconds.

    The library has only percentiles, rounds them to the nearest rank, and is slower.
    """
    places, counts = filled
    upto = list(accumulate(counts))
    values = (histogram.get_value_from_index(places[bisect_left(upto, rank)]) for rank in ranks)
    return [histogram.get_highest_equivalent_value(value) / 1e6 for value in values]


def _mean(histogram: HdrHistogram, filled: _Filled) -> float:
    """Return the mean, equal to the library's, which visits all counts and is many times slower.

    For the layout of the counts see HdrHistogram's AbstractHistogram: the first two halves belong
    to bucket 0; each further half belongs to a bucket whose values are twice as far apart.
    """
    half = histogram.sub_bucket_half_count
    total = 0
    for index, count in zip(*filled, strict=True):
        bucket = max(0, index // half - 1)
        total += count * (((index - bucket * half) << bucket) + (1 << bucket >> 1))
    return total / int(histogram.get_total_count())


@dataclass(frozen=True)
class Interval:
    """The events in `INTERVAL_LENGTH` from ``start`` on, in seconds from the start of the run.

    ``connected`` connections were made. ``answered`` messages got whole right replies, with
    ``bytes_returned`` payload bytes. ``failures`` counts failed clients by cause. ``latency`` is
    the histogram of the response times in text form, empty where there were none.
    """

    start: float
    connected: int = 0
    answered: int = 0
    bytes_returned: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    latency: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the interval as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"failures": dict(self.failures)}


def add_intervals(one: Interval, other: Interval) -> Interval:
    """Merge the same second of two parts of a run; histograms are added."""
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
    """The times measured in a run; histograms are in text form, empty where there are no values.

    ``latency`` is the response time, from when a message was due to when its reply was whole;
    ``service`` counts from when the message was handed over. In a closed load they are the same.
    ``wire`` counts from the system call that sent a message to when the kernel had received its
    reply. It is measured for ``timed`` messages, each weighted by the number of messages that it
    represents; ``timed_squares`` is the sum of the squares of these weights. ``own`` is the rest of
    their response time, the fleet's own share; under a rate, ``undelayed`` has their response times
    without it. ``connect`` is the time to connect, ``first_byte`` the time from a connection's
    first message to the first byte of its reply; ``connect_wire`` and ``first_byte_wire`` are the
    same without the fleet's own share. ``lag`` is the fleet's own delay in handing over messages.
    ``unmeasured`` counts replies of the warm-up. Where connections are a part of the load,
    ``early_connects`` counts those made before measuring began, which are in no histogram.
    ``intervals`` are consecutive.
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
    early_connects: int = 0
    timed: int = 0
    timed_squares: int = 0
    intervals: tuple[Interval, ...] = ()

    @property
    def samples(self) -> int:
        """The effective sample size of ``wire``: equally weighted messages of the same precision.

        Source: Kish, Survey Sampling (1965).
        """
        return Latencies(self.wire).count ** 2 // self.timed_squares if self.timed_squares else 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"intervals": [interval.to_dict() for interval in self.intervals]}


_COUNTS = ("unmeasured", "early_connects", "timed", "timed_squares")

_NEW = ("wire", "own", "undelayed", "connect_wire", "first_byte_wire")
"""The histograms that older versions did not write."""

_NEW_COUNTS = ("early_connects", "timed", "timed_squares")
"""The counts that older versions did not write."""


@written_as(Interval)
def _interval(latency: str, **fields: Any) -> Interval:
    return Interval(latency=_histogram("latency", latency), **fields)


@written_as(Measured, **dict.fromkeys(_NEW, (str, "")), **dict.fromkeys(_NEW_COUNTS, (int, 0)))
def _measured(intervals: tuple[Interval, ...], **fields: Any) -> Measured:
    known: dict[str, Any] = {name: _histogram(name, fields.pop(name)) for name in HISTOGRAMS}
    return Measured(**known, **fields, intervals=intervals)


def _histogram(name: str, text: str) -> str:
    """Return a histogram in the project's form. Raises FieldError for any other text."""
    try:
        _check_form(text)
        return Latencies(text).encode()
    except ValueError as error:
        raise FieldError(name, str(error)) from None


def _check_form(text: str) -> None:
    """Refuse a histogram of another range, or one that is too large, before it is decoded."""
    if not text:
        return
    try:
        packed = base64.b64decode(text, validate=True)[_COOKIES.size :]
        payload = zlib.decompressobj().decompress(packed, _MOST_BYTES + 1)
        _, _, _, digits, lowest, highest, _ = _PAYLOAD.unpack_from(payload)
    except (ValueError, zlib.error, struct.error) as error:
        raise ValueError(f"not a histogram: {error}") from None
    if (lowest, highest, digits) != (_LOWEST, _HIGHEST, _DIGITS) or len(payload) > _MOST_BYTES:
        raise ValueError("not a histogram of the range 1 us to 1 h with 3 digits")


def add_measured(found: Iterable[Measured]) -> Measured:
    """Merge the measurements of the parts of a run; histograms are added, also per second."""
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
