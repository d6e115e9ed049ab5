"""What is explained below a comparison, and what needs no explanation."""

from dataclasses import replace
from unittest import TestCase

from tests.support.samples import broken, comparison, outcome, run, staircase, wall
from twistecho.compare.notes import notes
from twistecho.fleet.reports.outcome import Cause, Phase


class NoteTests(TestCase):
    """The lines under the table."""

    def test_a_server_that_ended_in_the_middle_is_named_with_its_end(self) -> None:
        """Who died, and of what."""
        assert "forking, 10 clients: the server ended during the run: killed by SIGKILL." in notes(
            comparison(broken())
        )

    def test_what_could_not_be_measured_is_explained(self) -> None:
        """As on a system that shows no processes."""
        found = comparison(staircase(), replace(wall(), cost=None))
        assert any(note.startswith("?: not measured") for note in notes(found))

    def test_wrong_replies_of_ones_own_server_lead_to_the_option_that_says_what_is_right(
        self,
    ) -> None:
        """Once for all its runs; the designs know their formats."""
        wrong = run("own", [outcome(0, 1.0, cause=Cause(Phase.RECEIVE, "mismatch"))])
        told = "own: --server-reply sets the format in which it must reply."
        design = comparison(wrong, wrong)
        assert told not in notes(design)
        assert notes(replace(design, settings={"server own": "own {port}"})).count(told) == 1

    def test_what_needs_no_explanation_gets_none(self) -> None:
        """Where all went well there is nothing to say."""
        assert notes(comparison(wall())) == []
        assert len(notes(comparison(staircase()))) == 1
