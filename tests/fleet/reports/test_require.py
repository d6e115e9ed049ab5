"""Requirements: what a run must have found."""

import operator
import unittest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import RESET, client, measured, report
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.figures import unit_of
from twistecho.fleet.reports.histograms import Measured
from twistecho.fleet.reports.require import parse_requirement

law = settings(max_examples=100, deadline=None)

OPERATORS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class ParseTests(unittest.TestCase):
    """The grammar."""

    def test_a_number_has_the_unit_of_its_figure(self) -> None:
        """Seconds, bytes and fractions are what it comes to."""
        for text, limit in {
            "p99 < 5ms": 0.005,
            "p99.9<=250us": 0.00025,
            " service.max  >  1.5 s ": 1.5,
            "makespan < 2min": 120.0,
            "min >= 0": 0.0,
            "failed == 0": 0.0,
            "messages >= 10k": 10_000.0,
            "sent != 2.5M": 2_500_000.0,
            "rate > 10k/s": 10_000.0,
            "rate > 500": 500.0,
            "byte_rate > 1MiB/s": 2.0**20,
            "bytes_sent <= 3 KiB": 3072.0,
            "error_rate < 1%": 0.01,
            "error_rate < 0.5": 0.5,
            "receive:reset < 3": 3.0,
        }.items():
            with self.subTest(text=text):
                assert abs(parse_requirement(text).limit - limit) < 1e-12

    def test_it_is_shown_as_it_was_written(self) -> None:
        """But for spaces and line ends."""
        assert str(parse_requirement("  p99 <\n5ms ")) == "p99 < 5ms"

    def test_bad_requirements_are_refused_in_one_line(self) -> None:
        """Which says what is wrong."""
        for text, told in {
            "": "is not like",
            "p99": "is not like",
            "p99 <": "is not like",
            "p99 = 5ms": "is not like",
            "p99 < -5ms": "is not like",
            "p99 < 5ms 6ms": "is not like",
            "p99 < nan": "is not like",
            "p99 < 1e400s": "is not like",
            "5ms > p99": "is not like",
            "fail < 5": "'fail' is no figure of a report: failed?",
            "p99 << 5ms": "is not like",
            "p99 < 5": "p99 is a time, and its unit is missing: us, ms, s",
            "p99 < 5k": "p99 is a time, and 'k' is no unit of it: us, ms, s",
            "failed < 5ms": "failed is a number, and 'ms' is no unit",
            "rate > 5ms": "rate is a number a second, and 'ms' is no unit",
            "error_rate < 5k": "error_rate is a share, and 'k' is no unit",
            "latency < 5ms": "'latency' is no figure",
            "p99 < " + "9" * 400 + "s": "is not like",
            "x" * 10_000 + " < 5": "is no figure",
        }.items():
            with self.subTest(text=text[:40]), pytest.raises(ValueError) as caught:
                parse_requirement(text)
            assert told in str(caught.value)
            assert "\n" not in str(caught.value)

    @law
    @given(st.text() | st.from_regex(r"[a-z.:0-9_]{1,12} ?[<>=!]{1,2} ?[0-9.]{1,5}[a-zA-Z%/]{0,4}"))
    def test_any_text_is_a_requirement_or_a_valueerror(self, text: str) -> None:
        """And what is one names a figure."""
        try:
            requirement = parse_requirement(text)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            unit_of(requirement.name)
            assert requirement.limit >= 0


class CheckTests(unittest.TestCase):
    """A requirement and a report."""

    @law
    @given(
        sign=st.sampled_from(sorted(OPERATORS)), limit=st.integers(0, 4), failed=st.integers(0, 4)
    )
    def test_the_comparison_is_the_one_that_was_written(
        self, sign: str, limit: int, failed: int
    ) -> None:
        """Whichever it is."""
        found = report(*(client(n, 0, 1, RESET) for n in range(failed)), plan=Plan(clients=9))
        result = parse_requirement(f"failed {sign} {limit}").check(found)
        assert result.met == OPERATORS[sign](failed, limit)

    def test_the_actual_figure_is_shown(self) -> None:
        """In a unit people would choose."""
        clients = [client(0, 1)]
        found = report(*clients, measured=measured(clients, took=0.05))
        met = parse_requirement("p99 < 60ms").check(found)
        missed = parse_requirement("p99 < 5ms").check(found)
        assert str(met) == "met: p99 < 60ms (is 50.0 ms)"
        assert str(missed) == "missed: p99 < 5ms (is 50.0 ms)"

    def test_nothing_to_tell_meets_no_requirement(self) -> None:
        """No reply has no latency: neither short nor long."""
        found = report(client(0, 1), measured=Measured())
        for text in ("p99 < 5ms", "p99 >= 0", "p99 != 5ms"):
            result = parse_requirement(text).check(found)
            assert str(result) == f"missed: {text} (is none)"
