"""Causes of failure in words."""

from unittest import TestCase

from tests.support.reports import RESET, client, report
from twistecho.fleet.output.causes import REASONS, cause_name, failure_lines
from twistecho.fleet.reports.outcome import REASON_OF_ERRNO


class CauseTests(TestCase):
    """How causes are named, and what they mean."""

    def test_failures_are_listed_with_their_meaning(self) -> None:
        """Cause, count, words."""
        assert failure_lines(report(client(1, 0, 1, RESET), client(2, 0, 1, RESET))) == [
            "2 clients failed: receive:reset, the peer reset the connection"
        ]

    def test_every_reason_has_words(self) -> None:
        """The reasons that the system's errors are given are all explained."""
        assert set(REASON_OF_ERRNO.values()) <= set(REASONS)

    def test_a_cause_without_a_word_of_its_own_is_named_by_its_reason(self) -> None:
        """Nothing is lost for want of a name."""
        assert cause_name("connect:enobufs") == "connect: enobufs"
