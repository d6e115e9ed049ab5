"""Verdicts: valid, complete, and as required."""

import unittest
from dataclasses import replace

from tests.support.reports import RESET, client, report
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.require import parse_requirement
from twistecho.fleet.reports.verdict import Verdict, judge


def verdict(found: Report, *required: str) -> Verdict:
    """Judge a report by these requirements."""
    return judge(found, [parse_requirement(text) for text in required])


class VerdictTests(unittest.TestCase):
    """What passes."""

    good = report(client(0, 1), client(1, 1))
    bad = report(client(0, 1), client(1, 0, 1, RESET))

    def test_all_answered_passes(self) -> None:
        """Without requirements, and with those that are met."""
        assert verdict(self.good).passed
        assert verdict(self.good, "failed == 0", "p99 < 1s").passed

    def test_a_missed_requirement_does_not_pass(self) -> None:
        """One is enough."""
        assert not verdict(self.good, "failed == 0", "p99 < 1us").passed

    def test_a_failure_does_not_pass(self) -> None:
        """Whatever the latencies are required to be."""
        assert not verdict(self.bad).passed
        assert not verdict(self.bad, "p99 < 1s").passed

    def test_failures_pass_where_a_requirement_allows_them(self) -> None:
        """Since otherwise it could require nothing but none."""
        assert verdict(self.bad, "error_rate < 60%").passed
        assert verdict(self.bad, "receive:reset <= 1").passed
        assert not verdict(self.bad, "failed == 0").passed

    def test_an_invalid_report_never_passes(self) -> None:
        """Whatever it is required to find."""
        wrong = replace(self.good, outcomes=self.good.outcomes[:1])
        assert not verdict(wrong).passed
        assert not verdict(wrong, "failed == 0", "error_rate < 60%").passed
        assert verdict(wrong).invalid
