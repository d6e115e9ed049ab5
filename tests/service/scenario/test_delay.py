"""Delays: how long a reply waits."""

import math
import unittest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.service.scenario.delay import NO_DELAY, Constant, DelayPer, parse_delay

law = settings(max_examples=100, deadline=None)

seconds = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
numbers = st.integers(min_value=0)


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


class ParseDelayTests(unittest.TestCase):
    """Reading a delay from the command line."""

    def test_numbers_are_read(self) -> None:
        """Whole numbers, fractions and exponents are seconds."""
        for text, expected in {
            "0": 0.0,
            "5": 5.0,
            "0.25": 0.25,
            "1e-3": 0.001,
            "5s": 5.0,
            "20ms": 0.02,
        }.items():
            with self.subTest(text=text):
                assert parse_delay(text).seconds(0, 0) == expected

    def test_what_is_no_delay_is_refused_in_one_line(self) -> None:
        """The message says that a number of seconds is wanted and shows what was given."""
        for text in ("", "soon", "5m", "s", "-1", "inf", "-inf", "nan", "1e999", "0x10"):
            with self.subTest(text=text), pytest.raises(ValueError, match="seconds") as caught:
                parse_delay(text)
            assert "\n" not in str(caught.value)

    def test_the_text_is_shown_where_it_is_no_number(self) -> None:
        """People see what they typed."""
        with pytest.raises(ValueError, match="'five'"):
            parse_delay("five")

    @law
    @given(text=st.text() | st.text(alphabet="0123456789.eE+-_ infa"))
    def test_any_text_gives_a_delay_or_a_valueerror(self, text: str) -> None:
        """Nothing else comes out, and a delay can always be waited for."""
        try:
            delay = parse_delay(text)
        except ValueError:
            return
        assert math.isfinite(delay.longest)
        assert delay.longest >= 0

    @law
    @given(delay=seconds)
    def test_a_number_written_out_is_read_back(self, delay: float) -> None:
        """Python's text of a number of seconds gives that delay."""
        assert parse_delay(repr(delay)) == Constant(delay)


class DelayPerTests(unittest.TestCase):
    """What is delayed."""

    def test_the_names_are_those_of_the_command_line(self) -> None:
        """The text of a choice is its bare name, and the name gives the choice."""
        assert [str(per) for per in DelayPer] == ["reply", "connection"]
        assert DelayPer("connection") is DelayPer.CONNECTION
