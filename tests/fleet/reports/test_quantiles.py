"""Student's t and the binomial, against printed tables."""

import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.fleet.reports.quantiles import binomial_interval, student_quantile, student_share


class StudentTests(unittest.TestCase):
    """The distribution of a mean of few."""

    def test_quantiles_are_those_of_tables(self) -> None:
        """Two-sided, for odd and even degrees of freedom, few and many."""
        for confidence, freedom, expected in (
            (0.95, 1, 12.706), (0.95, 2, 4.303), (0.95, 9, 2.262), (0.95, 30, 2.042),
            (0.99, 1, 63.657), (0.99, 6, 3.707), (0.99, 19, 2.861), (0.99, 120, 2.617),
        ):  # fmt: skip
            with self.subTest(confidence=confidence, freedom=freedom):
                self.assertAlmostEqual(student_quantile(confidence, freedom), expected, places=3)

    @settings(deadline=None)
    @given(confidence=st.floats(0.01, 0.999), freedom=st.integers(1, 300))
    def test_the_share_within_a_quantile_is_what_was_asked(
        self, confidence: float, freedom: int
    ) -> None:
        """One undoes the other."""
        quantile = student_quantile(confidence, freedom)
        self.assertAlmostEqual(student_share(quantile, freedom), confidence, places=6)


class BinomialTests(unittest.TestCase):
    """Intervals of a probability."""

    def test_intervals_are_those_of_clopper_and_pearson(self) -> None:
        """Of some hits, of none, and of all."""
        for hits, count, expected in (
            (3, 10, (0.0667, 0.6525)), (0, 10, (0.0, 0.3085)), (10, 10, (0.6915, 1.0)),
            (300, 1000, (0.2717, 0.3295)),
        ):  # fmt: skip
            with self.subTest(hits=hits, count=count):
                for found, bound in zip(
                    binomial_interval(hits, count, 0.95), expected, strict=True
                ):
                    self.assertAlmostEqual(found, bound, places=4)
