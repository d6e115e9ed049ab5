"""When the clients of a closed load in stages come and go."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise

from .stages import Stage


class Presence:
    """When the clients of stages come and go, by their rank among all clients, from 0.

    The client that came first goes first, so all stay for about the same time.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        begins = accumulate((stage.seconds for stage in stages), initial=0.0)
        values = list(chain.from_iterable((stage.begin, stage.end) for stage in stages))
        # Between two stages the value jumps: both values are at the same time.
        self._times = [0.0, *(at for one in pairwise(begins) for at in one)]
        steps = [later - value for value, later in pairwise([0.0, *values])]
        self._come = list(accumulate((max(0.0, step) for step in steps), initial=0.0))
        self._gone = list(accumulate((max(0.0, -step) for step in steps), initial=0.0))

    @property
    def clients(self) -> int:
        """How many come in all."""
        return int(self._come[-1])

    def comes(self, rank: int) -> float:
        """Return when a client comes; those of the first value are there from the beginning."""
        return self._reached(self._come, rank)

    def goes(self, rank: int) -> float:
        """Return when a client goes: when all stages are over, or before."""
        return self._reached(self._gone, rank)

    def _reached(self, sums: list[float], rank: int) -> float:
        """Return when the sum of clients that came, or went, reached ``rank`` + 0.5."""
        wanted = rank + 0.5
        at = bisect_left(sums, wanted)
        if at == len(sums):
            return self._times[-1]
        below, above = sums[at - 1], sums[at]
        begin, end = self._times[at - 1], self._times[at]
        return begin + (end - begin) * ((wanted - below) / (above - below))
