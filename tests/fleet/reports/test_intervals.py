"""Where the middle of differences truly is: of pairs, and of a series in time."""

import unittest
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.fleet.reports.intervals import (
    MiddleOf,
    mean_of_differences,
    mean_of_series,
    median_of_differences,
)

METHODS = (mean_of_differences, median_of_differences, mean_of_series)
SLEEP = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
"""Student's own example: hours of sleep gained with the first of two drugs."""


def missed(middle_of: MiddleOf, memory: float, count: int, runs: int = 400) -> float:
    """Give how often the 95 % interval misses zero, the true middle of what was drawn."""
    random, misses = Random(1), 0  # noqa: S311 - drawn for a test
    for _ in range(runs):
        values, value = [], random.gauss(0, 1)
        for _ in range(count):
            value = memory * value + (1 - memory**2) ** 0.5 * random.gauss(0, 1)
            values.append(value)
        found = middle_of(values, 0.95)
        misses += not found.low <= 0 <= found.high
    return misses / runs


class MiddleTests(unittest.TestCase):
    """All three methods."""

    def test_student_s_example(self) -> None:
        """Mean and interval as textbooks have them."""
        found = mean_of_differences(SLEEP, 0.95)
        for value, expected in zip(found, (0.75, -0.530, 2.030), strict=True):
            self.assertAlmostEqual(value, expected, places=3)

    def test_wilcoxon_s_interval_leaves_out_as_many_as_tables_say(self) -> None:
        """Of 1 to n, all means of two are known: 8 of 55 are left out at each end for n = 10."""
        values = [float(n) for n in range(10)]
        means = sorted((a + b) / 2 for at, a in enumerate(values) for b in values[at:])
        found = median_of_differences(values, 0.95)
        self.assertEqual(found, (4.5, means[8], means[-9]))
        found = median_of_differences([float(n) for n in range(20)], 0.99)
        means = sorted((a + b) / 2 for a in range(20) for b in range(a, 20))
        self.assertEqual((found.low, found.high), (means[37], means[-38]))

    def test_many_values_are_counted_as_few_are(self) -> None:
        """The approximation begins where it is as good."""
        widths = [
            median_of_differences([float(n) for n in range(count)], 0.99) for count in (60, 61)
        ]
        shares = [w.half_width / count for w, count in zip(widths, (60, 61), strict=True)]
        self.assertAlmostEqual(shares[0], shares[1], places=2)

    @settings(deadline=None)
    @given(
        values=st.lists(st.floats(-5, 5), min_size=2, max_size=30),
        by=st.floats(-5, 5),
        method=st.sampled_from(METHODS),
    )
    def test_it_moves_with_the_values(
        self, values: list[float], by: float, method: MiddleOf
    ) -> None:
        """And the middle is within its interval."""
        found, moved = method(values, 0.9), method([value + by for value in values], 0.9)
        self.assertLessEqual(found.low - 1e-9, found.centre)
        self.assertLessEqual(found.centre, found.high + 1e-9)
        for before, after in zip(found, moved, strict=True):
            self.assertAlmostEqual(before + by, after, places=6)

    @settings(deadline=None)
    @given(st.lists(st.floats(-5, 5), min_size=3, max_size=30), st.sampled_from(METHODS))
    def test_more_confidence_is_a_wider_interval(
        self, values: list[float], method: MiddleOf
    ) -> None:
        """Or one as wide."""
        self.assertLessEqual(
            method(values, 0.8).half_width, method(values, 0.99).half_width + 1e-12
        )

    def test_a_true_middle_is_missed_as_seldom_as_is_said(self) -> None:
        """Independent values with each method; the series' also where one depends on the others."""
        for method in METHODS:
            with self.subTest(method=method):
                self.assertLessEqual(missed(method, 0.0, 30), 0.08)
        self.assertLessEqual(missed(mean_of_series, 0.6, 60), 0.09)
        self.assertGreater(
            missed(mean_of_differences, 0.6, 60), 0.2, "or the series need no method"
        )

    def test_a_drift_over_a_whole_series_is_no_difference(self) -> None:
        """However long that is: its mean may be anywhere as soon as it goes on."""
        for count in (20, 60, 500):
            found = mean_of_series([at / count for at in range(count)], 0.99)
            self.assertLess(found.low, 0)

    def test_one_slice_far_away_does_not_move_the_median(self) -> None:
        """A burst of something else in one slice says nothing of the others."""
        quiet = [0.1 + n / 1000 for n in range(30)]
        loud = [*quiet[:-1], 9.0]
        self.assertLess(median_of_differences(loud, 0.99).high, 0.15)
        self.assertGreater(mean_of_differences(loud, 0.99).high, 1.0)
