"""The search's arithmetic: which rate is tried next, and where it ends."""

import unittest
from collections.abc import Callable
from math import ceil, log, log2

from hypothesis import given
from hypothesis import strategies as st

from twistecho.fleet.search.bisection import Bisection

RATES = st.floats(0.01, 1e9)
PRECISIONS = st.floats(0.001, 1.0)


def searched(bisection: Bisection, passes: Callable[[float], bool]) -> list[tuple[float, bool]]:
    """Carry out a search whose rates pass or not; give each that was tried and what came of it."""
    tried = []
    while bisection.rate is not None:
        rate = bisection.rate
        tried.append((rate, passes(rate)))
        assert len(tried) < 500
        bisection.tell(passed=tried[-1][1])
    return tried


class BisectionTests(unittest.TestCase):
    """Up or down by doubling, then in the middle of the logarithms."""

    @given(RATES, PRECISIONS, RATES, RATES, RATES)
    def test_it_ends_around_the_limit(
        self, limit: float, precision: float, first: float, one: float, other: float
    ) -> None:
        """As close as was asked for, unless that is below or above all that is tried."""
        least, most = sorted((one, other))
        tried = searched(Bisection(first, least, most, precision), lambda rate: rate <= limit)
        passed = [rate for rate, ok in tried if ok]
        failed = [rate for rate, ok in tried if not ok]
        assert all(least <= rate <= most for rate, _ in tried)
        if not passed:
            assert limit < least
            assert min(failed) == least
        elif not failed:
            assert limit >= most == max(passed)
        else:
            assert max(passed) <= limit < min(failed) <= max(passed) * (1 + precision)

    @given(RATES, PRECISIONS)
    def test_it_takes_few_steps(self, limit: float, precision: float) -> None:
        """As many as doublings lead to the limit, and as halvings of what is between."""
        tried = searched(Bisection(1000, 0.01, 1e9, precision), lambda rate: rate <= limit)
        rates = {rate for rate, _ in tried}
        doublings = abs(log2(limit / 1000)) + 3
        halvings = ceil(max(0.0, log2(log(2) / log(1 + precision)))) + 2
        assert len(rates) <= doublings + halvings
        assert len(tried) <= 2 * len(rates)

    @given(RATES, PRECISIONS, st.randoms(use_true_random=False))
    def test_one_failure_at_a_rate_never_misleads(
        self, limit: float, precision: float, chance: st.DataObject
    ) -> None:
        """A rate that passes when it is repeated has passed."""
        seen: set[float] = set()

        def passes(rate: float) -> bool:
            fails_once = rate not in seen and chance.random() < 0.5  # type: ignore[attr-defined]
            seen.add(rate)
            return rate <= limit and not fails_once

        steady = searched(Bisection(1000, 1, 1e6, precision), lambda rate: rate <= limit)
        flaky = searched(Bisection(1000, 1, 1e6, precision), passes)
        assert list(dict.fromkeys(rate for rate, _ in flaky)) == list(
            dict.fromkeys(rate for rate, _ in steady)
        )

    def test_what_fails_is_repeated_at_once(self) -> None:
        """And bounds the search only then."""
        tried = searched(Bisection(1000, 1, 8000, 0.5), lambda rate: rate <= 1500)
        assert tried == [(1000, True), (2000, False), (2000, False), (1400, True)]

    def test_the_edges_are_tried_themselves(self) -> None:
        """The least and the most, though no doubling leads there."""
        up = searched(Bisection(1000, 1, 5000, 0.1), lambda rate: True)
        assert [rate for rate, _ in up] == [1000, 2000, 4000, 5000]
        down = searched(Bisection(1000, 300, 5000, 0.1), lambda rate: False)
        assert [rate for rate, _ in down] == [1000, 1000, 500, 500, 300, 300]
        for passes in (True, False):
            only = searched(Bisection(1000, 7, 7, 0.1), lambda _rate, passes=passes: passes)  # type: ignore[misc]
            assert {rate for rate, _ in only} == {7}

    def test_after_the_end_there_is_nothing_to_tell(self) -> None:
        """Whoever goes on has made a mistake."""
        bisection = Bisection(1, 1, 1, 0.1)
        bisection.tell(passed=True)
        self.assertRaises(ValueError, bisection.tell, passed=True)
