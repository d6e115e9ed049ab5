"""Whether the resources of processes at quiet points, without clients, stayed flat: pure.

The growth of a figure is its Theil-Sen slope (the median of the slopes between all pairs of points,
which outliers do not affect) times the duration, or the difference between the medians of the last
and the first fifth, whichever is more: so a step is found as well as a slope.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

ALLOWED = {
    "connections": (0.5, 0.0), "timers": (0.5, 0.0), "calls": (0.5, 0.0), "descriptors": (0.5, 0.0),
    "objects": (300, 0.0), "blocks": (1000, 0.0), "memory": (2 * 2**20, 0.03),
}  # fmt: skip
"""The allowed growth of each figure in the whole run: a number, plus a part of its first value."""

WARM_UP, LEAST = 0.2, 5
"""The part of the quiet points that is not judged, and the least number of the others."""

Point = tuple[float, Mapping[str, int]]
"""A quiet point: its time in seconds, and a process's resources then."""


@dataclass(frozen=True)
class Finding:
    """The course of one figure of one process; ``growth`` is in its unit, in the judged time."""

    process: str
    figure: str
    first: float
    last: float
    growth: float
    allowed: float

    @property
    def flat(self) -> bool:
        """Whether it grew no more than allowed."""
        return self.growth <= self.allowed


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the Theil-Sen slope of values over times."""
    return median((b - a) / (t - s) for (s, a), (t, b) in combinations(points, 2))


def judge(process: str, points: Sequence[Point]) -> list[Finding]:
    """Judge every figure of a process after its warm-up. Raises ValueError for too few points."""
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
