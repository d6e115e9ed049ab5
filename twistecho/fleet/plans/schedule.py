"""When the messages of a rate in stages are due."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import inf, nextafter, sqrt

from .stages import Stage


class Schedule:
    """When the messages of a rate in stages are due, after ``warmup`` seconds of warm-up.

    Each message has a *position*: it is due when the integral of the rate since the first stage
    began has that value. In the warm-up positions are negative.
    """

    __slots__ = ("_begins", "_positions", "_stages")

    def __init__(self, stages: Sequence[Stage], warmup: float) -> None:
        first = stages[0].begin
        warming = [Stage(first, first, warmup)] if warmup else []
        self._stages = [*warming, *stages]
        lengths = accumulate((stage.seconds for stage in stages), initial=0.0)
        self._begins = [*([-warmup] if warmup else []), *lengths]
        sums = accumulate((stage.integral for stage in stages), initial=0.0)
        self._positions = [*([-first * warmup] if warmup else []), *sums]

    @property
    def first(self) -> float:
        """The position at which the warm-up begins, or the first stage if there is none."""
        return self._positions[0]

    def due(self, position: float, began: float) -> float:
        """Return when the message at a position is due, where the first stage begins at ``began``.

        The result is always within the position's stage, rounding included, and infinite after the
        end of the last stage.
        """
        at = bisect_right(self._positions, position) - 1
        if at >= len(self._stages):
            return inf
        stage = self._stages[at]
        after = time_within(stage, position - self._positions[at])
        due, end = began + (self._begins[at] + after), began + self._begins[at + 1]
        return due if due < end else nextafter(end, -inf)


def time_within(stage: Stage, integral: float) -> float:
    """Return how long after its beginning a stage's integral has a value, in seconds."""
    # The root of begin * t + slope / 2 * t**2 = integral, in the form without cancellation.
    slope = (stage.end - stage.begin) / stage.seconds
    root = sqrt(max(0.0, stage.begin * stage.begin + 2 * slope * integral))
    return 2 * integral / (stage.begin + root) if integral else 0.0
