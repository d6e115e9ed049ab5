"""Two targets that take turns: whose a slice is, and when messages are due."""

import unittest
from math import inf

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.load import load_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.turns import InTurns, Turns

law = settings(max_examples=100, deadline=None)
turns = st.builds(Turns, pairs=st.integers(1, 40).map(lambda n: 2 * n), length=st.floats(1, 10))
sides = st.sampled_from([0, 1])


def ends_with(each: Turns, time: float) -> bool:
    """Tell whether a slice is over at a time, but for what floats round away: it may be, then."""
    return each.length - time % each.length < 1e-6


class OrderTests(unittest.TestCase):
    """The order of slices."""

    def test_it_is_a_b_b_a_or_b_a_a_b(self) -> None:
        """After one slice of each that does not count; each of them half the time."""
        each = Turns(2_000)
        order = "".join("AB"[each.side_of(number)] for number in range(-2, 4_000))
        assert order.startswith("AB")
        blocks = [order[at : at + 4] for at in range(2, len(order), 4)]
        assert set(blocks) == {"ABBA", "BAAB"}
        assert 430 <= blocks.count("ABBA") <= 570

    def test_it_is_drawn_from_the_seed(self) -> None:
        """The same for the same one."""
        orders = [[Turns(20, seed=seed).side_of(n) for n in range(40)] for seed in (1, 1, 2)]
        assert orders[0] == orders[1] != orders[2]

    def test_settling_is_a_tenth_and_half_a_second_at_least(self) -> None:
        """What is left counts."""
        assert (Turns(20).settling, Turns(20).counted) == (0.5, 1.5)
        assert (Turns(20, 10.0).settling, Turns(20, 10.0).counted) == (1.0, 9.0)
        assert Turns(20).duration == 84.0


class TimeTests(unittest.TestCase):
    """Times and slices."""

    @law
    @given(turns, st.floats(0, 1000))
    def test_what_counts_is_in_its_slice_after_the_settling(self, each: Turns, at: float) -> None:
        """And nothing before the first slice or after the last one counts."""
        number = each.slice_of(at)
        if number is None:
            within = at - each.begin_of(each.number_at(at))
            outside = not 2 * each.length <= at < each.duration
            assert within < each.settling or outside
        else:
            assert 0 <= number < 2 * each.pairs
            assert each.settling <= at - each.begin_of(number) <= each.length

    @law
    @given(turns, sides, st.floats(0, 1000))
    def test_the_next_time_is_in_the_side_s_slice(self, each: Turns, side: int, at: float) -> None:
        """It is this one, or the beginning of a slice, and no earlier."""
        assume(not ends_with(each, at))
        later = each.next_time(side, at)
        number = each.number_at(later + 1e-9)
        assert each.side_of(number) == side
        assert later == at or later == each.begin_of(number) > at

    @law
    @given(turns, sides, st.floats(0, 500))
    def test_own_time_passes_in_own_slices_alone(self, each: Turns, side: int, own: float) -> None:
        """As much of it as there are slices of that side until then."""
        assume(not ends_with(each, own))
        at = each.spread_out(side, own)
        assert each.side_of(each.number_at(at + 1e-9)) == side
        whole = sum(each.side_of(n) == side for n in range(-2, each.number_at(at + 1e-9)))
        passed = whole * each.length + at - each.begin_of(each.number_at(at + 1e-9))
        self.assertAlmostEqual(passed, own, places=6)


class LoadTests(unittest.TestCase):
    """What clients do in turns."""

    @law
    @given(sides, st.floats(0, 1000), st.floats(0, 5), st.floats(0, 100))
    def test_a_closed_load_sends_at_once_or_when_its_turn_comes(
        self, side: int, free: float, think: float, began: float
    ) -> None:
        """In its own slice it is as any closed load: not a bit later."""
        each, plan = Turns(20), Plan(think=think)
        in_turns, plain = InTurns(each, side, plan, 0, began), load_of(plan, 0, began)
        for _ in range(3):
            due, expected = in_turns.due(began + free), plain.due(began + free)
            number = each.number_at(expected - began)
            if each.side_of(number) == side:
                assert due == expected
            else:
                assert due > expected
                assert each.side_of(each.number_at(due - began + 1e-9)) == side

    @law
    @given(sides, st.sampled_from(Arrivals), st.integers(1, 5))
    def test_an_open_load_keeps_its_rate_in_its_own_slices(
        self, side: int, arrivals: Arrivals, clients: int
    ) -> None:
        """Messages are as far from each other as on the schedule, the others' slices left out."""
        each = Turns(20)
        plan = Plan(clients=clients, rate=10.0, arrivals=arrivals)
        in_turns, plain = InTurns(each, side, plan, 0, 7.0), load_of(plan, 0, 0.0)
        last = -inf
        for _ in range(50):
            due = in_turns.due(0.0)
            assert due == 7.0 + each.spread_out(side, plain.due(0.0))
            assert due >= last
            last = due
