"""What a search has found: a rate, at least one, or none; an interval, and whose limit it was."""

import json
import unittest

from tests.support.rate_steps import failing, search, step
from tests.support.reports import INTERRUPTED, REFUSED, client, report
from twistecho.fleet.reports.highest_rate import by_rate, rates_left
from twistecho.fleet.reports.rate_step import Limit, RateStep, judge_step
from twistecho.fleet.reports.verdict import INVALID

SLOW = 0.02


def slow(rate: float) -> RateStep:
    """Make a step that the target does not pass."""
    return step(rate, SLOW)


def interrupted(rate: float) -> RateStep:
    """Make a step that was interrupted."""
    return judge_step(rate, report(client(0, 1, 1, INTERRUPTED), interrupted=True))


class FoundTests(unittest.TestCase):
    """The answer."""

    def test_a_figure(self) -> None:
        """Where the target itself did not pass a little more, twice."""
        found = search(step(1000), slow(2000), slow(2000), step(1400), slow(1450), slow(1450))
        assert list(found.interval) == [1400, 1450]
        assert found.limit is Limit.TARGET
        assert not found.at_least
        assert found.exit_code == 0

    def test_a_rate_that_passed_the_second_time(self) -> None:
        """Has passed, and bounds nothing from above."""
        found = search(step(1000), slow(2000), step(2000), slow(2080), slow(2080))
        assert list(found.interval) == [2000, 2080]
        assert not found.at_least

    def test_at_least_where_the_fleet_was_the_limit(self) -> None:
        """Or its clients: what bounds the search then is no bound of the target's."""
        late = [step(1040, lag=0.02)] * 2
        busy = [step(1040, latency=0.1, service=0.001, unsent=99)] * 2
        for steps, limit in ((late, Limit.FLEET), (busy, Limit.CLIENTS)):
            found = search(step(1000), *steps)
            assert found.at_least
            assert (found.limit, found.interval, found.exit_code) == (limit, (1000, None), 0)

    def test_at_least_the_most_that_is_tried(self) -> None:
        """Nobody knows what is above."""
        found = search(step(1000), step(1500), most=1500.0)
        assert found.at_least
        assert (found.limit, found.interval) == (Limit.MAX_RATE, (1500, None))

    def test_not_even_the_least(self) -> None:
        """Exit code 1; or that of what cannot be believed, where it could not be offered."""
        found = search(slow(1), slow(1))
        assert (found.rate, found.interval, found.exit_code) == (None, (None, 1), 1)
        assert not found.at_least
        late = search(step(1, lag=0.02), step(1, lag=0.02))
        assert (late.limit, late.exit_code) == (Limit.FLEET, INVALID)
        busy = [step(1, latency=0.1, service=0.001, unsent=99)] * 2
        assert (search(*busy).limit, search(*busy).exit_code) == (Limit.CLIENTS, INVALID)

    def test_nobody_was_reached(self) -> None:
        """At once, or later: what was found until then is known."""
        gone = failing(1000, REFUSED)
        assert search(gone).unreachable == "connect:refused"
        assert (search(gone).exit_code, search(gone).above) == (1, None)
        later = search(step(500), gone)
        assert (later.rate, later.at_least, later.exit_code) == (500, True, 1)

    def test_an_interrupted_search(self) -> None:
        """Says what it knows; a try that was interrupted is none."""
        found = search(step(1000), slow(2000), interrupted(2000), interrupted=True)
        assert (found.rate, found.above, found.at_least) == (1000, None, True)
        nothing = search(interrupted(1000), interrupted=True)
        assert (nothing.rate, nothing.above, nothing.at_least) == (None, None, False)
        wide = search(step(1000), slow(2000), slow(2000), interrupted(1400), interrupted=True)
        assert wide.at_least
        assert list(wide.interval) == [1000, 2000]

    def test_nothing_at_all(self) -> None:
        """As long as there is no step."""
        found = search()
        assert (found.rate, found.above, found.unreachable, found.limit) == (None,) * 4


class StepsTests(unittest.TestCase):
    """What is made of the steps."""

    def test_the_last_try_of_each_rate_counts(self) -> None:
        """In the order of the rates."""
        first, second = slow(2000), step(2000)
        steps = [step(3000), first, second, interrupted(2000)]
        assert by_rate(steps) == [second, steps[0]]

    def test_how_many_are_left(self) -> None:
        """Halvings of what is between; nobody knows before there are two bounds."""
        assert rates_left([], 0.05) is None
        assert rates_left([step(1000), slow(2000)], 0.05) is None
        both = [step(1000), slow(2000), slow(2000)]
        assert rates_left(both, 0.05) == 4
        assert rates_left(both, 1.0) == 0

    def test_json(self) -> None:
        """It has every step, and reads the same anywhere."""
        steps = (step(1000), slow(1040), slow(1040))
        told = json.loads(search(*steps).to_json())
        assert told["schema"] == 1
        assert (told["rate"], told["interval"]) == (1000, [1000, 1040])
        assert (told["limit"], told["at_least"], told["interrupted"]) == ("target", False, False)
        assert told["requirements"] == ["p99 < 5ms"]
        assert [each["rate"] for each in told["steps"]] == [1000, 1040, 1040]
        assert (told["min_rate"], told["max_rate"], told["precision"]) == (1, 1e6, 0.05)
        assert told["plan"]["clients"] == 50
        assert told["unreachable"] is None
