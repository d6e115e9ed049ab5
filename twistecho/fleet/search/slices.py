"""What is recorded of each slice of time where two targets take turns."""

from collections import Counter
from collections.abc import Sequence

from twistecho.fleet.plans.turns import BLOCK, Turns
from twistecho.fleet.reports.comparison import TIMES, Pairs, Slice, needed_for
from twistecho.fleet.reports.outcome import INTERRUPTED, Cause, Phase
from twistecho.fleet.reports.recorded import Recorded
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.second import Second

_BITS = 11


class SliceRecording(Recording):
    """Records a run as it does anyway, and response times by the slice that a message was due in.

    Who failed counts for the pair of slices in which that was, whosever turn it was; who has not
    connected counts for none.
    """

    __slots__ = ("_failed", "_slices", "_turns")

    def __init__(self, turns: Turns, measure_from: float = 0.0) -> None:
        super().__init__(measure_from)
        self._turns = turns
        self._slices: dict[int, Counter[int]] = {}
        self._failed: Counter[int] = Counter()

    def reply_in_turn(self, due: float, now: float, size: int) -> None:
        """Record a whole reply."""
        super().reply_in_turn(due, now, size)
        number = self._turns.slice_of(due - self._measure_from)
        if number is not None:
            counts = self._slices.setdefault(number, Counter())
            counts[_rounded(int((now - due) * 1e6 + 0.5))] += 1

    def ended(self, cause: Cause | None, now: float) -> None:
        """Record the end of a conversation."""
        super().ended(cause, now)
        if cause is None or cause.reason == INTERRUPTED or cause.phase is Phase.CONNECT:
            return
        self._failed[self._turns.number_at(now - self._measure_from) // 2] += 1

    def add(self, other: Recorded) -> None:
        """Add what another recording of the same run has; that one is over."""
        super().add(other)
        if isinstance(other, SliceRecording):
            self._measure_from = max(self._measure_from, other._measure_from)  # noqa: SLF001 - the same class
            self._failed.update(other._failed)  # noqa: SLF001 - the same class
            for number, counts in other._slices.items():  # noqa: SLF001 - the same class
                self._slices.setdefault(number, Counter()).update(counts)

    def slice(self, number: int) -> Slice:
        """Give what was found in a slice."""
        second = Second(number, self._slices.get(number, {}))
        answered = second.answered
        times = {
            name: second.percentile(at) for name, at in TIMES.items() if answered >= needed_for(at)
        }
        return Slice(self._turns.counted, answered, times, self._failed[number // 2])


def _rounded(microseconds: int) -> int:
    """Round to 0.05 %: a slice has few different times then, however many messages there are."""
    shift = max(0, microseconds.bit_length() - _BITS)
    return microseconds >> shift << shift | (1 << shift >> 1)


def pairs_of(turns: Turns, recordings: Sequence[SliceRecording], until: int) -> Pairs:
    """Give the pairs of slices before the one with the number ``until``."""
    pairs = []
    for number in range(0, until - 1, 2):
        order = (number, number + 1) if turns.side_of(number) == 0 else (number + 1, number)
        one, two = (found.slice(at) for found, at in zip(recordings, order, strict=True))
        pairs.append((one, two))
    return pairs


def pairs_alike(turns: Turns, recording: SliceRecording, until: int) -> Pairs:
    """Give the first side's two slices of each block, as pairs of one and the same target.

    Which of them comes first changes, so that a steady drift is no difference.
    """
    pairs = []
    for block in range(until // BLOCK):
        slices = range(block * BLOCK, (block + 1) * BLOCK)
        numbers = [number for number in slices if turns.side_of(number) == 0]
        one, two = (recording.slice(number) for number in numbers)
        pairs.append((two, one) if block % 2 else (one, two))
    return pairs
