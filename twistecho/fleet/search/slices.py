"""The records of each slice of time when two targets take turns."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from twistecho.base.decoding import decode
from twistecho.fleet.plans.turns import BLOCK, Turns
from twistecho.fleet.reports.comparison import TIMES, Pairs, Slice, needed_for
from twistecho.fleet.reports.outcome import INTERRUPTED, Cause, Phase
from twistecho.fleet.reports.recorded import Recorded
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.second import Second

_BITS = 11


class Slices:
    """Response times in microseconds, by the slice in which a message was due, and failures.

    Those of several processes can be added: their slices are the same, with the same numbers.
    """

    __slots__ = ("_failed", "_times", "_turns")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._times: dict[int, Counter[int]] = {}
        self._failed: Counter[int] = Counter()  # by the number of the pair of slices

    def took(self, number: int, microseconds: int) -> None:
        """Count a reply to a message that was due in the slice with this number."""
        self._times.setdefault(number, Counter())[_rounded(microseconds)] += 1

    def failed(self, number: int) -> None:
        """Count a client that failed during the slice with this number, if that slice counts."""
        if number >= 0:
            self._failed[number // 2] += 1

    def add(self, other: "Slices") -> None:
        """Add the counts of others under the same turns."""
        self._failed.update(other._failed)  # noqa: SLF001 - the same class
        for number, counts in other._times.items():  # noqa: SLF001 - the same class
            self._times.setdefault(number, Counter()).update(counts)

    def slice(self, number: int) -> Slice:
        """Return the results of a slice."""
        second = Second(number, self._times.get(number, {}))
        answered = second.answered
        times = {
            name: second.percentile(at) for name, at in TIMES.items() if answered >= needed_for(at)
        }
        return Slice(self._turns.counted, answered, times, self._failed[number // 2])

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON data; the times of a slice are written as a first one and steps."""
        return {
            "slices": [_packed(number, self._times[number]) for number in sorted(self._times)],
            "failed": sorted(self._failed.items()),
        }

    @classmethod
    def from_dict(cls, data: Any, turns: Turns) -> "Slices":
        """Read those of these turns. Raises ValueError with the path of the wrong value."""
        read, found = decode(data, _Written, "slices"), cls(turns)
        found._failed.update(dict(read.failed))
        for each in read.slices:
            found._times[each.number] = Counter(each.counts())
        return found


@dataclass(frozen=True)
class _Packed:
    """The times of a slice, in ascending order, as they are written: see `Slices.to_dict`."""

    number: int
    steps: tuple[int, ...]
    times: tuple[int, ...]

    def counts(self) -> dict[int, int]:
        return dict(zip(accumulate(self.steps), self.times, strict=True))


@dataclass(frozen=True)
class _Written:
    slices: tuple[_Packed, ...]
    failed: tuple[tuple[int, int], ...]


def _packed(number: int, counts: Counter[int]) -> dict[str, Any]:
    times = sorted(counts)
    steps = times[:1] + [later - time for time, later in pairwise(times)]
    return {"number": number, "steps": steps, "times": [counts[time] for time in times]}


class SliceRecording(Recording):
    """Records a run as usual, and also response times by the slice in which a message was due.

    A failed client counts for the pair of slices in which it failed, whichever target had the turn;
    a client that did not connect counts for none.
    """

    __slots__ = ("_turns", "slices")

    def __init__(self, turns: Turns, measure_from: float = 0.0) -> None:
        super().__init__(measure_from)
        self._turns = turns
        self.slices = Slices(turns)

    def reply_in_turn(self, due: float, now: float, size: int) -> None:
        """Record a whole reply."""
        super().reply_in_turn(due, now, size)
        number = self._turns.slice_of(due - self._measure_from)
        if number is not None:
            self.slices.took(number, int((now - due) * 1e6 + 0.5))

    def ended(self, cause: Cause | None, now: float) -> None:
        """Record the end of a conversation."""
        super().ended(cause, now)
        if cause is None or cause.reason == INTERRUPTED or cause.phase is Phase.CONNECT:
            return
        self.slices.failed(self._turns.number_at(now - self._measure_from))

    def add(self, other: Recorded) -> None:
        """Add the records of another recording of the same run, which has ended."""
        super().add(other)
        if isinstance(other, SliceRecording):
            self._measure_from = max(self._measure_from, other._measure_from)  # noqa: SLF001 - the same class
            self.slices.add(other.slices)


def _rounded(microseconds: int) -> int:
    """Round to 0.05 %, so that a slice has few different times, whatever the number of messages."""
    shift = max(0, microseconds.bit_length() - _BITS)
    return microseconds >> shift << shift | (1 << shift >> 1)


def pairs_of(turns: Turns, sides: Sequence[Slices], until: int) -> Pairs:
    """Return the pairs of slices before the slice with the number ``until``."""
    pairs = []
    for number in range(0, until - 1, 2):
        order = (number, number + 1) if turns.side_of(number) == 0 else (number + 1, number)
        one, two = (found.slice(at) for found, at in zip(sides, order, strict=True))
        pairs.append((one, two))
    return pairs


def pairs_alike(turns: Turns, slices: Slices, until: int) -> Pairs:
    """Return the first side's two slices of each block, as pairs of one and the same target.

    Their order alternates, so that a steady drift does not show as a difference.
    """
    pairs = []
    for block in range(until // BLOCK):
        of_block = range(block * BLOCK, (block + 1) * BLOCK)
        numbers = [number for number in of_block if turns.side_of(number) == 0]
        one, two = (slices.slice(number) for number in numbers)
        pairs.append((two, one) if block % 2 else (one, two))
    return pairs
