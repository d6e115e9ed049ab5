"""What an engine records while it runs: how long everything took, in all and second by second.

An engine calls, with times in seconds from the start of the run:

    connected(took, now, wire)    a connection stands, ``took`` seconds after it was begun; of these
                                  the system waited ``wire`` for the other side, if it tells;
                                  where it is ``early``, in the warm-up, it is only counted
    parted()                      a connection was closed, in whose place another one is to be made
    first_byte(took, due)         of the first reply of a client, since its message was sent, which
                                  was due then
    sent(late, due)               a message was handed over, ``late`` seconds after it could have
                                  been: that is the fleet's own lateness
    reply(due, sent, now, size)   a reply is whole: its message of ``size`` bytes was due then and
                                  handed over then
    wire(due, took, own, ...)     the kernel had received a reply so long after the system call that
                                  sent its message; ``own`` seconds more were the fleet's
    undelayed(due, took)          a response would have taken so long without the fleet's own share
    first_byte_on_wire(took, due) what ``first_byte`` would have been without it
    ended(cause, now)             a client's conversation failed

and where the plan has stages, for each conversation that ends,

    unsent(due)                   a message that was due then was never sent
    left(cause, now, owed)        messages are unanswered that were due and handed over then
    offered(begin, until)         it offered load from then to then

Times of replies whose message was due in the warm-up are counted but not recorded, except in the
intervals. Recordings of one run, a thread's each for instance, are added up.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

from .by_stage import StageFound
from .histograms import HISTOGRAMS, INTERVAL_LENGTH, Interval, Latencies, Measured
from .outcome import INTERRUPTED, Cause
from .second import Second

Counts = dict[int, int]
"""How often each number of microseconds was recorded."""

_TRIES = 100


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


class Recording:
    """Records what a run takes, in memory; see the module's docstring.

    Latencies are counted by the microsecond, in a dictionary a second: that is all a reply costs.
    Histograms are made when the run is over.
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
        """Connections made until now, without those in whose place another one was to be made."""
        self._early = 0
        self._before = 0  # replies in the seconds before this one
        self._unmeasured = self._timed = self._squares = 0
        self._flushes = 0  # odd while one goes on
        # Of the second that runs
        self._until = 0.0
        self._bytes = 0
        self._counts: Counts = {}
        self._warming: Counts = {}  # of those, replies to messages of the warm-up
        self._services: Counts = {}  # where they differ from the responses
        self._wires: Counts = {}
        self._owns: Counts = {}

    def measure_from(self, at: float) -> None:
        """Measure replies to messages that were due at ``at`` or later, in seconds."""
        self._measure_from = at

    @property
    def measured_from(self) -> float:
        """From when on what is due is measured, in seconds."""
        return self._measure_from

    @property
    def answered(self) -> int:
        """How many replies came until now, those of the warm-up included."""
        return self._before + sum(self._counts.values()) + sum(self._warming.values())

    def _second(self, now: float) -> IntervalCounts:
        return self._seconds.setdefault(int(now // INTERVAL_LENGTH), IntervalCounts())

    def connected(
        self, took: float, now: float, wire: float | None = None, *, early: bool = False
    ) -> None:
        """Record a connection."""
        self._second(now).connected += 1
        self.connections += 1
        self._early += early
        if not early:
            self._histograms["connect"].record(took)
            if wire is not None:
                self._histograms["connect_wire"].record(min(took, wire))

    def parted(self) -> None:
        """Record that a connection was closed, in whose place another one is to be made."""
        self.connections -= 1

    def first_byte(self, took: float, due: float = 0.0) -> None:  # noqa: ARG002 - of use by stage
        """Record the first byte of the first reply, to a message that was due then."""
        self._histograms["first_byte"].record(took)

    def sent(self, late: float, due: float = 0.0) -> None:  # noqa: ARG002 - of use by stage
        """Record the fleet's own lateness in sending a message that was due then."""
        self._histograms["lag"].record(late)

    def wire(self, due: float, took: float, own: float, count: int) -> None:
        """Record how long a message and its reply were outside of the fleet, and its own time.

        It stands for so many that were not timed, itself among them.
        """
        if due >= self._measure_from:
            for counts, time in ((self._wires, took), (self._owns, own)):
                microseconds = int(time * 1e6 + 0.5)
                counts[microseconds] = counts.get(microseconds, 0) + count
            self._timed += 1
            self._squares += count * count

    def undelayed(self, due: float, took: float) -> None:
        """Record a response as it would have been without the fleet's own share."""
        if due >= self._measure_from:
            self._histograms["undelayed"].record(took)

    def first_byte_on_wire(self, took: float, due: float = 0.0) -> None:  # noqa: ARG002 - as above
        """Record the first byte of the first reply, without the fleet's own share."""
        self._histograms["first_byte_wire"].record(took)

    def reply(self, due: float, sent: float, now: float, size: int) -> None:
        """Record a whole reply."""
        self.reply_in_turn(due, now, size)
        if sent != due and due >= self._measure_from:
            took, served = int((now - due) * 1e6 + 0.5), int((now - sent) * 1e6 + 0.5)
            self._services[served] = self._services.get(served, 0) + 1
            self._services[took] = self._services.get(took, 0) - 1

    def reply_in_turn(self, due: float, now: float, size: int) -> None:
        """Record a whole reply to a message that was handed over when it was due."""
        if now >= self._until:
            self._turn(now)
        self._bytes += size
        took = int((now - due) * 1e6 + 0.5)
        counts = self._counts if due >= self._measure_from else self._warming
        try:
            counts[took] += 1
        except KeyError:
            counts[took] = 1

    def _turn(self, now: float) -> None:
        """Begin to count another second."""
        self._flush()
        self._until = (now // INTERVAL_LENGTH + 1) * INTERVAL_LENGTH

    def _flush(self) -> None:
        """Put what was counted where it belongs."""
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

    def ended(self, cause: Cause | None, now: float) -> None:
        """Record the end of a conversation; one that was interrupted is no failure."""
        if cause is not None and cause.reason != INTERRUPTED:
            self._second(now).failures[str(cause)] += 1

    def unsent(self, due: float) -> None:
        """Record a message that was never sent; of use by stage only."""

    def left(self, cause: Cause | None, now: float, owed: Sequence[tuple[float, float]]) -> None:
        """Record what a client left unanswered; of use by stage only."""

    def offered(self, begin: float, until: float) -> None:
        """Record that a client offered load for so long; of use by stage only."""

    def add(self, other: "Recording") -> None:
        """Add what another recording of the same run has; that one is over."""
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
        """The number of the last interval in which anything happened; -1 where nothing has.

        What has not been put away yet is known once the recording is over.
        """
        return max(list(self._seconds), default=-1)

    def second(self, number: int) -> Second:
        """Give what was recorded of an interval until now.

        It may be called from another thread while this one records: nothing is changed.
        """
        for _ in range(_TRIES):
            flushes = self._flushes
            found = self._seen_in(number)
            if flushes == self._flushes and not flushes % 2:
                break
        return found

    def _seen_in(self, number: int) -> Second:
        """Look once: what is put away at the same moment is seen twice, or not at all."""
        latencies: Counts = {}
        known = self._seconds.get(number) or IntervalCounts()
        returned = known.bytes_returned
        for values, counts in list(known.packed):
            _add(latencies, zip(values, counts, strict=True))
        if round(self._until / INTERVAL_LENGTH) - 1 == number:
            # Nothing came since to have it put away.
            _add(latencies, list(self._counts.items()))
            _add(latencies, list(self._warming.items()))
            returned += self._bytes
        return Second(number, latencies, known.connected, returned, dict(known.failures))

    def measured(self) -> Measured:
        """Give what was recorded until now, as a value."""
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

    def stages(self) -> tuple[StageFound, ...]:
        """Give what was recorded of each stage, where there are any."""
        return ()


def _add(known: Counts, counts: Iterable[tuple[int, int]]) -> None:
    for value, count in counts:
        known[value] = known.get(value, 0) + count
