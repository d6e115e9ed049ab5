"""Which format of replies was found, and what to try: lines, page, JUnit, a notebook."""

import unittest

import pytest

from tests.support.reports import client, outcome, report
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.output.answer import answer_lines
from twistecho.fleet.output.exports import to_junit
from twistecho.fleet.output.figure_list import figures
from twistecho.fleet.output.headline import headline
from twistecho.fleet.output.layout import Layout
from twistecho.fleet.output.page import html_page
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import Cause, Difference, Phase
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import Verdict, judge

PLAN = Plan(2, (b"x" * 10,), reply="auto")
RAW, STAMPED = ReplyFormat.RAW, ReplyFormat.STAMPED
FOUND = report(outcome(0, reply=RAW), outcome(1, reply=RAW), plan=PLAN)
MIXED = report(outcome(0, reply=RAW), outcome(1, reply=STAMPED), plan=PLAN)
WRONG = report(
    *(
        client(number, 0, 1, Cause(Phase.RECEIVE, "mismatch"),
               difference=Difference.between(b"x<", b"HTTP/1.1 <b>"))
        for number in (0, 1)
    ),
    plan=PLAN,
)  # fmt: skip
ADVICE = "Expected b'x<', received b'HTTP/1.1 <b>': that is HTTP"


def lines(verdict: Verdict) -> list[str]:
    """Give the lines of the answer, each in one piece."""
    return [line.plain.strip() for line in answer_lines(verdict, Layout(110, wraps=False))]


class FormatTests(unittest.TestCase):
    """Every form that a report has."""

    def test_the_heading_tells_what_was_asked_and_found(self) -> None:
        """Before the run only the former is known; a format that was named is found by nobody."""
        assert headline(PLAN, "there").endswith("to there (replies: auto)")
        assert headline(PLAN, "there", FOUND).endswith("(replies: auto, found raw)")
        assert headline(PLAN, "there", WRONG).endswith("(replies: auto)")
        assert headline(Plan(), "there", report(outcome(), plan=Plan())).endswith(
            "stamped replies)"
        )
        assert figures(FOUND)["format of replies"] == "raw, detected"
        assert "format of replies" not in figures(report(outcome(), plan=Plan(1)))
        assert "<td>raw, detected</td>" in FOUND._repr_html_()

    def test_a_disagreement_is_told_and_fails(self) -> None:
        """Each client by its format."""
        first, _, line = lines(judge(MIXED))
        assert "the clients found different formats of replies" in first
        assert "raw by 1 (client 0); stamped by 1 (client 1)" in line
        assert f'<failure message="{line}"' in to_junit(judge(MIXED))

    def test_what_to_try_is_told_where_the_run_did_not_pass(self) -> None:
        """Where the failure was wanted nobody asks."""
        assert any(line.startswith(ADVICE) for line in lines(judge(WRONG)))
        wanted = judge(WRONG, [parse_requirement("receive:mismatch == 2")])
        assert not any(line.startswith(ADVICE) for line in lines(wanted))
        assert ADVICE.replace("<", "&lt;").replace(">", "&gt;") in to_junit(judge(WRONG))

    def test_the_page_has_all_of_it(self) -> None:
        """Escaped, as everything that a peer has said."""
        pytest.importorskip("matplotlib")
        assert "replies: auto, found raw" in html_page(judge(FOUND))
        assert "The clients found different formats of replies" in html_page(judge(MIXED))
        assert "HTTP/1.1 &lt;b&gt;" in html_page(judge(WRONG))
