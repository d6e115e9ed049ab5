"""Comparing with an older version: the arithmetic of pairs, and that each side is the right one."""

import subprocess
import unittest
from collections import Counter
from math import comb
from pathlib import Path
from random import Random
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from bench.cases import CASES
from bench.pairs import FEWEST_PAIRS, Pair, compare, interval, orders
from bench.programs import Programs
from bench.sides import ROOT

positive = st.floats(1e-3, 1e6)


class OrderTests(unittest.TestCase):
    """The order of runs."""

    def test_it_alternates(self) -> None:
        """The old version begins, and the order changes with each pair."""
        assert list(orders(3)) == [("old", "new"), ("new", "old"), ("old", "new")]

    def test_both_begin_equally_often(self) -> None:
        """Except for one pair if their number is odd."""
        for count in range(20):
            first = Counter(order[0] for order in orders(count))
            assert first["old"] - first["new"] == count % 2


class IntervalTests(unittest.TestCase):
    """The interval of the median."""

    def test_as_many_are_left_out_as_tables_say(self) -> None:
        """The bounds of the sign test, by the number of values."""
        for count, left_out in ((6, 0), (8, 0), (9, 1), (12, 2), (15, 3), (20, 5), (30, 9)):
            with self.subTest(values=count):
                assert interval(range(count)) == (left_out, count - 1 - left_out)

    def test_it_says_no_less_than_it_claims(self) -> None:
        """As many as possible: with one more left out it would be less than 95 %."""
        for count in range(FEWEST_PAIRS, 60):
            left_out = int(interval(range(count))[0])
            outside = [sum(comb(count, heads) for heads in range(n + 1)) for n in range(count)]
            assert 2 * outside[left_out] <= 0.05 * 2**count < 2 * outside[left_out + 1]

    def test_the_true_median_is_within_it_19_times_of_20(self) -> None:
        """For any distribution: here an asymmetric one."""
        chance, hits = Random(1), 0  # noqa: S311 - a simulation
        for _ in range(2000):
            low, high = interval([chance.expovariate(1.0) for _ in range(15)])
            hits += low <= 0.6931 <= high
        assert 0.95 <= hits / 2000 <= 0.98

    def test_too_few_values_have_none(self) -> None:
        """Five coins fall alike too often."""
        with self.assertRaisesRegex(ValueError, "5 values; at least 6"):
            interval(range(5))

    @given(st.lists(positive, min_size=FEWEST_PAIRS, max_size=40))
    def test_the_median_is_within_it(self, values: list[float]) -> None:
        """Its ends are measured values."""
        low, high = interval(values)
        assert low <= median(values) <= high
        assert {low, high} <= set(values)


class CompareTests(unittest.TestCase):
    """Many pairs become one line."""

    def test_ratios_are_those_of_pairs(self) -> None:
        """A load that slows down both versions for a while changes no ratio."""
        pairs = [Pair(slow, slow * 1.25) for slow in (1.0, 8.0, 1.0, 2.0, 4.0, 1.0)]
        assert compare(pairs) == (1.25, 1.25, 1.25, 1.5, 1.875, 6)

    def test_it_is_new_over_old(self) -> None:
        """Less than one is an improvement."""
        assert compare([Pair(old=4.0, new=3.0)] * 6).ratio == 0.75

    def test_a_single_stray_pair_moves_nothing(self) -> None:
        """Of nine pairs one may be anything on each side."""
        found = compare([Pair(1.0, 1.0)] * 7 + [Pair(1.0, 100.0), Pair(100.0, 1.0)])
        assert (found.ratio, found.low, found.high) == (1.0, 1.0, 1.0)


class ProgramTests(unittest.TestCase):
    """The programs that run."""

    def test_each_side_runs_with_its_own_python(self) -> None:
        """In all cases of which ours is in Python."""
        programs = Programs(Path(), "/some/python")
        for name, case in CASES.items():
            with self.subTest(case=name):
                assert programs.command(case.peers[0])[0] == "/some/python"

    def test_peers_import_public_names_only(self) -> None:
        """So that the same program runs with a version whose modules are elsewhere."""
        source = ROOT / "bench" / "peers" / "twistecho_server.py"
        lines = [line for line in source.read_text().splitlines() if "from twistecho" in line]
        assert lines == [
            "from twistecho import EchoFactory",
            "from twistecho.eagerreactor import install",
        ]

    def test_faults_are_those_of_the_command(self) -> None:
        """Its delay is the command's, in seconds."""
        command = Programs(Path()).server("twistecho faults", 10)
        assert {"--fault=corrupt:0.01", "--seed=7", "--delay=0.01"} <= set(command)
        assert subprocess.list2cmdline(command).count(" echo ") == 1
