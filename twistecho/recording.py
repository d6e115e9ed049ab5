"""What an engine records while it runs: how long everything took, in all and second by second.

An engine calls, with times in seconds from the start of the run:

    connected(took, now)          a connection stands, ``took`` seconds after it was begun
    first_byte(took)              of the first reply of a connection, since its message was sent
    sent(late)                    a message was handed over, ``late`` seconds after it could have
                                  been: that is the fleet's own lateness
    reply(due, sent, now, size)   a reply is whole: its message of ``size`` bytes was due then and
                                  handed over then
    ended(cause, now)             a client's conversation failed

Times of replies whose message was due in the warm-up are counted but not recorded, except in the
intervals. Recordings of one run, a thread's each for instance, are added up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .interval import LENGTH, Interval, add_intervals
from .latency import Latencies
from .outcome import Cause, check_kinds

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


class _Second:
    """What happened in one interval, while it is counted."""

    __slots__ = ("answered", "bytes_returned", "connected", "failures", "latencies")

    def __init__(self) -> None:
        self.connected = self.answered = self.bytes_returned = 0
        self.failures: Counter[str] = Counter()
        self.latencies = Latencies()

    def add(self, other: "_Second") -> None:
        """Add what another one has counted."""
        self.connected += other.connected
        self.answered += other.answered
        self.bytes_returned += other.bytes_returned
        self.failures += other.failures
        self.latencies.add(other.latencies)

    def interval(self, number: int) -> Interval:
        """Give it as a value."""
        return Interval(
            number * LENGTH,
            self.connected,
            self.answered,
            self.bytes_returned,
            dict(self.failures),
            self.latencies.encode(),
        )


class Recording:
    """Records what a run takes, in memory; see the module's docstring."""

    def __init__(self, warmup: float = 0.0) -> None:
        self._warmup = warmup
        self._histograms = {name: Latencies() for name in HISTOGRAMS}
        self._unmeasured = 0
        self._seconds: dict[int, _Second] = {}
        self.answered = 0
        """Replies until now, those of the warm-up included."""
        self.connections = 0
        """Connections made until now."""

    def _second(self, now: float) -> _Second:
        return self._seconds.setdefault(int(now // LENGTH), _Second())

    def connected(self, took: float, now: float) -> None:
        """Record a connection."""
        self._histograms["connect"].record(took)
        self._second(now).connected += 1
        self.connections += 1

    def first_byte(self, took: float) -> None:
        """Record the first byte of a connection's first reply."""
        self._histograms["first_byte"].record(took)

    def sent(self, late: float) -> None:
        """Record the fleet's own lateness in sending a message."""
        self._histograms["lag"].record(late)

    def reply(self, due: float, sent: float, now: float, size: int) -> None:
        """Record a whole reply."""
        second = self._second(now)
        second.answered += 1
        second.bytes_returned += size
        second.latencies.record(now - due)
        self.answered += 1
        if due < self._warmup:
            self._unmeasured += 1
            return
        self._histograms["latency"].record(now - due)
        self._histograms["service"].record(now - sent)

    def ended(self, cause: Cause | None, now: float) -> None:
        """Record the end of a conversation."""
        if cause is not None:
            self._second(now).failures[str(cause)] += 1

    def add(self, other: "Recording") -> None:
        """Add what another recording of the same run has."""
        for name, histogram in self._histograms.items():
            histogram.add(other._histograms[name])  # noqa: SLF001 - the same class
        for number, second in other._seconds.items():  # noqa: SLF001 - the same class
            self._seconds.setdefault(number, _Second()).add(second)
        self._unmeasured += other._unmeasured  # noqa: SLF001 - the same class
        self.answered += other.answered
        self.connections += other.connections

    def add_second_to(self, total: "_Second", number: int) -> None:
        """Add to ``total`` what this recording has of one interval."""
        second = self._seconds.get(number)
        if second is not None:
            total.add(second)

    def measured(self) -> Measured:
        """Give what was recorded until now, as a value."""
        last = max(self._seconds, default=-1)
        seconds = [self._seconds.get(number, _Second()) for number in range(last + 1)]
        return Measured(
            **{name: histogram.encode() for name, histogram in self._histograms.items()},
            unmeasured=self._unmeasured,
            intervals=tuple(second.interval(number) for number, second in enumerate(seconds)),
        )


def second_of(recordings: Iterable[Recording], number: int) -> Interval:
    """Give what recordings of one run have of an interval, counted from 0, while they still record.

    It may be called from another thread than the recording ones once the interval is over; the
    recordings themselves are left as they are.
    """
    total = _Second()
    for recording in recordings:
        recording.add_second_to(total, number)
    return total.interval(number)
