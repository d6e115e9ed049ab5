"""What a notebook shows of a report."""

import unittest
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings

from tests.fleet.reports.test_report import reports
from tests.support import MORE
from tests.support.reports import REFUSED, client, measured
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import Cause, Phase
from twistecho.fleet.reports.report import Report

TAGS = {"div", "p", "strong", "table", "tbody", "tr", "th", "td"}


class Reader(HTMLParser):
    """Reads the text, and refuses what is not expected of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        """Take a tag of those that a table is made of."""
        assert tag in TAGS
        assert attrs in ([], [("scope", "row")])
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Take its end."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take text."""
        self.words.append(data)


def of(*outcomes: Any, **fields: Any) -> Report:
    """Make a report that adds up, of such clients."""
    plan = Plan(clients=len(outcomes))
    return replace(Report("reactor", "h:1", plan, outcomes, measured(outcomes)), **fields)


class NotebookTests(unittest.TestCase):
    """A small table, and what to think of it."""

    def words(self, report: Report) -> list[str]:
        """Give the text of what is shown."""
        return Reader(report._repr_html_()).words

    def figures(self, report: Report) -> dict[str, str]:
        """Give the table."""
        words = self.words(report)
        words = words[words.index("clients answered") :]
        return dict(zip(words[::2], words[1::2], strict=False))

    def test_figures_and_verdict(self) -> None:
        """The verdict comes first."""
        report = of(client(0, 1), client(1, 1))
        assert self.words(report)[0] == "Every message was answered right"
        figures = self.figures(report)
        assert figures["clients answered"] == "2"
        assert figures["latency p99"].rstrip("*") == "100 ms"
        failed = of(client(0, 1), client(1, 0, 0, REFUSED, connected=None))
        assert self.words(failed)[0] == "Not every message was answered right"
        assert self.figures(failed)["failed: connect:refused"] == "1"

    def test_an_invalid_report_says_so_and_why(self) -> None:
        """First of all."""
        report = replace(of(client(0, 1)), plan=Plan(clients=3))
        words = self.words(report)
        assert words[0] == "INVALID: these figures cannot be believed"
        assert words[1] == "clients missing: 2 of 3"

    def test_what_others_have_said_is_escaped_and_cut(self) -> None:
        """A target or a cause may be anything."""
        evil = "<script>alert(1)</script>&\x1b[31m"
        cause = Cause(Phase.CONNECT, evil)
        report = of(client(0, 0, 0, cause, connected=None), target=evil * 100)
        html = report._repr_html_()
        assert "<script" not in html
        assert "\x1b" not in html
        assert f"failed: connect:{evil}".replace("\x1b", r"\x1b") in self.figures(report)

    def test_it_is_small(self) -> None:
        """However many causes there are."""
        many = [
            client(n, 0, 0, Cause(Phase.CONNECT, f"cause-{n}" * 99), connected=None)
            for n in range(500)
        ]
        report = of(*many)
        assert len(report._repr_html_()) < 5000
        assert self.figures(report)["failed otherwise"] == "495"

    @settings(max_examples=20 * MORE, deadline=None)
    @given(reports())
    def test_every_report_can_be_shown(self, report: Report) -> None:
        """Whatever is in it, the HTML is whole."""
        assert self.words(report)
