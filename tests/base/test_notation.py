"""The notation of times and numbers, and error messages about fields."""

from copy import copy
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from twistecho.base.notation import (
    FieldError,
    number,
    parse_bytes,
    parse_rate,
    parse_seconds,
    parse_share,
    probability,
    whole,
    written,
)


class WrittenTests(TestCase):
    """Times for people."""

    def test_times_are_written_in_the_unit_people_would_choose(self) -> None:
        """Three significant digits, from microseconds to seconds."""
        for value, text in {
            0.0: "0 s",
            0.0000012: "1.20 us",
            0.000999: "999 us",
            0.0009999: "1.00 ms",
            0.01234: "12.3 ms",
            0.9999: "1.00 s",
            5.017: "5.02 s",
            99.97: "100 s",
            3600.0: "3600 s",
        }.items():
            assert written(value) == text, value

    @given(st.floats(0, 1e6))
    def test_any_time_is_short(self, value: float) -> None:
        """Every time fits a column."""
        assert len(written(value)) <= 10

    @given(st.floats(1e-6, 1e6))
    def test_what_is_written_can_be_read(self, value: float) -> None:
        """To three digits."""
        again = parse_seconds(written(value).replace(" ", ""))
        assert abs(again - value) <= value * 0.006


class NumberTests(TestCase):
    """Times and numbers, in one notation everywhere."""

    def test_a_number_without_end_is_refused_at_once(self) -> None:
        """A million digits and no unit: a slow pattern would take days to try all splits."""
        with self.assertRaises(ValueError):
            number("9" * 1_000_000 + "x")

    def test_times_have_units_and_a_bare_number_is_seconds(self) -> None:
        """From microseconds to hours."""
        for text, seconds in {
            "0": 0.0,
            "2": 2.0,
            ".5": 0.5,
            "2e1s": 20.0,
            "100us": 1e-4,
            "20ms": 0.02,
            "2s": 2.0,
            "1.5min": 90.0,
            "1h": 3600.0,
            "1e6": 1e6,
        }.items():
            assert parse_seconds(text) == seconds, text

    def test_what_is_no_time_that_can_be_waited_for_is_refused(self) -> None:
        """Also digits of other scripts, and numbers that only Python reads."""
        for text in ("", "s", "2m", "1 h", "1_0", "\u0661\u0662", "\uff12s", "0x1", "2 s", "\n2"):
            with self.subTest(text=text), self.assertRaisesRegex(ValueError, "1min, 1h$"):
                parse_seconds(text)
        for text in ("-1ms", "nan", "inf", "1e999"):
            with self.subTest(text=text), self.assertRaisesRegex(ValueError, "0 or more$"):
                parse_seconds(text)
        for text in ("1000001", "278h", "1e300"):
            with self.subTest(text=text), self.assertRaisesRegex(ValueError, "than 1,000,000 s$"):
                parse_seconds(text)

    def test_a_digit_is_an_ascii_digit(self) -> None:
        """In every kind of number."""
        for text in ("\u0661", "1_000", " 1", "\u00b2"):
            for parse in (number, probability, whole, parse_rate, parse_share):
                with self.subTest(text=text, parse=parse), self.assertRaises(ValueError):
                    parse(text)


class ShareTests(TestCase):
    """A percentage, or a fraction."""

    def test_a_share_is_written_as_people_do(self) -> None:
        """The sign may be left out if the number cannot be a fraction."""
        cases = {"99%": 0.99, "99 %": 0.99, "99": 0.99, "0.5": 0.5, "1": 1.0, "1%": 0.01}
        for text, share in cases.items():
            assert parse_share(text) == share, text

    def test_more_than_all_and_less_than_nothing_are_refused(self) -> None:
        """Also text that is not a number."""
        for text in ("101%", "101", "-1", "nan", "inf", "%", "", "most"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                parse_share(text)


class RateTests(TestCase):
    """Rates: numbers per second."""

    def test_rates_have_multiples(self) -> None:
        """Thousands and millions; ``/s`` is optional."""
        for text, rate in {
            "500": 500.0,
            "0.5": 0.5,
            "10k": 1e4,
            "2.5k/s": 2500.0,
            "1M": 1e6,
            "7/s": 7.0,
        }.items():
            assert parse_rate(text) == rate, text

    def test_anything_else_is_refused(self) -> None:
        """In one line that names it."""
        for text in ("", "k", "/s", "many", "-1", "inf", "nan", "1G", "1e308k", "1 per s"):
            with self.subTest(text=text), self.assertRaises(ValueError) as raised:
                parse_rate(text)
            assert "per second" in str(raised.exception)


class BytesTests(TestCase):
    """Numbers of bytes."""

    def test_units(self) -> None:
        """K is 1,000 and Ki 1,024."""
        for text, size in {
            "1": 1, "1k": 1000, "1Ki": 1024, "2.5M": 2_500_000, "1Mi": 1024**2,
        }.items():  # fmt: skip
            assert parse_bytes(text) == size
        for text in ("", "k", "1K", "1 k", "1kB", "1ki", "1GiB"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                parse_bytes(text)


class FieldErrorTests(TestCase):
    """Messages about fields, with the field's name and with a caller's."""

    def test_fields_are_named_as_the_caller_does_and_values_stay(self) -> None:
        """Even if a value is the name of a field."""
        for error, text, said in (
            (
                FieldError("rate", "0 is not above 0"),
                "rate: 0 is not above 0",
                "--rate: 0 is not above 0",
            ),
            (
                FieldError("think", "rate: it contradicts ", "rate", ", not think or rate"),
                "think: rate: it contradicts rate, not think or rate",
                "--think: rate: it contradicts --rate, not think or rate",
            ),
        ):
            with self.subTest(text=text):
                assert str(error) == text
                assert error.said(lambda field: f"--{field}") == said
                assert str(copy(error)) == text
