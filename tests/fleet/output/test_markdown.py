"""A verdict as Markdown: what comes first, what is marked, and nothing of anybody's that acts."""

import unittest
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import INTERRUPTED, RESET, client, report, timed
from tests.support.stages import staged_report
from twistecho.fleet.output.markdown import to_markdown
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import judge

GOOD = report(client(0, 1), client(1, 1))


def lines(found: Report, *required: str) -> list[str]:
    """Give the lines of a report."""
    text = to_markdown(judge(found, [parse_requirement(text) for text in required]))
    assert text.endswith("\n")
    return text.splitlines()


class HeadingTests(unittest.TestCase):
    """The first line is the verdict, the worst first."""

    def test_each_verdict_has_its_heading(self) -> None:
        """With and without requirements."""
        bad = report(client(0, 1), client(1, 0, 1, RESET))
        stopped = replace(report(client(0, 0, 1, INTERRUPTED)), interrupted=True)
        for found, required, heading in (
            (GOOD, (), "✅ All 2 messages answered right"),
            (GOOD, ("failed == 0", "p99 < 1s"), "✅ 2 requirements met"),
            (GOOD, ("failed == 0", "p99 < 1us"), "❌ 1 of 2 requirements missed"),
            (bad, (), "❌ 1 of 2 clients failed"),
            (bad, ("failed <= 1",), "✅ 1 requirement met, though 1 client failed"),
            (bad, ("p99 < 1s",), "❌ 1 of 2 clients failed by causes that no requirement covers"),
            (stopped, (), "⚠️ Interrupted after 300 ms, without a failure"),
            (
                replace(GOOD, outcomes=()),
                ("p99 < 1us",),
                "⚠️ INVALID: these figures cannot be believed",
            ),
        ):
            with self.subTest(heading=heading):
                assert lines(found, *required)[0] == f"### {heading}"

    def test_the_reasons_of_an_invalid_one_follow(self) -> None:
        """As a list."""
        said = lines(replace(GOOD, outcomes=()))
        assert said[2] == "- clients missing: 2 of 2"


class TableTests(unittest.TestCase):
    """Requirements, figures, times, failures."""

    def test_requirements_come_before_all_figures(self) -> None:
        """Each with what was found, and in a word whether that will do."""
        said = lines(GOOD, "failed == 0", "p99 < 1us")
        at = said.index("|  | required | found |")
        assert at == 2
        assert said[at + 2 : at + 5] == [
            "| ✅ met | failed == 0 | 0 |",
            "| ❌ missed | p99 &lt; 1us | 100 ms |",
            "",
        ]
        figures = said.index("| messages sent | answered right | rate | clients | clients failed |")
        assert figures > at
        assert said[figures + 2].startswith("| 2 | 2 | ")

    def test_stages_are_listed(self) -> None:
        """Each with what was asked, offered and answered; a load without any has none of that."""
        said = lines(staged_report(late=2), "stage 2: offered < 1/s")
        at = said.index("| stage | asked | offered | answered | failed | p50 | p99 | max |")
        assert said[at + 2].startswith("| 1  10:1s | 10/s | 10/s | 10/s | 0 | 100 ms | ")
        assert said[at + 3].startswith("| 2  10..30:1s | 20/s | 18/s | 20/s | 0 | ")
        assert "| ❌ missed | stage 2: offered &lt; 1/s | 18/s |" in said
        assert not any(line.startswith("| stage") for line in lines(GOOD))

    def test_marked_figures_have_their_star_and_it_is_explained(self) -> None:
        """In the table of times, and where one is required."""
        found = replace(GOOD, measured=timed(GOOD.measured, own=0.03))
        said = lines(found, "p99 < 1s", "p99 < 80ms", "failed == 0")
        assert "| ✅ met | p99 &lt; 1s | 100 ms\\* |" in said
        assert "| ⚠️ undecided | p99 &lt; 80ms | 100 ms\\* |" in said
        assert "| ✅ met | failed == 0 | 0 |" in said
        [response] = [line for line in said if line.startswith("| response")]
        assert "100 ms\\*" in response
        assert any(line.startswith("\\* response: more than a tenth") for line in said)

    def test_failures_are_listed_with_their_meaning(self) -> None:
        """By cause."""
        said = lines(report(client(0, 1), client(1, 0, 1, RESET)))
        assert "| receive:reset | 1 | the peer reset the connection |" in said

    @settings(max_examples=50, deadline=None)
    @given(name=st.text(st.characters(), max_size=40))
    def test_what_others_have_said_is_text(self, name: str) -> None:
        """In one line: no table, no link, no tag and nobody who is told of it."""
        fields: dict[str, Any] = {"target": f"<b>@all [x](y) | `#1`\n{name}"}
        said = lines(replace(GOOD, **fields))
        [line] = [line for line in said if "all" in line]
        assert "&lt;b&gt;&#64;all \\[x\\](y) \\| \\`\\#1\\`" in line
        assert len(said) == len(lines(GOOD))
