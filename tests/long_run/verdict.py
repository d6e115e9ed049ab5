"""Is it flat? What processes held at quiet points, when every client had gone: pure.

A figure grows by its Theil-Sen slope (the median of the slopes between all pairs of points, which
no outlier moves) over the time seen, or by what the median of the last fifth is above that of the
first, whichever is more: so a step is seen as well as a slope.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

ALLOWED = {
    "connections": (0.5, 0.0), "timers": (0.5, 0.0), "calls": (0.5, 0.0), "descriptors": (0.5, 0.0),
    "objects": (300, 0.0), "blocks": (1000, 0.0), "memory": (2 * 2**20, 0.03),
}  # fmt: skip
"""By how much each figure may grow in the whole run: a number, and a part of what it was."""

WARM_UP, LEAST = 0.2, 5
"""The part of the quiet points that is not judged, and how many must be left."""

Point = tuple[float, Mapping[str, int]]
"""A quiet point: its time in seconds, and what a process held then."""


@dataclass(frozen=True)
class Finding:
    """How one figure of one process went; ``growth`` in its own unit, in the time judged."""

    process: str
    figure: str
    first: float
    last: float
    growth: float
    allowed: float

    @property
    def flat(self) -> bool:
        """Say whether it stayed what it was."""
        return self.growth <= self.allowed


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Give the Theil-Sen slope of values over times."""
    return median((b - a) / (t - s) for (s, a), (t, b) in combinations(points, 2))


def judge(process: str, points: Sequence[Point]) -> list[Finding]:
    """Judge every figure of a process after its warm-up. Raises ValueError: too few points."""
    judged = points[round(WARM_UP * len(points)) :]
    if len(judged) < LEAST:
        raise ValueError(f"{process}: {len(judged)} quiet points after the warm-up, not {LEAST}")
    return [
        _finding(process, figure, [(at, float(held[figure])) for at, held in judged])
        for figure in ALLOWED
        if figure in judged[0][1]
    ]


def _finding(process: str, figure: str, points: Sequence[tuple[float, float]]) -> Finding:
    fifth = max(1, len(points) // 5)
    first = median(value for _, value in points[:fifth])
    last = median(value for _, value in points[-fifth:])
    growth = max(slope(points) * (points[-1][0] - points[0][0]), last - first)
    number, part = ALLOWED[figure]
    return Finding(process, figure, first, last, growth, number + part * first)
