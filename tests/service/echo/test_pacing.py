"""Pacing: what goes in any time, and that a steady taker gets the rate."""

from itertools import accumulate
from unittest import TestCase

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.service.echo.pacing import QUANTUM, Pace, pace_of

law = settings(max_examples=200, deadline=None)
rates = st.floats(1, 1e9) | st.integers(1, 100).map(float)
starts = st.floats(0, 1e6)


class LawTests(TestCase):
    """What holds for every rate and whenever one comes."""

    @law
    @given(
        rates,
        starts,
        st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 1)), min_size=1, max_size=60),
    )
    def test_never_more_than_the_rate_and_one_bucket(
        self, rate: float, start: float, steps: list[tuple[float, float]]
    ) -> None:
        """In any window, for whoever takes a share of what there is room for."""
        pace = Pace(rate)
        times = list(accumulate((wait for wait, _ in steps), initial=start))[1:]
        taken = []
        for now, (_, share) in zip(times, steps, strict=True):
            room = pace.room(now)
            assert room >= 0
            taken.append(round(room * share))
            pace.take(taken[-1], now)
        sums = list(accumulate(taken, initial=0))
        burst = 1 + rate * QUANTUM
        for first, begin in enumerate(times):
            for last in range(first, len(times)):
                window = times[last] - begin
                most = rate * window + burst
                assert sums[last + 1] - sums[first] <= most + 1 + rate * 1e-9

    @law
    @given(rates, starts, st.lists(st.floats(0, QUANTUM / 2), min_size=200, max_size=200))
    def test_a_steady_taker_gets_the_rate(
        self, rate: float, start: float, late: list[float]
    ) -> None:
        """Who comes when told to, a little late each time, loses nothing by that."""
        pace, now, sent = Pace(rate), start, 0
        for delay in late:
            room = pace.room(now)
            assert room >= 1  # nobody is told to come in vain
            pace.take(room, now)
            sent += room
            now = max(now, pace.next_at(10**9)) + delay
        burst = 1 + rate * QUANTUM
        assert abs(sent - rate * (now - start)) <= 2 * burst + 1 + rate * 1e-6

    @law
    @given(rates, starts, st.integers(1, 10**6))
    def test_who_took_more_than_there_was_waits_for_it(
        self, rate: float, start: float, size: int
    ) -> None:
        """A read takes what has come; then so much longer nothing may."""
        pace = Pace(rate)
        room = pace.room(start)
        pace.take(room + size, start)
        again = pace.next_at(1)
        assert again >= start + (size - 1) / rate - 1e-6
        # Times of a clock that has run for days are right to some 1e-10 s.
        assert pace.room(start + 0.99 * (again - start)) == 0 or again - start < 2 / rate + 1e-6
        assert pace.room(max(start, again)) >= 1


class PaceTests(TestCase):
    """Numbers that one can do in the head."""

    def test_a_byte_a_second(self) -> None:
        """One at once, then one each second; the time that nobody took is a byte at most."""
        pace = Pace(1.0)
        taken = []
        for now in (10.0, 10.5, 11.0, 11.5, 12.0, 100.0, 100.5):
            taken.append(pace.room(now))
            pace.take(taken[-1], now)
        assert taken == [1, 0, 1, 0, 1, 1, 0]

    def test_portions(self) -> None:
        """A fast connection is woken each 10 ms, and sooner for the few bytes that it has left."""
        pace = Pace(100_000.0)
        assert pace.room(5.0) == 2001
        pace.take(2001, 5.0)
        assert pace.room(5.0) == 0
        assert abs(pace.next_at(10**6) - 5.01) < 1e-4
        assert abs(pace.next_at(100) - 5.001) < 1e-6
        assert pace.room(5.01) in (999, 1000, 1001)

    def test_no_rate_costs_nothing(self) -> None:
        """There is no pace then."""
        assert pace_of(None) is None
        assert isinstance(pace_of(2.0), Pace)
