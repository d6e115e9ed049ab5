"""How large messages are: what texts say, and what is drawn."""

import unittest
from collections import Counter
from math import log
from statistics import NormalDist, median, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.seeding import HIGHEST, uniform
from twistecho.fleet.plans.sizes import MOST_SIZE, Fixed, LogNormal, Sizes, Uniform, parse_sizes

law = settings(max_examples=200, deadline=None)
sizes = st.integers(1, MOST_SIZE)

DRAWN = 20_000
"""Draws of which a share is known to some 1 %."""


def drawn(sizes: Sizes, count: int = DRAWN) -> list[int]:
    """Give so many sizes, as the messages of one client have them."""
    return [sizes.quantile(uniform(7, "test", 0, number)) for number in range(count)]


@st.composite
def any_sizes(draw: st.DrawFn) -> Sizes:
    """Draw sizes of any kind."""
    low, middle, high = sorted(draw(st.tuples(sizes, sizes, sizes)))
    kinds: list[Sizes] = [Fixed(middle), Uniform(low, high)]
    kinds.append(LogNormal(middle, draw(st.floats(0, 20)), low, high))
    return draw(st.sampled_from(kinds))


class TextTests(unittest.TestCase):
    """``1k``, ``uniform:64,4k``, ``lognormal:median=1k,sigma=1``."""

    def test_texts_and_what_they_are(self) -> None:
        """K is 1,000 and Ki 1,024; a distribution without a bound has one."""
        for text, meant in {
            "1": Fixed(1),
            "1k": Fixed(1000),
            "1.5k": Fixed(1500),
            "1.1k": Fixed(1100),
            "64Ki": Fixed(65536),
            "16Mi": Fixed(MOST_SIZE),
            "uniform:64,4k": Uniform(64, 4000),
            "lognormal:median=1k,sigma=1": LogNormal(1000, 1.0, 1, 65536),
            "lognormal:median=100k,sigma=0,min=1Ki,max=1M": LogNormal(100_000, 0.0, 1024, 10**6),
        }.items():
            with self.subTest(text):
                assert parse_sizes(text) == meant

    def test_what_is_none_is_refused_by_what_is_wrong(self) -> None:
        """In one line."""
        for text, told in {
            "": "is not 1k, uniform",
            "k": "is not 1k, uniform",
            "-1": "is not 1k, uniform",
            "big": "is not 1k, uniform",
            "zipf:1,2": "is not 1k, uniform",
            "1kB": "not a number of bytes",
            "0": "1 byte or more",
            "0.5": "1 byte or more",
            "1.0001k": "not a whole number",
            "17Mi": "16,777,216 at most",
            "uniform:1": "two sizes",
            "uniform:1,2,3": "two sizes",
            "uniform:1,2,max=3": "two sizes",
            "uniform:2k,1k": "2000 is above 1000",
            "lognormal:1k,1": "a median and a sigma",
            "lognormal:median=1k": "a median and a sigma",
            "lognormal:median=1k,sigma=-1": "sigma -1 is not 0 to 20",
            "lognormal:median=1k,sigma=nan": "sigma nan is not 0 to 20",
            "lognormal:median=65Ki,sigma=1": "the median, 66560, is not from min, 1, to max, 65536",
            "lognormal:median=9,sigma=1,min=10": "the median, 9, is not from min, 10",
            "lognormal:median=9,sigma=1,most=10": "has no option 'most'",
            "lognormal:median=x,sigma=1": "median: 'x' is not a number of bytes",
            "9" * 201: "longer than 200",
        }.items():
            with self.subTest(text), pytest.raises(ValueError) as caught:
                parse_sizes(text)
            assert told in str(caught.value)
            assert "\n" not in str(caught.value)


class QuantileTests(unittest.TestCase):
    """What is drawn."""

    @law
    @given(any_sizes(), st.floats(0, HIGHEST))
    def test_every_size_is_within_its_bounds(self, sizes: Sizes, at: float) -> None:
        """At the ends of the chance too."""
        for place in (0.0, at, HIGHEST):
            size = sizes.quantile(place)
            assert type(size) is int
            assert sizes.least <= size <= sizes.most

    @law
    @given(any_sizes(), st.floats(0, HIGHEST), st.floats(0, HIGHEST))
    def test_a_greater_chance_is_no_smaller_size(self, sizes: Sizes, a: float, b: float) -> None:
        """As quantiles are."""
        low, high = sorted((a, b))
        assert sizes.quantile(low) <= sizes.quantile(high)

    def test_each_size_of_a_range_is_equally_likely(self) -> None:
        """The two ends too."""
        found = Counter(drawn(Uniform(64, 67)))
        assert sorted(found) == [64, 65, 66, 67]
        assert all(abs(count / DRAWN - 1 / 4) < 0.015 for count in found.values())
        assert Uniform(64, 67).quantile(0.0) == 64
        assert Uniform(64, 67).quantile(HIGHEST) == 67

    def test_a_lognormal_has_its_median_and_its_sigma(self) -> None:
        """Where no bound is near."""
        sizes = LogNormal(10_000, 0.5, 1, MOST_SIZE)
        logs = [log(size) for size in drawn(sizes)]
        assert abs(median(logs) - log(10_000)) < 0.02
        assert abs(stdev(logs) - 0.5) < 0.01

    def test_what_is_beyond_a_bound_is_the_bound(self) -> None:
        """So many of them are as large as is allowed."""
        found = drawn(LogNormal(1000, 1.0, 500, 2000))
        beyond = 1 - NormalDist().cdf(log(2))
        for bound in (500, 2000):
            assert abs(found.count(bound) / DRAWN - beyond) < 0.015
