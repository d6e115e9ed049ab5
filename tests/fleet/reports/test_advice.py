"""What to try where all clients failed alike, and which formats they found where they differ."""

import unittest
from dataclasses import replace
from typing import Any

from tests.support.reports import REFUSED, RESET, client, outcome, report
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.advice import advice, disagreement_about_replies
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.outcome import Cause, Difference, Outcome, Phase
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import judge

MISMATCH = Cause(Phase.RECEIVE, "mismatch")
EXTRA = Cause(Phase.RECEIVE, "extra")


def failing(
    cause: Cause, came: bytes | None = None, expected: bytes = b"Ola", **plan: Any
) -> Report:
    """Give the report of two clients that failed so, before any reply."""
    difference = None if came is None else Difference.between(expected, came)
    found = [client(number, 0, 1, cause, difference=difference) for number in (0, 1)]
    return report(*found, plan=Plan(2, (b"Ola",), **{"reply": "auto", **plan}))


def found_by(*formats: ReplyFormat | None) -> Report:
    """Give the report of clients that were answered, and found these formats."""
    outcomes = [outcome(number, reply=each) for number, each in enumerate(formats)]
    return report(*outcomes, plan=Plan(len(formats), (b"x" * 10,), reply="auto"))


class AdviceTests(unittest.TestCase):
    """One line, or none."""

    def test_what_came_is_named_by_how_it_begins(self) -> None:
        """With what was expected, as Python writes it."""
        for came, words in (
            (b"HTTP/1.1 400 Bad Request\r\n", "that is HTTP"),
            (b"\x15\x03\x01\x00\x02\x02\x16", "put tls: before the target"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "an SSH greeting"),
            (b"220 mail ESMTP\r\n", "a greeting"),
            (b"-ERR unknown command\r\n", "another protocol"),
            (b"hello", "is it an echo service?"),
        ):
            with self.subTest(came=came):
                [line] = advice(failing(MISMATCH, came))
                assert line.startswith(f"Expected b'Ola', received {came!r}: ")
                assert words in line

    def test_another_format_than_was_named_is_named(self) -> None:
        """And that it could be found."""
        for came, asked, right in (
            (b"Ola", "stamped", "raw"),
            (b"Resposta => Ola", "raw", "prefixed"),
            (b"Resposta eco => b'Ola' as", "prefixed", "stamped"),
        ):
            [line] = advice(failing(MISMATCH, came, reply=ReplyFormat(asked)))
            assert line.endswith(f"that is a {right} reply: --reply {right}, or --reply auto")
        [line] = advice(failing(MISMATCH, b"x", reply=ReplyFormat.RAW))
        assert line.endswith("are its replies raw? Try --reply auto")

    def test_nobody_there(self) -> None:
        """The target is named, and what may be wrong with it."""
        [line] = advice(failing(REFUSED))
        assert line == (
            "No client connected to localhost:5000: is the service running, and is this its port?"
        )

    def test_silence(self) -> None:
        """How long it lasted, or that it ended by closing."""
        [line] = advice(failing(Cause(Phase.RECEIVE, "timeout"), timeout=0.5))
        assert line.startswith("Expected a reply to b'Ola', received nothing in 500 ms: ")
        assert "--timeout" in line
        [line] = advice(failing(Cause(Phase.RECEIVE, "closed")))
        assert "received nothing before it closed" in line
        part = failing(Cause(Phase.RECEIVE, "timeout"))
        part = replace(part, outcomes=tuple(replace(o, first_byte=0.2) for o in part.outcomes))
        assert "received only a part of a reply" in next(advice(part))

    def test_more_than_was_asked_for_may_come_with_right_replies(self) -> None:
        """An end of line behind each echo."""
        more = Difference.between(b"", b"\n")
        found = [client(number, 1, 0, EXTRA, difference=more) for number in (0, 1)]
        [line] = advice(report(*found, plan=Plan(2, (b"x" * 10,), reply="auto")))
        assert line.startswith(r"Expected nothing more, received b'\n'")

    def test_none_where_not_all_failed_alike(self) -> None:
        """One that was answered, one that failed otherwise, a protocol of one's own, nobody."""
        wrong: list[Outcome] = [client(0, 0, 1, MISMATCH, difference=Difference("b'a'", "b'b'"))]
        for found, plan in (
            ([*wrong, client(1, 1)], Plan(2)),
            ([*wrong, client(1, 1, 1, RESET)], Plan(2)),
            ([*wrong, client(1, 0, cause=REFUSED)], Plan(2)),
            (wrong, Plan(1, protocol="module:Class")),
            (wrong, Plan(2)),
            ([client(0, 1)], Plan(1)),
        ):
            assert [*advice(report(*found, plan=plan))] == []


class DisagreementTests(unittest.TestCase):
    """Clients that found different formats."""

    def test_they_fail_the_run_and_each_is_named(self) -> None:
        """Though every message was answered right; no requirement allows it."""
        raw, stamped = ReplyFormat.RAW, ReplyFormat.STAMPED
        mixed = found_by(raw, stamped, raw, None)
        assert mixed.replies_found == {raw: 2, stamped: 1}
        [line] = disagreement_about_replies(mixed)
        assert line == (
            "The clients found different formats of replies: raw by 2 (client 0, 2); "
            "stamped by 1 (client 1)"
        )
        for requirements in ((), (parse_requirement("failed == 0"),)):
            verdict = judge(mixed, requirements)
            assert (verdict.passed, verdict.invalid, verdict.exit_code) == (False, (), 1)
        assert not mixed.complete

    def test_one_format_passes_whoever_did_not_find_it(self) -> None:
        """And says which it was, in the summary."""
        found = found_by(ReplyFormat.RAW, ReplyFormat.RAW, None)
        assert judge(found).passed
        assert [*disagreement_about_replies(found)] == []
        assert found.to_dict()["summary"]["replies_found"] == {"raw": 2}

    def test_parts_of_a_run_may_differ_too(self) -> None:
        """Merged, and read back."""
        parts = [found_by(ReplyFormat.RAW), found_by(ReplyFormat.PREFIXED)]
        whole = Report.from_json(merge_reports(parts, ["one", "two"]).to_json())
        assert whole.plan.reply == "auto"
        assert whole.replies_found == {ReplyFormat.RAW: 1, ReplyFormat.PREFIXED: 1}
        assert not judge(whole).passed

    def test_engines_disagree_about_a_format_that_both_found(self) -> None:
        """What one alone has found is no disagreement: a reset may come in between."""
        ours = found_by(ReplyFormat.RAW, ReplyFormat.RAW)
        theirs = found_by(ReplyFormat.PREFIXED, None)
        assert [str(each) for each in ours.disagreements(theirs)] == [
            "client 0: reply: raw against prefixed"
        ]
