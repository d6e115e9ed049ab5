"""The answer that a run gives: its first line, requirements, reasons, and what helps."""

from dataclasses import replace
from typing import Any
from unittest import TestCase

from tests.support.reports import INTERRUPTED, REFUSED, RESET, client, report, timed
from twistecho.fleet.output.answer import answer_lines, interruption_lines
from twistecho.fleet.output.layout import ASCII, Layout
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import judge

GOOD = report(client(0, 1), client(1, 1))
BAD = report(client(0, 1), client(1, 0, 1, RESET))
STOPPED = report(client(0, 1), client(1, 0, 1, INTERRUPTED), interrupted=True)


def said(
    found: Report, *required: str, layout: Layout | None = None, quiet: bool = False
) -> list[str]:
    """Give the lines, of 200 columns by default."""
    verdict = judge(found, [parse_requirement(text) for text in required])
    lines = answer_lines(verdict, layout or Layout(200), quiet=quiet)
    return [line.plain for line in lines]


class FirstLineTests(TestCase):
    """The verdict, and what it is of."""

    def test_each_verdict_has_its_words(self) -> None:
        """The worst first."""
        for found, required, words in (
            (GOOD, (), "✓ OK   all 2 messages answered right"),
            (GOOD, ("failed == 0", "p99 < 1s"), "✓ OK   2 requirements met"),
            (BAD, ("failed <= 1",), "✓ OK   1 requirement met, though 1 client failed"),
            (BAD, (), "✗ FAILED   1 of 2 clients failed"),
            (GOOD, ("failed == 0", "p99 < 1us"), "✗ FAILED   1 of 2 requirements missed"),
            (
                BAD,
                ("p99 < 1s",),
                "✗ FAILED   1 of 2 clients failed by causes that no requirement covers",
            ),
            (STOPPED, (), "! INTERRUPTED   after 300 ms, without a failure"),
            (
                replace(BAD, interrupted=True),
                (),
                "✗ FAILED   1 of 2 clients failed, interrupted after 300 ms",
            ),
            (replace(GOOD, outcomes=()), (), "! INVALID   these figures cannot be believed"),
        ):
            with self.subTest(words=words):
                assert said(found, *required)[0].startswith(f"{words}        localhost:5000 · ")

    def test_what_was_run_stands_beside_it_where_there_is_room(self) -> None:
        """Else in lines of its own, each as full as it can be."""
        plan = Plan(clients=2, messages=(b"x" * 10,), think=0.02, ramp=2000, barrier=True)
        found = replace(GOOD, plan=plan)
        about = (
            "localhost:5000 · 300 ms · 2 clients · 1 message each · 20.0 ms between them · "
            "2,000 connections/s · all connected first · stamped replies"
        )
        verdict = "✓ OK   all 2 messages answered right"
        assert said(found) == [f"{verdict}        {about}"]
        narrow = said(found, layout=Layout(80))
        assert narrow[0] == verdict
        assert all(line.startswith("  ") and len(line) <= 80 for line in narrow[1:])
        assert " · ".join(line.strip() for line in narrow[1:]) == about

    def test_a_certificate_that_is_not_verified_is_told(self) -> None:
        """Beside the target."""
        fields: dict[str, Any] = {"target": "tls:there:7:insecure"}
        [line] = said(replace(GOOD, **fields))
        assert "tls:there:7:insecure · certificate not verified · " in line

    def test_a_run_that_was_cut_short_says_of_how_long(self) -> None:
        """So long it took, so long it was to take, and the warm-up."""
        plan = Plan(clients=2, duration=30, warmup=0.1)
        [line] = said(replace(STOPPED, plan=plan))[:1]
        assert " · 200 ms of 30 s + 100 ms warm-up · 2 clients" in line

    def test_an_interrupted_run_says_so_in_markdown(self) -> None:
        """In a sentence."""
        [(line, style)] = interruption_lines(STOPPED)
        assert line.startswith("Interrupted: these are the results until then.")
        assert line.endswith(" 1 client still ran, without a failure.")
        assert style == "bold yellow"
        assert list(interruption_lines(GOOD)) == []


class RequirementTests(TestCase):
    """A line each."""

    def test_each_has_its_sign_and_what_was_found(self) -> None:
        """Below each other; where it is to be quiet only those that are missed."""
        lines = said(GOOD, "failed == 0", "p99 < 1us")
        assert lines[1:] == ["  ✓ failed == 0   0", "  ✗ p99 < 1us     100 ms"]
        assert said(GOOD, "failed == 0", "p99 < 1us", quiet=True)[1:] == ["  ✗ p99 < 1us   100 ms"]

    def test_an_encoding_that_has_no_such_signs_gets_others(self) -> None:
        """All of it is ASCII."""
        text = "\n".join(said(GOOD, "failed == 0", "p99 < 1us", layout=Layout(60, ASCII)))
        assert text.isascii()
        assert text.startswith("x FAILED   1 of 2 requirements missed\n  localhost:5000, ")
        assert "\n  + failed == 0   0\n  x p99" in text

    def test_an_undecided_one_is_told_once(self) -> None:
        """As such, and not among the reasons for which the report is invalid."""
        slow = replace(GOOD, measured=timed(GOOD.measured, own=0.06))
        _, undecided, met, helps = said(slow, "p99 < 50ms", "p99 < 1s")
        assert undecided == "  ? p99 < 50ms   100 ms*   undecided: 60.0 ms of it is the fleet's own"
        assert met == "  ✓ p99 < 1s     100 ms*"
        assert helps.startswith("  What helps: more --processes, another machine or a lower rate;")


class InvalidTests(TestCase):
    """The reasons, and what to do."""

    def test_every_reason_is_given(self) -> None:
        """Though every requirement is met; what helps follows."""
        lines = said(report(client(0, 1), plan=Plan(clients=2)), "failed == 0")
        assert lines[1:3] == ["  ✓ failed == 0   0", "  ! clients missing: 1 of 2"]
        assert lines[3].startswith("  What helps: run it again")

    def test_what_helps_is_of_the_reason(self) -> None:
        """A part that died; messages that were not sent; clients that sent nothing."""
        parts = (Part("one", 1, 1, 0.1), Part("two", 1, 1, 0.1, "killed by SIGKILL"))
        assert "find out why the part ended" in said(replace(GOOD, parts=parts))[-1]
        rate = Plan(clients=2, messages=(b"x" * 10,), rate=10, duration=1)
        unsent = [client(number, 1, unsent=9) for number in (0, 1)]
        assert "more --clients, a deeper --pipeline or" in said(report(*unsent, plan=rate))[-1]
        silent = [client(0, 1), client(1, 0, sent=0, bytes_sent=0)]
        lasting = replace(rate, rate=None)
        assert "a longer --duration" in said(report(*silent, plan=lasting))[-1]

    def test_what_is_long_is_wrapped_below_its_sign(self) -> None:
        """On a terminal; in a file a line is a line."""
        found = replace(GOOD, parts=(Part("one", 2, 2, 0.1, "gone " * 30),))
        wrapped = said(found, layout=Layout(60))
        assert max(map(len, wrapped)) <= 60
        assert [line[:4] for line in wrapped if "gone gone" in line][1:] == ["    ", "    "]
        whole = said(found, layout=Layout(60, wraps=False))
        assert sum("gone" in line for line in whole) == 1


class AdviceTests(TestCase):
    """What to try where all failed alike."""

    def test_it_stands_below_the_verdict(self) -> None:
        """Unless the failure was wanted."""
        found = report(client(0, 0, cause=REFUSED, connected=None, replied=None))
        assert said(found)[1].startswith("  No client connected to localhost:5000: is the")
        assert len(said(found, "connect:refused == 1")) == 2
