"""What people see of a comparison: the answer first, and figures that agree with it."""

import io
import unittest
from dataclasses import replace

from tests.fleet.reports.test_judged import ONE, TWO, judged
from tests.support.seconds import report_of_seconds
from twistecho.fleet.output.comparison import (
    answer_of,
    comparison_table,
    lines_below,
    notes_on,
    sides_line,
    to_markdown,
)
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.reports.comparison import compare
from twistecho.fleet.reports.judged import Judged, Side

FAST = replace(ONE, failures=0)


def shown(found: Judged) -> str:
    """Print the table as where there is no terminal."""
    stream = io.StringIO()
    Printer(stream).table(comparison_table(found))
    return stream.getvalue()


def lines(found: Judged) -> list[str]:
    """Give the lines below the table."""
    return [line for line, _ in lines_below(found)]


class AnswerTests(unittest.TestCase):
    """The first line."""

    def test_it_says_what_is_slower_and_by_how_much(self) -> None:
        """Failures by themselves."""
        assert answer_of(judged()) == (
            "B is slower: rate -50.0 %, p50 +100 %, and fails more often", "bold red"
        )  # fmt: skip

    def test_it_says_what_is_faster(self) -> None:
        """Which is no bad news."""
        found = replace(judged(), comparison=compare([(TWO, FAST)] * 30))
        said, style = answer_of(found)
        assert said == "B is faster: rate +100 %, p50 -50.0 %, and fails less often"
        assert style == "bold green"

    def test_it_says_that_no_difference_was_seen(self) -> None:
        """And what is undecided."""
        found = replace(judged(), comparison=compare([(ONE, FAST)] * 30))
        assert answer_of(found)[0] == ("No difference seen between A and B; undecided: p90, p99")

    def test_it_says_that_it_is_too_early(self) -> None:
        """Whatever the ratios are; what cannot be believed comes before."""
        found = judged(pairs=7)
        assert answer_of(found)[0] == "Too early to say: 7 of 20 pairs of slices"
        assert answer_of(replace(found, invalid=("why",)))[0].startswith("INVALID")


class TableTests(unittest.TestCase):
    """The figures."""

    def test_each_figure_has_both_sides_ratio_interval_and_finding(self) -> None:
        """One that is not known says nothing of it."""
        rows = {
            line.split()[0]: " ".join(line.split()) for line in shown(judged()).splitlines()[1:]
        }
        assert rows["rate"] == "rate 200/s 100/s 0.500 0.500 to 0.500 slower"
        assert rows["p50"] == "p50 5.00 ms 10.0 ms 2.000 2.000 to 2.000 slower"
        assert rows["p99"] == "p99 - - undecided"
        assert rows["failures"].startswith("failures 0 30 inf ")

    def test_marked_figures_have_a_star_that_is_explained(self) -> None:
        """With what the ratio may be without the fleet's own share."""
        marked = compare([(ONE, TWO)] * 30, doubts={"p50": (0.4, 1.0)})
        found = replace(judged(), comparison=marked)
        assert "10.0 ms*" in shown(found)
        assert (
            "* p50: more than a tenth is the fleet's own; "
            "without that the ratio is between 0.800 and 2.000"
        ) in lines(found)

    def test_no_failure_in_either_is_said(self) -> None:
        """There is no ratio then."""
        quiet = replace(judged(), comparison=compare([(ONE, FAST)] * 30))
        assert "none in either" in shown(quiet)


class LinesTests(unittest.TestCase):
    """What stands below."""

    def test_a_beside_itself_says_what_can_be_seen(self) -> None:
        """Today, on this machine."""
        alike = compare([(ONE, FAST)] * 15, fewest=10)
        found = replace(judged(), alike=alike, smallest={"rate": 1.012, "p50": 1.1})
        assert "A compared with itself: no difference seen" in lines(found)
        assert "This run can detect differences from: rate 1.2 %, p50 10.0 %" in lines(found)
        odd = replace(found, alike=compare([(ONE, TWO)] * 15, fewest=10))
        assert (
            "A compared with itself differs in rate, p50, failures: this machine is not steady"
        ) in lines(odd)

    def test_answers_and_failures_are_listed(self) -> None:
        """And why nothing can be believed."""
        found = replace(judged("rate >= -10%"), invalid=("why",), failed=("2 clients failed",))
        assert lines(found)[:2] == ["- why", "2 clients failed"]
        assert lines(found)[-1] == "missed: rate >= -10% (is -50.0 % to -50.0 %)"

    def test_sides_are_named_with_their_targets(self) -> None:
        """Once, where they are the same."""
        assert sides_line(judged()) == "A a (h:1), B b (h:2), 30 pairs of 1 s"
        one = Side("h:1", "h:1")
        assert sides_line(replace(judged(), sides=(one, one))).startswith("A h:1, B h:1,")


class NotesTests(unittest.TestCase):
    """What else bears on the figures."""

    def test_where_the_fleet_was_the_limit_that_is_said(self) -> None:
        """And where nobody knows what is its own; a star has a line of its own."""
        report = report_of_seconds([0.001] * 3)
        busy = replace(report, cpu_seconds=report.makespan)
        assert list(notes_on([report, report])) == [
            f"{side}: The fleet's own share of these times is unknown: "
            "the system did not report when bytes arrived"
            for side in "AB"
        ]
        limit = "A: The fleet was the limit: it used 100 % of a processor"
        assert limit in list(notes_on([busy, report]))
        assert limit in lines(replace(judged(), notes=(limit,)))


class MarkdownTests(unittest.TestCase):
    """For a pull request."""

    def test_it_is_the_answer_a_table_and_the_lines(self) -> None:
        """Names are shown as they are, whatever is in them."""
        found = replace(judged("rate >= -10%"), sides=(Side("a|b_*<i>", "h:1"), Side("b", "h:2")))
        text = to_markdown(found)
        assert text.startswith("**B is slower: rate -50.0 %, p50 +100 %")
        assert "A a\\|b\\_\\*&lt;i> (h:1)" in text
        assert "| rate | 200/s | 100/s | 0.500 | 0.500 to 0.500 | slower |\n" in text
        assert text.count("\n| ") == 7
        assert "- missed: rate >= -10% " in text
