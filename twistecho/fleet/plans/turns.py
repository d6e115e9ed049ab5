"""Two targets that take turns: which target has which slice of time, and a load that keeps to it.

The order is in blocks of four slices, ``A B B A`` or ``B A A B``, so that a steady drift of the
machine affects both targets alike. Which of the two is drawn from a seed per block, so that regular
activity of the machine favours neither target. Before the first block there are two slices, one per
target, that do not count.
"""

from dataclasses import dataclass
from functools import lru_cache

from twistecho.base.seeding import uniform

from .load import Load, load_of
from .plan import Plan

BLOCK = 4
"""Slices per block: two pairs."""

_BEFORE = 2
_SETTLING = 0.1
_ORDER = "order of turns"


@lru_cache(maxsize=1024)
def _outer(seed: int, block: int) -> int:
    """Draw which side has the outer slices of a block."""
    return int(uniform(seed, _ORDER, block, 0) < 0.5)


@dataclass(frozen=True)
class Turns:
    """Slices of ``length`` seconds; ``pairs`` pairs of them count, an even number.

    The first tenth of each slice does not count, nor its first ``least_settling`` seconds. The
    order is drawn from the ``seed``.
    """

    pairs: int
    length: float = 2.0
    least_settling: float = 0.5
    seed: int = 0

    def side_of(self, number: int) -> int:
        """Return the side of a slice, 0 or 1; slices that do not count have numbers below 0."""
        if number < 0:
            return (number + _BEFORE) % 2
        block, within = divmod(number, BLOCK)
        outer = _outer(self.seed, block)
        return outer if within in {0, BLOCK - 1} else 1 - outer

    @property
    def settling(self) -> float:
        """Seconds at the beginning of each slice that do not count."""
        return max(_SETTLING * self.length, self.least_settling)

    @property
    def counted(self) -> float:
        """Seconds of each slice that count."""
        return self.length - self.settling

    @property
    def duration(self) -> float:
        """How long all slices take, in seconds."""
        return (2 * self.pairs + _BEFORE) * self.length

    def number_at(self, time: float) -> int:
        """Return the number of the slice at a time, counted from the beginning of the first."""
        return int(time // self.length) - _BEFORE

    def begin_of(self, number: int) -> float:
        """Return when a slice begins, counted from the beginning of the first."""
        return (number + _BEFORE) * self.length

    def slice_of(self, time: float) -> int | None:
        """Return the slice in which a message due at this time counts; None if it does not."""
        number = self.number_at(time)
        counts = 0 <= number < 2 * self.pairs
        return number if counts and time - self.begin_of(number) >= self.settling else None

    def next_time(self, side: int, time: float) -> float:
        """Return the earliest time in a side's slice that is not before this time."""
        number = self.number_at(time)
        if self.side_of(number) == side:
            return time
        while self.side_of(number) != side:
            number += 1
        return self.begin_of(number)

    def spread_out(self, side: int, own: float) -> float:
        """Return the time at which a side's slices add up to ``own`` seconds.

        Of each two slices, from the first on, each side has one.
        """
        pair, rest = divmod(own, self.length)
        first = 2 * int(pair) - _BEFORE
        number = first if self.side_of(first) == side else first + 1
        return self.begin_of(number) + rest


class InTurns:
    """A load whose messages are due in one side's slices only; the first slice began at ``began``.

    The schedule of an open load pauses during the other side's slices.
    """

    __slots__ = ("_began", "_load", "_open", "_side", "_turns")

    def __init__(self, turns: Turns, side: int, plan: Plan, client: int, began: float) -> None:
        self._turns, self._side, self._began = turns, side, began
        self._open = plan.rate is not None
        self._load: Load = load_of(plan, client, 0.0 if self._open else began)

    def due(self, free: float) -> float:
        """Return when the next message is due."""
        due = self._load.due(free)
        if self._open:
            return self._began + self._turns.spread_out(self._side, due)
        at = due - self._began
        later = self._turns.next_time(self._side, at)
        return due if later == at else self._began + later
