"""The recorded times of a run: stored while it runs, read at any time, and merged."""

from .histograms import HISTOGRAMS, INTERVAL_LENGTH, Latencies, Measured
from .interval_counts import Counts, IntervalCounts, add_counts
from .second import Second

_TRIES = 100


class Recorded:
    """The recorded data of a run until now; see `Recording`.

    Latencies are counted by the microsecond, in one dictionary per second, which costs little per
    reply. Histograms are made when the run is over.
    """

    __slots__ = (
        "_before",
        "_bytes",
        "_counts",
        "_early",
        "_flushes",
        "_histograms",
        "_measure_from",
        "_owns",
        "_seconds",
        "_services",
        "_squares",
        "_timed",
        "_unmeasured",
        "_until",
        "_warming",
        "_wires",
        "connections",
    )

    def __init__(self, measure_from: float = 0.0) -> None:
        self._measure_from = measure_from
        self._histograms = {name: Latencies() for name in HISTOGRAMS}
        self._seconds: dict[int, IntervalCounts] = {}
        self.connections = 0
        """Connections made until now, without those that were closed to be replaced."""
        self._early = 0
        self._before = 0  # replies in the seconds before this one
        self._unmeasured = self._timed = self._squares = 0
        self._flushes = 0  # odd during a flush
        # The current second
        self._until = 0.0
        self._bytes = 0
        self._counts: Counts = {}
        self._warming: Counts = {}  # response times of messages of the warm-up
        self._services: Counts = {}  # service times that differ from the response times
        self._wires: Counts = {}
        self._owns: Counts = {}

    def measure_from(self, at: float) -> None:
        """Measure replies to messages that were due at ``at`` or later, in seconds."""
        self._measure_from = at

    @property
    def measured_from(self) -> float:
        """Messages due from this time on are measured, in seconds."""
        return self._measure_from

    @property
    def answered(self) -> int:
        """How many replies came until now, including the warm-up."""
        return self._before + sum(self._counts.values()) + sum(self._warming.values())

    def _second(self, now: float) -> IntervalCounts:
        return self._seconds.setdefault(int(now // INTERVAL_LENGTH), IntervalCounts())

    def _turn(self, now: float) -> None:
        """Begin a new second."""
        self._flush()
        self._until = (now // INTERVAL_LENGTH + 1) * INTERVAL_LENGTH

    def _flush(self) -> None:
        """Move the current counts into the seconds and histograms."""
        for name, timed in (("wire", self._wires), ("own", self._owns)):
            self._histograms[name].add_counts(timed.items())
            timed.clear()
        if not (self._counts or self._warming):
            return
        self._flushes += 1
        counts, warming, services = self._counts, self._warming, self._services
        self._counts, self._warming, self._services = {}, {}, {}
        second = self._second(self._until - INTERVAL_LENGTH / 2)
        second.pack(counts)
        second.pack(warming)
        second.bytes_returned += self._bytes
        self._bytes = 0
        self._flushes += 1
        self._before += sum(counts.values()) + sum(warming.values())
        self._unmeasured += sum(warming.values())
        self._histograms["latency"].add_counts(counts.items())
        for took, count in services.items():
            counts[took] = counts.get(took, 0) + count
        self._histograms["service"].add_counts(counts.items())

    def add(self, other: "Recorded") -> None:
        """Add another recording of the same run, which is over."""
        other._flush()  # noqa: SLF001 - the same class
        for name, histogram in self._histograms.items():
            histogram.add(other._histograms[name])  # noqa: SLF001 - the same class
        for number, second in other._seconds.items():  # noqa: SLF001 - the same class
            self._seconds.setdefault(number, IntervalCounts()).add(second)
        self._before += other._before  # noqa: SLF001 - the same class
        self._unmeasured += other._unmeasured  # noqa: SLF001 - the same class
        self._timed += other._timed  # noqa: SLF001 - the same class
        self._squares += other._squares  # noqa: SLF001 - the same class
        self._early += other._early  # noqa: SLF001 - the same class
        self.connections += other.connections

    @property
    def last(self) -> int:
        """The number of the last interval with any event; -1 where there is none.

        Counts that are not flushed yet are included once the recording is over.
        """
        return max(list(self._seconds), default=-1)

    def second(self, number: int) -> Second:
        """Return the recorded data of an interval until now.

        It may be called from another thread during recording: it changes nothing.
        """
        for _ in range(_TRIES):
            flushes = self._flushes
            found = self._seen_in(number)
            if flushes == self._flushes and not flushes % 2:
                break
        return found

    def _seen_in(self, number: int) -> Second:
        """Read once, without a lock: a concurrent flush may be counted twice, or not at all."""
        latencies: Counts = {}
        known = self._seconds.get(number) or IntervalCounts()
        returned = known.bytes_returned
        for values, counts in list(known.packed):
            add_counts(latencies, zip(values, counts, strict=True))
        if round(self._until / INTERVAL_LENGTH) - 1 == number:
            # The interval is the current one: its counts are not flushed yet.
            add_counts(latencies, list(self._counts.items()))
            add_counts(latencies, list(self._warming.items()))
            returned += self._bytes
        return Second(number, latencies, known.connected, returned, dict(known.failures))

    def measured(self) -> Measured:
        """Return the recorded data until now, as a value."""
        self._flush()
        last = max(self._seconds, default=-1)
        seconds = [self._seconds.get(number, IntervalCounts()) for number in range(last + 1)]
        return Measured(
            **{name: histogram.encode() for name, histogram in self._histograms.items()},
            unmeasured=self._unmeasured,
            early_connects=self._early,
            timed=self._timed,
            timed_squares=self._squares,
            intervals=tuple(second.interval(number) for number, second in enumerate(seconds)),
        )
