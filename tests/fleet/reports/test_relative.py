"""What is required of a comparison: how it is written, and how an interval answers it."""

import unittest
from dataclasses import replace

from twistecho.fleet.reports.comparison import FIGURES
from twistecho.fleet.reports.findings import Compared, Comparison
from twistecho.fleet.reports.relative import Answer, parse_relative, percent, say_answer


def compared(name: str, low: float, high: float, **more: object) -> Comparison:
    """Make a comparison of which one figure is known."""
    known = Compared(name, 1, 1, 30, (low * high) ** 0.5, low, high)
    figures = {each: Compared(each, None, None, 30, problem="unknown") for each in FIGURES}
    figures[name] = replace(known, **more)  # type: ignore[arg-type]  # fields of any type
    return Comparison(30, tuple(figures.values()))


def answer(text: str, low: float, high: float, **more: object) -> Answer:
    """Ask of an interval."""
    required = parse_relative(text)
    return required.check(compared(required.name, low, high, **more))


class AnswerTests(unittest.TestCase):
    """Requirements and intervals."""

    def test_all_of_the_interval_within_is_met_none_is_missed(self) -> None:
        """And else it is undecided."""
        assert answer("p99 <= +5%", 0.9, 1.04) is Answer.MET
        assert answer("p99 <= +5%", 1.06, 1.2) is Answer.MISSED
        assert answer("p99 <= +5%", 1.0, 1.1) is Answer.UNDECIDED
        assert answer("rate >= -2%", 0.99, 1.2) is Answer.MET
        assert answer("rate >= -2%", 0.8, 0.97) is Answer.MISSED
        assert answer("rate >= -2%", 0.9, 1.1) is Answer.UNDECIDED

    def test_a_target_can_be_required_to_be_better(self) -> None:
        """By a sign."""
        assert answer("p50 < -10%", 0.8, 0.89) is Answer.MET
        assert answer("p50 < -10%", 0.8, 0.95) is Answer.UNDECIDED
        assert answer("rate > +10%", 1.0, 1.05) is Answer.MISSED

    def test_a_bound_that_is_reached_is_kept(self) -> None:
        """Two runs without any noise are equal."""
        assert answer("p50 <= +0%", 1.0, 1.0) is Answer.MET
        assert answer("p50 >= 0%", 1.0, 1.0) is Answer.MET

    def test_the_fleet_s_own_share_widens_the_interval(self) -> None:
        """What it may have made is undecided."""
        assert answer("p99 <= +5%", 0.9, 1.04, doubt=(1.0, 1.1)) is Answer.UNDECIDED
        assert answer("p99 <= +5%", 1.06, 1.1, doubt=(0.9, 1.0)) is Answer.UNDECIDED
        assert answer("p99 <= +5%", 1.06, 1.1, doubt=(1.0, 2.0)) is Answer.MISSED

    def test_what_is_not_known_is_undecided(self) -> None:
        """And says why."""
        found = compared("p50", 1.0, 1.0)
        required = parse_relative("p99 <= +5%")
        assert required.check(found) is Answer.UNDECIDED
        line = say_answer(required, Answer.UNDECIDED, found.figure("p99"))
        assert line == "undecided: p99 <= +5% (is unknown)"

    def test_no_failure_is_no_more_than_any_number(self) -> None:
        """Though there is no ratio of nothing."""
        found = compared("p50", 1.0, 1.0)
        nothing = Comparison(30, (*found.figures[:-1], Compared("failures", 0, 0, 30)))
        assert parse_relative("failures <= +0%").check(nothing) is Answer.MET
        assert parse_relative("failures >= +0%").check(nothing) is Answer.UNDECIDED
        assert answer("failures <= +0%", 0.01, 1.5, two=0) is Answer.MET
        assert answer("failures <= +0%", 1.2, 9.0, two=9) is Answer.MISSED

    def test_answers_say_the_interval(self) -> None:
        """In per cent, as the requirement is."""
        found = compared("p99", 1.0612, 1.254)
        line = say_answer(parse_relative(" p99<=+5% "), Answer.MISSED, found.figure("p99"))
        assert line == "missed: p99<=+5% (is +6.1 % to +25.4 %)"
        assert [percent(each) for each in (1.0, 0.5, 3.2)] == ["+0.00 %", "-50.0 %", "+220 %"]


class ParsingTests(unittest.TestCase):
    """What is none is refused in one line."""

    def test_what_is_no_requirement_is_refused(self) -> None:
        """With what was meant."""
        for text, problem in (
            ("p99 <= 5ms", "'p99 <= 5ms' is not like 'p99 <= +5%'"),
            ("p99 == +5%", "is not like"),
            ("p98 <= +5%", "'p98' is not one of rate, p50, p90, p99, failures"),
            ("rate >= -101%", "-101% is below -100%"),
            ("", "is not like"),
        ):
            with self.subTest(text=text), self.assertRaisesRegex(ValueError, "^[^\n]*$") as refused:
                parse_relative(text)
            assert problem in str(refused.exception)
