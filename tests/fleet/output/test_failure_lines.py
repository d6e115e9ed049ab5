"""Which clients failed, and why: a line or two a cause, with a sample."""

from unittest import TestCase

from tests.support.reports import INTERRUPTED, REFUSED, RESET, client, report
from twistecho.fleet.output.failure_lines import failure_section
from twistecho.fleet.output.layout import Layout
from twistecho.fleet.reports.outcome import Cause, Difference, Outcome, Phase
from twistecho.fleet.reports.report import Report

MISMATCH = Cause(Phase.RECEIVE, "mismatch")
LONG = b"Ola mundo da internet, e bom dia"


def wrong(number: int, expected: bytes, came: bytes) -> Outcome:
    """Make a client whose second reply was wrong."""
    return client(number, 1, 1, MISMATCH, difference=Difference.between(expected, came))


def lines(found: Report, width: int = 110, *, wraps: bool = True) -> list[str]:
    """Give the lines of a report's failures."""
    return [line.plain for line in failure_section(found, Layout(width, wraps=wraps))]


class FailureTests(TestCase):
    """Causes, and an example of each."""

    def test_without_failures_there_is_nothing(self) -> None:
        """Who was interrupted has not failed."""
        assert lines(report(client(0, 1), client(1, 0, 1, INTERRUPTED))) == []

    def test_each_cause_has_its_count_and_an_example(self) -> None:
        """The most frequent first, with what it means and how much had come."""
        refused = client(3, 0, cause=REFUSED, connected=None, replied=None)
        found = report(client(0, 2, 1, RESET), client(1, 3), client(2, 0, 1, RESET), refused)
        meaning = "the peer reset the connection"
        assert lines(found) == [
            "Failures   3 of 4 clients",
            f"   2  receive:reset    e.g. client 0, message 2   {meaning}, after 20 of 30 bytes",
            "   1  connect:refused  client 3                   nothing listens there",
        ]

    def test_a_sample_has_what_was_expected_and_what_came(self) -> None:
        """Of the first client whose bytes are known."""
        found = report(client(0, 1, 1, MISMATCH), wrong(1, b"one", b"o\x1be"))
        assert lines(found)[1:] == [
            r"   2  receive:mismatch  e.g. client 1, message 1   expected b'one'   got b'o\x1be'"
        ]
        extra = client(0, 1, cause=Cause(Phase.RECEIVE, "extra"))
        more = Outcome(**{**vars(extra), "difference": Difference.between(b"", b"!")})
        assert lines(report(more))[1].endswith("expected nothing more   got b'!'")

    def test_where_there_is_no_room_it_takes_a_line_of_its_own(self) -> None:
        """Cut, but so that the two differ."""
        found = report(wrong(0, LONG, LONG.replace(b"bom", b"m\x00m")))
        for width in (60, 80, 110):
            with self.subTest(width=width):
                said = lines(found, width)
                assert max(map(len, said)) <= width
                assert len(said) == (2 if width == 110 else 3)
                expected, _, came = said[-1].partition("   got ")
                assert "bom" in expected
                assert r"m\x00m" in came
        assert lines(found, 60, wraps=False)[1].endswith(r"internet, e m\x00m dia'")

    def test_there_are_about_ten_lines_at_most(self) -> None:
        """The rest is counted."""
        causes = [Cause(Phase.RECEIVE, f"e{number}") for number in range(12)]
        found = report(*(client(n, 0, 1, cause) for n, cause in enumerate(causes)))
        assert len(lines(found)) == 10
        assert lines(found)[-1] == "   4  by 4 other causes"
        assert len(lines(found, 60)) == 10
        assert lines(found, 60)[-1] == "   8  by 8 other causes"
