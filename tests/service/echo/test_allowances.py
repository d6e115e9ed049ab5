"""How often what has a limit may still come about."""

import unittest
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.service.echo.allowances import Allowances
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.parsing import parse_fault
from twistecho.service.scenario.scenario import Scenario


class AllowanceTests(unittest.TestCase):
    """Counts of one scenario, and of those that follow it."""

    def test_it_comes_about_as_often_as_its_limit(self) -> None:
        """Each by itself, equal ones too; what is not there does not."""
        ons = [On("a", "x", limit=2), On("a", "x", limit=2), On("b", limit=1)]
        scenario = Scenario(on=ons)
        allowances = Allowances(scenario)
        for on, limit in zip(scenario.on, (2, 2, 1), strict=True):
            assert [allowances.take(on) for _ in range(4)] == [True] * limit + [False] * (4 - limit)
        assert not allowances.take(On("c", limit=1))

    def test_faults_count_too(self) -> None:
        """Those of messages, of the banner and of answers."""
        limited = replace(parse_fault("corrupt:0.5"), limit=1)
        scenario = Scenario(faults=[limited], banner_fault=limited, on=[On("a", fault=limited)])
        assert len(scenario.limited) == 3

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.sets(st.integers(0, 3)), st.integers(0, 3)), max_size=12))
    def test_what_stays_goes_on_where_it_was(self, steps: list[tuple[set[int], int]]) -> None:
        """Though it is made anew; what was away begins anew."""
        allowances, left = Allowances(Scenario()), dict[int, int]()
        for there, times in steps:
            scenario = Scenario(on=[On("x", str(one), limit=one + 1) for one in there])
            allowances.steer(scenario)
            left = {one: left.get(one, one + 1) for one in there}
            for on in scenario.on:
                one = int(on.reply[0]) if on.reply else 0
                for _ in range(times):
                    assert allowances.take(on) == (left[one] > 0)
                    left[one] = max(0, left[one] - 1)
