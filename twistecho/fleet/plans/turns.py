"""Two targets that take turns: which slice of time is whose, and a load that keeps to its slices.

The order is that of Thue and Morse, ``A B B A  B A A B  B A A B  A B B A``: of each four slices the
outer ones are one target's and the inner ones the other's, so that a steady drift of the machine
meets both alike, and no period of what else it does goes along with the order. Before the first
four come two slices, one of each, that do not count.
"""

from dataclasses import dataclass

from .load import Load, load_of
from .plan import Plan

BLOCK = 4
"""Slices of the order that belong together: two pairs."""

_BEFORE = 2
_SETTLING = 0.1


def side_of(number: int) -> int:
    """Say whose a slice is, 0 or 1, by its number; those that do not count are below 0."""
    return (number + _BEFORE) % 2 if number < 0 else number.bit_count() % 2


@dataclass(frozen=True)
class Turns:
    """Slices of ``length`` seconds, of which ``pairs`` of two count, an even number of them.

    At the beginning of each a tenth does not count, and ``least_settling`` seconds at least.
    """

    pairs: int
    length: float = 2.0
    least_settling: float = 0.5

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
        """Give the number of the slice at a time since the first one began."""
        return int(time // self.length) - _BEFORE

    def begin_of(self, number: int) -> float:
        """Say when a slice begins, since the first one began."""
        return (number + _BEFORE) * self.length

    def slice_of(self, time: float) -> int | None:
        """Give the number of the slice in which what was due at a time counts, if it does."""
        number = self.number_at(time)
        counts = 0 <= number < 2 * self.pairs
        return number if counts and time - self.begin_of(number) >= self.settling else None

    def next_time(self, side: int, time: float) -> float:
        """Give the next time, which may be this one, that is in a side's slice."""
        number = self.number_at(time)
        if side_of(number) == side:
            return time
        while side_of(number) != side:
            number += 1
        return self.begin_of(number)

    def spread_out(self, side: int, own: float) -> float:
        """Give the time at which a side's slices have lasted so long together.

        Of each two slices, from the first on, one is either side's.
        """
        pair, rest = divmod(own, self.length)
        first = 2 * int(pair) - _BEFORE
        number = first if side_of(first) == side else first + 1
        return self.begin_of(number) + rest


class InTurns:
    """A load whose messages are due in one side's slices alone; they began at ``began``.

    Of an open load the schedule stands still while it is the other side's turn.
    """

    __slots__ = ("_began", "_load", "_open", "_side", "_turns")

    def __init__(self, turns: Turns, side: int, plan: Plan, client: int, began: float) -> None:
        self._turns, self._side, self._began = turns, side, began
        self._open = plan.rate is not None
        self._load: Load = load_of(plan, client, 0.0 if self._open else began)

    def due(self, free: float) -> float:
        """Say when the next message is due."""
        due = self._load.due(free)
        if self._open:
            return self._began + self._turns.spread_out(self._side, due)
        at = due - self._began
        later = self._turns.next_time(self._side, at)
        return due if later == at else self._began + later
