"""The bytes that all connections together may have waiting, and whose turn is next when some free.

A connection that may not read because the budget is spent waits in line. As the budget frees, those
who have waited longest get their turn, no more of them at once than there is room for.
"""

from collections import OrderedDict
from typing import Protocol


class Reader(Protocol):
    """Something that reads from a peer while there is room."""

    def take_turn(self) -> None:
        """Read again, if nothing else stands against it."""


class Budget:
    """A number of bytes in use, of ``total``; a turn is good for ``turn`` bytes."""

    __slots__ = ("_in_line", "total", "turn", "used")

    def __init__(self, total: int, turn: int) -> None:
        self.total = total
        self.turn = turn
        self.used = 0
        self._in_line: OrderedDict[Reader, None] = OrderedDict()

    def __len__(self) -> int:
        """Count those who wait for a turn."""
        return len(self._in_line)

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.total

    def wait(self, reader: Reader) -> None:
        """Wait in line for a turn, unless it does so already."""
        self._in_line.setdefault(reader)

    def leave(self, reader: Reader) -> None:
        """Leave the line."""
        self._in_line.pop(reader, None)

    def give_turns(self) -> None:
        """Let those who have waited longest read again, as far as what is free reaches."""
        turns = min(len(self._in_line), (self.total - self.used) // self.turn)
        for _ in range(turns):
            reader, _ = self._in_line.popitem(last=False)
            reader.take_turn()
