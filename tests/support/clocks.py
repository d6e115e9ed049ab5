"""Clocks for tests."""

import random
from typing import Any

from twisted.internet.task import Clock


class ShufflingClock(Clock):
    """A clock that runs calls of equal due time in a random, but seeded, order.

    The real reactor's order is arbitrary too; `Clock` keeps the order in which calls were made,
    which hides code that depends on it.
    """

    calls: list[Any]

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)  # noqa: S311 - a test's order, no secret

    def advance(self, amount: float) -> None:
        """Move on by ``amount`` seconds, after shuffling the calls of equal due time."""
        self._random.shuffle(self.calls)
        self.calls.sort(key=lambda call: call.getTime())
        super().advance(amount)
