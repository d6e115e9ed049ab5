"""Delays that vary: what is read, what is drawn, and how it is spread."""

import math
import unittest
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.seeding import HIGHEST, parse_seed, uniform
from twistecho.service.scenario.delay import Constant, Delay
from twistecho.service.scenario.delays import parse_delays
from twistecho.service.scenario.varying import LONGEST_AWAITED, Drawn

law = settings(max_examples=200, deadline=None)
numbers = st.integers(0, 2**64)

DISTRIBUTIONS = (
    "uniform:1,3",
    "exponential:0.2",
    "lognormal:median=0.05,sigma=0.8",
    "choice:0.01@0.9,1@0.1",
    "choice:1,2,3",
    "exponential:0.2,min=0.1,max=0.5",
)


def lines(*texts: str) -> Delay:
    """Read a trace of these lines."""
    return parse_delays("trace:some,file", lines_of=lambda _name: texts)


def drawn(text: str, count: int = 20_000, seed: int = 7) -> list[float]:
    """Draw delays for many messages of several connections."""
    delay = parse_delays(text, seed=seed)
    return [delay.seconds(at % 100, at // 100) for at in range(count)]


class DrawTests(unittest.TestCase):
    """Chance that can be repeated."""

    def test_the_documented_derivation(self) -> None:
        """Digests as ``b2sum -l 64`` of coreutils gives them: the numbers may never change."""
        for seed, purpose, connection, message, digest in (
            (0, "delay", 0, 0, 0xDCDFF5DC6BCF1F8A),
            (7, "fault", 3, 12, 0xB923EEED60006553),
        ):
            assert uniform(seed, purpose, connection, message) == (digest >> 11) / 2**53

    @law
    @given(numbers, st.sampled_from(["delay", "fault"]), numbers, numbers)
    def test_is_in_range_and_the_same_again(
        self, seed: int, purpose: str, connection: int, message: int
    ) -> None:
        """From 0 up to, not with, 1."""
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
        with pytest.raises(ValueError, match="some,file holds no delay"):
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


class ParseTests(unittest.TestCase):
    """What is read and what is refused."""

    def test_constants_are_read_with_their_units(self) -> None:
        """Seconds unless said otherwise."""
        for text, seconds in {"5": 5.0, "5s": 5.0, "20ms": 0.02, "100us": 0.0001}.items():
            assert parse_delays(text) == Constant(seconds)

    def test_what_is_wrong_is_said_in_one_line(self) -> None:
        """The unknown, the impossible and the incomplete."""
        for text, words in {
            "weibull:3": "no distribution 'weibull'",
            "uniform:3,1": "3 is above 1",
            "uniform:1": "needs two times",
            "uniform:1,x": "'x' is not a number of seconds",
            "uniform:1,2,foo=3": "no option 'foo'",
            "uniform:1,2,min=3,max=2": "min 3 is above max 2",
            "uniform:1,min=1,2": "comes after an option",
            "exponential:0": "above 0",
            "exponential:-1": "0 or more",
            "lognormal:median=1,sigma=-1": "sigma -1 is not 0 or more",
            "lognormal:median=1,sigma=nan": "sigma nan is not 0 or more",
            "lognormal:median=1,sigma=1e3": "too long",
            "lognormal:median=1": "needs median=SECONDS and sigma=NUMBER",
            "choice:1@0.5,2@0.6": "add up to 1.1",
            "choice:1@1.5": "1.5 is not a probability",
            "choice": "needs delays",
            "trace:file": "cannot be read here",
        }.items():
            with self.subTest(text=text), pytest.raises(ValueError, match=words) as caught:
                parse_delays(text)
            assert "\n" not in str(caught.value)

    @law
    @given(
        st.sampled_from([*DISTRIBUTIONS, "trace:x", "5ms", "late"]),
        st.text(alphabet="0123456789.,:=@eminax-\n ") | st.text(max_size=5),
        st.integers(0, 30),
    )
    def test_any_text_gives_a_delay_or_a_valueerror(self, text: str, noise: str, at: int) -> None:
        """Whatever is wrong with it; and a delay can be waited for."""
        try:
            delay = parse_delays(text[:at] + noise + text[at:])
        except ValueError:
            return
        assert 0 <= delay.longest < math.inf
        assert 0 <= delay.seconds(0, 0) < math.inf
