"""A comparison as a value: its exit code, and its JSON."""

import json
import unittest
from dataclasses import replace

from twistecho.fleet.reports.comparison import Slice, compare
from twistecho.fleet.reports.judged import Judged, Side, answer_all
from twistecho.fleet.reports.relative import parse_relative

ONE, TWO = Slice(1.0, 200, {"p50": 0.005}), Slice(1.0, 100, {"p50": 0.010}, 1)


def judged(*required: str, pairs: int = 30) -> Judged:
    """Compare a target with one that is twice as slow."""
    comparison = compare([(ONE, TWO)] * pairs)
    answers = answer_all(map(parse_relative, required), comparison)
    return Judged((Side("a", "h:1"), Side("b", "h:2")), comparison, 1.0, answers)


class ExitCodeTests(unittest.TestCase):
    """What a command ends with."""

    def test_a_missed_requirement_comes_before_one_that_is_undecided(self) -> None:
        """Right is 0, and nothing required is right."""
        assert judged().exit_code == 0
        assert judged("rate >= -60%").exit_code == 0
        assert judged("rate >= -60%", "rate >= -10%").exit_code == 1
        assert judged("p99 <= +5%").exit_code == 3
        assert judged("p99 <= +5%", "rate >= -10%").exit_code == 1

    def test_what_cannot_be_believed_comes_first(self) -> None:
        """And a side of which nobody is left fails."""
        assert replace(judged("rate >= -10%"), invalid=("why",)).exit_code == 3
        assert replace(judged(), broken=True).exit_code == 1


class JsonTests(unittest.TestCase):
    """The JSON form."""

    def test_it_has_every_figure_and_answer(self) -> None:
        """Infinity, which JSON has not, is null."""
        data = json.loads(judged("rate >= -10%").to_json())
        assert data["schema"] == 1
        assert data["sides"] == [{"name": "a", "target": "h:1"}, {"name": "b", "target": "h:2"}]
        assert (data["pairs"], data["differs"]) == (30, True)
        assert data["requirements"] == [{"requirement": "rate >= -10%", "answer": "missed"}]
        rate = data["figures"]["rate"]
        assert (rate["first"], rate["second"], rate["ratio"]) == (200.0, 100.0, 0.5)
        assert rate["finding"] == "slower"
        assert data["figures"]["failures"]["high"] is None
        assert data["figures"]["failures"]["finding"] == "more"
        assert "Infinity" not in judged().to_json()
        assert data["first_against_itself"] is None
