"""Repeatable random numbers."""

import re
import unittest
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import DOCS
from twistecho.base.seeding import HIGHEST, pair, parse_seed, uniform

law = settings(max_examples=200, deadline=None)
numbers = st.integers(0, 2**64)


class DrawTests(unittest.TestCase):
    """Repeatable random numbers."""

    def test_the_documented_derivation(self) -> None:
        """Words of digests as ``b2sum`` of coreutils gives them: the numbers may never change."""
        for seed, purpose, connection, message, word in (
            (0, "delay", 0, 0, 0x54D9C293E20BA2B8),
            (7, "fault", 3, 12, 0xBA956585B0BA84F2),
            (7, "fault", 3, 15, 0x918CD7D5829A58B5),
        ):
            assert uniform(seed, purpose, connection, message) == (word >> 11) / 2**53

    def test_the_formula_of_the_documentation(self) -> None:
        """The example in docs/faults.md computes the drawn numbers."""
        text = (DOCS / "faults.md").read_text(encoding="utf-8")
        found: dict[str, Any] = {}
        exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], found)  # noqa: S102 - ours
        for place in ((0, "delay", 0, 0), (7, "fault", 3, 12), (2**64, "corrupt", 19, 1000)):
            assert found["number"](*place) == uniform(*place)

    @law
    @given(numbers, numbers, numbers)
    def test_a_pair_is_two_draws(self, seed: int, connection: int, message: int) -> None:
        """For messages 2n and 2n + 1."""
        one, other = (uniform(seed, "x", connection, 2 * message + more) for more in (0, 1))
        assert pair(seed, "x", connection, message) == (one, other)

    @law
    @given(numbers, st.sampled_from(["delay", "fault"]), numbers, numbers)
    def test_is_in_range_and_the_same_again(
        self, seed: int, purpose: str, connection: int, message: int
    ) -> None:
        """0 is included, 1 is not."""
        number = uniform(seed, purpose, connection, message)
        assert 0 <= number <= HIGHEST < 1
        assert number == uniform(seed, purpose, connection, message)

    def test_is_spread_evenly_over_each_dimension(self) -> None:
        """Seeds, purposes, connections and messages all make new numbers."""
        for draw in (
            [uniform(at, "delay", 0, 0) for at in range(10_000)],
            [uniform(0, f"p{at}", 0, 0) for at in range(10_000)],
            [uniform(0, "delay", at, 0) for at in range(10_000)],
            [uniform(0, "delay", 0, at) for at in range(10_000)],
        ):
            assert abs(fmean(draw) - 0.5) < 0.012  # four standard errors
            for edge in range(1, 10):
                share = sum(number < edge / 10 for number in draw) / len(draw)
                assert abs(share - edge / 10) < 0.02

    def test_seeds_are_whole_numbers(self) -> None:
        """Anything else is refused in one line."""
        assert parse_seed("42") == 42
        for bad in ("", "-1", "1.5", "x", "²", "9" * 101):
            with self.subTest(bad=bad), pytest.raises(ValueError, match="is not a seed"):
                parse_seed(bad)
