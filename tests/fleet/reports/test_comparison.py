"""Two targets compared by their slices: what is said, and when nothing is."""

import unittest
from dataclasses import replace
from math import inf
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.fleet.reports.comparison import (
    FIGURES,
    IN_TURNS,
    ONE_AFTER_THE_OTHER,
    Pairs,
    Slice,
    compare,
    needed_for,
    smallest,
)
from twistecho.fleet.reports.findings import FEWEST_PAIRS, Finding


def a_slice(random: Random, slower: float = 1.0, failures: int = 0) -> Slice:
    """Make a slice of a closed load whose times are so many times as long, more or less."""
    factor = slower * random.uniform(0.99, 1.01)
    times = {"p50": 0.005 * factor, "p90": 0.006 * factor, "p99": 0.01 * factor}
    return Slice(1.0, round(10_000 / factor), times, failures)


def some_pairs(count: int = 30, slower: float = 1.0, failures: tuple[int, int] = (0, 0)) -> Pairs:
    """Make pairs whose second slice is so much slower; so many of each side have a failure."""
    random = Random(count)  # noqa: S311 - drawn for a test
    return [
        (
            a_slice(random, failures=int(number < failures[0])),
            a_slice(random, slower, int(number < failures[1])),
        )
        for number in range(count)
    ]


def findings(pairs: Pairs) -> dict[str, Finding]:
    """Compare in turns; give what was found by figure."""
    return {each.name: each.finding for each in compare(pairs).figures}


class FindingTests(unittest.TestCase):
    """What is said of the second target."""

    def test_equal_targets_show_no_difference(self) -> None:
        """In any figure, and the ratio is 1 or nearly so."""
        for method in (IN_TURNS, ONE_AFTER_THE_OTHER):
            found = compare(some_pairs(60), method)
            assert not found.differs
            assert {each.finding for each in found.figures} == {Finding.ALIKE}
            assert abs((found.figure("p99").ratio or 0.0) - 1) < 0.01

    def test_a_slower_target_is_slower_in_rate_and_times(self) -> None:
        """The ratio is within the interval, which excludes 1; a lower rate is slower."""
        for method in (IN_TURNS, ONE_AFTER_THE_OTHER):
            found = compare(some_pairs(60, slower=1.1), method)
            for name, ratio in (("rate", 1 / 1.1), ("p50", 1.1), ("p90", 1.1), ("p99", 1.1)):
                figure = found.figure(name)
                assert figure.finding is Finding.SLOWER, figure
                self.assertAlmostEqual((figure.two or 0) / (figure.one or 1), figure.ratio or 0)
                low, high = figure.bounds or (0.0, 0.0)
                assert low < ratio < high
                assert not low < 1 < high

    def test_a_faster_one_is_faster(self) -> None:
        """The other way round."""
        found = findings(some_pairs(slower=0.9))
        assert {found[name] for name in FIGURES[:-1]} == {Finding.FASTER}
        assert found["failures"] is Finding.ALIKE

    def test_who_is_the_second_only_turns_the_ratio(self) -> None:
        """Nothing depends on which target is named first."""
        pairs = some_pairs(slower=1.03, failures=(1, 4))
        one, two = compare(pairs), compare([(b, a) for a, b in pairs])
        for name in FIGURES:
            low, high = one.figure(name).bounds or (0, 0)
            other_low, other_high = two.figure(name).bounds or (0, 0)
            self.assertAlmostEqual(low * other_high, 1.0, places=6)
            self.assertAlmostEqual(high * other_low, 1.0, places=6)

    def test_failures_are_more_or_fewer_by_the_slices_that_have_them(self) -> None:
        """Eight slices with failures against none are no chance; seven may be."""
        assert findings(some_pairs(failures=(0, 8)))["failures"] is Finding.MORE
        assert findings(some_pairs(failures=(8, 0)))["failures"] is Finding.FEWER
        assert findings(some_pairs(failures=(0, 7)))["failures"] is Finding.ALIKE
        assert compare(some_pairs(failures=(0, 8))).figure("failures").ratio == inf

    def test_clients_that_fail_at_once_are_one_event(self) -> None:
        """However many they are."""
        pairs = list(some_pairs())
        pairs[0] = pairs[0][0], replace(pairs[0][1], failures=500)
        figure = compare(pairs).figure("failures")
        assert (figure.finding, figure.two) == (Finding.ALIKE, 500)

    @settings(max_examples=30, deadline=None)
    @given(st.floats(0.01, 100))
    def test_the_unit_of_time_does_not_matter(self, factor: float) -> None:
        """Ratios are of no unit."""
        pairs = some_pairs(slower=1.02)
        scaled = [
            tuple(
                replace(each, times={name: at * factor for name, at in each.times.items()})
                for each in pair
            )
            for pair in pairs
        ]
        one, two = compare(pairs), compare([(a, b) for a, b in scaled])
        for name in ("p50", "p90", "p99"):
            self.assertAlmostEqual(one.figure(name).high or 0, two.figure(name).high or 0, places=9)


class TooLittleTests(unittest.TestCase):
    """When nothing is said."""

    def test_fewer_pairs_than_twenty_have_no_interval(self) -> None:
        """The ratio is known, and says why it is undecided."""
        found = compare(some_pairs(FEWEST_PAIRS - 1, slower=2.0))
        for name in FIGURES[:-1]:
            figure = found.figure(name)
            assert (figure.bounds, figure.finding) == (None, Finding.UNDECIDED)
            assert figure.problem == "19 of the 20 pairs needed"
            assert figure.ratio is not None
        assert not found.differs
        assert compare(some_pairs(FEWEST_PAIRS, slower=2.0)).differs

    def test_no_pair_and_one_pair_are_no_error(self) -> None:
        """As where a run is interrupted at once."""
        for count in (0, 1, 2):
            found = compare(some_pairs(count))
            assert found.figure("p50").finding is Finding.UNDECIDED

    def test_slices_with_too_few_messages_have_no_percentile(self) -> None:
        """The others are compared all the same."""
        pairs = [(replace(a, times={"p50": a.times["p50"]}), b) for a, b in some_pairs(slower=1.1)]
        found = compare(pairs)
        assert found.figure("p99").problem == ("0 pairs of slices have the 100 messages needed")
        assert found.figure("p50").finding is Finding.SLOWER
        assert [needed_for(at) for at in (50.0, 90.0, 99.0)] == [2, 10, 100]

    def test_a_target_that_answers_nothing_is_no_ratio(self) -> None:
        """Nor an error."""
        nothing = Slice(1.0, 0, {})
        found = compare([(one, nothing) for one, _ in some_pairs()])
        assert found.figure("rate").problem == "nothing was answered"

    def test_a_slice_without_a_message_counts_for_the_rate(self) -> None:
        """A server that stands still now and then answers less."""
        pairs = [
            (one, two if number % 3 else Slice(1.0, 0, {}))
            for number, (one, two) in enumerate(some_pairs(60))
        ]
        figure = compare(pairs).figure("rate")
        self.assertAlmostEqual(figure.ratio or 0, 2 / 3, places=2)
        assert figure.finding is Finding.SLOWER


class DoubtTests(unittest.TestCase):
    """Figures of which a good part is the fleet's own."""

    def test_a_difference_that_the_fleet_may_have_made_is_undecided(self) -> None:
        """One that it cannot have made is seen."""
        pairs = some_pairs(slower=1.1)
        doubted = compare(pairs, doubts={"p50": (0.8, 1.0), "p90": (1.0, 2.0)})
        assert doubted.figure("p50").finding is Finding.UNDECIDED
        assert doubted.figure("p90").finding is Finding.SLOWER
        assert doubted.figure("p90").marked
        assert not doubted.figure("p99").marked


class SmallestTests(unittest.TestCase):
    """How small a difference can be seen."""

    def test_it_is_what_a_comparison_would_see(self) -> None:
        """Of a target beside itself: just above it a difference is seen, far below it is not."""
        least = smallest(some_pairs(30)[:15], 30)
        assert set(least) == {"rate", "p50", "p90", "p99"}
        ratio = least["p50"] - 1
        assert findings(some_pairs(30, slower=1 + 2 * ratio))["p50"] is Finding.SLOWER
        assert findings(some_pairs(30, slower=1 + ratio / 9))["p50"] is Finding.ALIKE

    def test_more_pairs_see_less(self) -> None:
        """With their root, as noise does."""
        few, many = (smallest(some_pairs(30), pairs) for pairs in (60, 240))
        self.assertAlmostEqual((few["p50"] - 1) / (many["p50"] - 1), 2.0, places=1)

    def test_of_nothing_nothing_is_said(self) -> None:
        """As at the beginning."""
        assert smallest([], 0) == {}
