"""The verdict of a long run: what grows is found, what only moves is not. The run is a command."""

import random
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from tests.long_run.verdict import ALLOWED, Finding, Point, judge

SEEDS = st.integers(0, 2**32)
POINTS = 100


def held(
    seed: int, figure: str, *, noise: float = 0.0, slope: float = 0.0, step: int = 0
) -> list[Point]:
    """Draw quiet points 20 s apart: one figure grows by ``slope`` a point, and by a step midway."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    values = [
        100_000 + chance.uniform(-noise, noise) + slope * n + step * (n > POINTS // 2)
        for n in range(POINTS)
    ]
    return [(20.0 * n, {figure: round(value)}) for n, value in enumerate(values)]


def only(points: list[Point]) -> Finding:
    """Judge points of one figure."""
    [finding] = judge("service", points)
    return finding


class VerdictTests(TestCase):
    """Drawn histories of a process."""

    @given(SEEDS, st.sampled_from(("objects", "blocks")))
    def test_what_only_moves_is_flat(self, seed: int, figure: str) -> None:
        """By as much as may be gained from its lowest to its highest, without a direction."""
        assert only(held(seed, figure, noise=ALLOWED[figure][0] / 2)).flat

    @given(SEEDS, st.sampled_from(("objects", "blocks")))
    def test_a_slow_leak_is_found_within_the_noise(self, seed: int, figure: str) -> None:
        """Of three times what is allowed in the whole run."""
        most = ALLOWED[figure][0]
        assert not only(held(seed, figure, noise=most / 2, slope=3 * most / POINTS)).flat

    @given(SEEDS, st.sampled_from(("connections", "timers", "calls", "descriptors")))
    def test_one_descriptor_that_stays_is_found(self, seed: int, figure: str) -> None:
        """A step, which has no slope."""
        assert only(held(seed, figure)).flat
        assert not only(held(seed, figure, step=1)).flat

    def test_what_grows_during_the_warm_up_alone_is_flat(self) -> None:
        """Caches fill."""
        filled: list[Point] = [(20.0 * n, {"blocks": 1000 * min(n, 20)}) for n in range(POINTS)]
        assert only(filled).flat

    def test_outliers_are_no_slope(self) -> None:
        """A tenth of the points, all late ones."""
        points = held(0, "objects")
        points[80:90] = [(at, {"objects": 900_000}) for at, _ in points[80:90]]
        assert only(points).flat

    def test_too_few_points_say_nothing(self) -> None:
        """They are refused, not judged."""
        with self.assertRaisesRegex(ValueError, "4 quiet points after the warm-up, not 5"):
            judge("service", held(0, "blocks")[:5])
