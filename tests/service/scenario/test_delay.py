"""Delays: how long a reply waits."""

import math
import unittest
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.service.scenario.delay import LONGEST_AWAITED, NO_DELAY, Constant, Delay, Drawn
from twistecho.service.scenario.delay_per import DelayPer
from twistecho.service.scenario.parsing import parse_delays

law = settings(max_examples=200, deadline=None)
numbers = st.integers(0, 2**64)
seconds = st.floats(min_value=0, max_value=1e6)

DISTRIBUTIONS = (
    "uniform:1,3",
    "exponential:0.2",
    "lognormal:median=0.05,sigma=0.8",
    "choice:0.01@0.9,1@0.1",
    "choice:1,2,3",
    "exponential:0.2,min=0.1,max=0.5",
)


class ConstantTests(unittest.TestCase):
    """The same delay for every reply."""

    @law
    @given(delay=seconds, connection=numbers, message=numbers)
    def test_every_reply_waits_as_long(self, delay: float, connection: int, message: int) -> None:
        """Whichever connection and message: the delay, which is also the longest one."""
        constant = Constant(delay)
        assert constant.seconds(connection, message) == constant.longest == delay

    def test_what_cannot_be_waited_for_is_refused(self) -> None:
        """Negative, infinite and undefined delays raise ValueError, which says what is wanted."""
        for bad in (-1.0, -1e-9, math.inf, -math.inf, math.nan):
            with self.subTest(bad=bad), pytest.raises(ValueError, match="number of seconds"):
                Constant(bad)

    def test_its_text_is_the_number_of_seconds(self) -> None:
        """A delay is shown as people write it."""
        assert [str(Constant(delay)) for delay in (0.0, 5.0, 0.25)] == ["0 s", "5 s", "0.25 s"]

    def test_no_delay_is_zero(self) -> None:
        """Without a delay replies are not held."""
        assert NO_DELAY.seconds(0, 0) == 0.0


class DelayPerTests(unittest.TestCase):
    """What is delayed."""

    def test_the_names_are_those_of_the_command_line(self) -> None:
        """The text of a choice is its bare name, and the name gives the choice."""
        assert [str(per) for per in DelayPer] == ["reply", "connection"]
        assert DelayPer("connection") is DelayPer.CONNECTION


def lines(*texts: str) -> Delay:
    """Read a trace of these lines."""
    return parse_delays("trace:some,file", lines_of=lambda _name: texts)


def drawn(text: str, count: int = 20_000, seed: int = 7) -> list[float]:
    """Draw delays for many messages of several connections."""
    delay = parse_delays(text, seed=seed)
    return [delay.seconds(at % 100, at // 100) for at in range(count)]


class SpreadTests(unittest.TestCase):
    """Samples against their distribution."""

    def test_quantiles_are_those_of_the_distribution(self) -> None:
        """The share of delays up to a quantile is that of the quantile."""
        for text in ("uniform:1,3", "exponential:0.2", "lognormal:median=0.05,sigma=0.8"):
            delay = parse_delays(text, seed=7)
            assert isinstance(delay, Drawn)
            sample = drawn(text)
            for at in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
                share = sum(s <= delay.distribution.quantile(at) for s in sample) / len(sample)
                four_errors = 4 * math.sqrt(at * (1 - at) / len(sample))
                assert abs(share - at) < four_errors, (text, at)

    def test_known_quantiles(self) -> None:
        """By the textbook: median and others."""
        for text, at, expected in (
            ("uniform:1,3", 0.5, 2.0),
            ("exponential:0.2", 0.5, 0.2 * math.log(2)),
            ("lognormal:median=0.05,sigma=0.8", 0.5, 0.05),
            ("lognormal:median=0.05,sigma=0.8", 0.8413447460685429, 0.05 * math.exp(0.8)),
        ):
            delay = parse_delays(text)
            assert isinstance(delay, Drawn)
            assert math.isclose(delay.distribution.quantile(at), expected, rel_tol=1e-9)

    def test_means_are_those_of_the_distribution(self) -> None:
        """Within a few per cent."""
        for text in DISTRIBUTIONS[:5]:
            delay = parse_delays(text, seed=7)
            assert isinstance(delay, Drawn)
            mean = fmean(drawn(text))
            assert math.isclose(mean, delay.distribution.mean, rel_tol=0.05), text

    def test_choices_have_their_probabilities(self) -> None:
        """Nine in ten, and thirds."""
        sample = drawn("choice:0.01@0.9,1@0.1")
        assert set(sample) == {0.01, 1.0}
        assert abs(sample.count(0.01) / len(sample) - 0.9) < 0.01
        assert abs(drawn("choice:1,2,3").count(2.0) / 20_000 - 1 / 3) < 0.015

    def test_bounds_are_kept_and_the_longest_is_the_longest(self) -> None:
        """Nothing is drawn beyond; of what has no bound all but one in a thousand."""
        assert {0.1, 0.5} < set(drawn("exponential:0.2,min=0.1,max=0.5"))
        for text in DISTRIBUTIONS:
            longest = parse_delays(text).longest
            beyond = sum(seconds > longest for seconds in drawn(text))
            assert beyond < 0.002 * 20_000, text
        assert max(drawn(DISTRIBUTIONS[-1])) == parse_delays(DISTRIBUTIONS[-1]).longest == 0.5
        assert parse_delays("exponential:100000").longest == LONGEST_AWAITED
        assert parse_delays("uniform:1,2").longest == 2.0

    @law
    @given(st.sampled_from(DISTRIBUTIONS), numbers, st.lists(st.tuples(numbers, numbers)))
    def test_the_order_of_arrival_does_not_count(
        self, text: str, seed: int, asked: list[tuple[int, int]]
    ) -> None:
        """Whoever asks when: the same question has the same answer."""
        first, second = parse_delays(text, seed=seed), parse_delays(text, seed=seed)
        there = [first.seconds(*question) for question in asked]
        back = [second.seconds(*question) for question in reversed(asked)]
        assert there == back[::-1]
        assert all(seconds >= 0 for seconds in there)


class TraceTests(unittest.TestCase):
    """Delays from a file."""

    def test_each_connection_follows_the_trace_over_and_over(self) -> None:
        """Empty lines and remarks do not count."""
        trace = lines("# measured", "1", "", "20ms\n", " 3s ")
        assert [trace.seconds(9, at) for at in range(4)] == [1.0, 0.02, 3.0, 1.0]
        assert (trace.longest, str(trace)) == (3.0, "trace:some,file")

    def test_what_is_wrong_is_named_with_its_line(self) -> None:
        """An empty trace, and a bad line."""
        with pytest.raises(ValueError, match="some,file contains no delay"):
            lines("", "# nothing")
        with pytest.raises(ValueError, match="some,file, line 3: 'x' is not a number of seconds"):
            lines("1", "", "x")

    def test_bounds_hold_for_traces_too(self) -> None:
        """And a comma in the file's name does no harm."""
        names = []

        def lines_of(name: str) -> list[str]:
            names.append(name)
            return ["1", "5"]

        trace = parse_delays("trace:a,b.txt,max=2", lines_of=lines_of)
        assert ([trace.seconds(0, at) for at in (0, 1)], names) == ([1.0, 2.0], ["a,b.txt"])
