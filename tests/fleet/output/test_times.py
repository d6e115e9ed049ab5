"""What of the times is the fleet's own, and where that is said."""

from dataclasses import replace
from unittest import TestCase

from tests.support.reports import RESET, client, measured, report, timed
from twistecho.fleet.output.exports import to_junit
from twistecho.fleet.output.page import html_page
from twistecho.fleet.output.times import own_lines
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Latencies, Measured
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import judge


class OwnTests(TestCase):
    """What is the fleet's own, beside what is printed."""

    def slow(self, plan: Plan | None = None) -> Report:
        """Make a report of responses of 100 ms, of which 60 are the fleet's own."""
        found = [client(0, 5)]
        return report(*found, plan=plan, measured=timed(measured(found), own=0.06))

    def test_below_it_the_star_is_explained(self) -> None:
        """The median's share and the 99th percentile's, a line for each time, and whose limit."""
        lines = list(own_lines(self.slow()))
        assert lines == [
            "* response: more than a tenth is the fleet's own, 60.0 ms of p50, 60.0 ms of p99",
            "* connect: more than a tenth is the fleet's own, 60.0 ms of p50, 60.0 ms of p99",
            "The fleet was the limit: 60.0 ms of the median response, 100 ms, is its own",
        ]
        plan = Plan(clients=1, rate=5.0, duration=1.0)
        assert [line[:10] for line in own_lines(self.slow(plan))] == [
            "* response", "* service:", "* connect:",
        ]  # fmt: skip
        assert list(own_lines(report(client(0, 5), measured=self.fast()))) == []

    def fast(self) -> Measured:
        """Make what was measured where nothing is the fleet's own."""
        return timed(measured([client(0, 5)]), own=0.0)

    def test_where_nobody_can_tell_that_is_said(self) -> None:
        """On a Unix socket, or in a report of an older version; of no reply there is nothing."""
        [line] = own_lines(report(client(0, 5)))
        assert line.endswith("is unknown: the system did not report when bytes arrived")
        assert list(own_lines(report(client(0, 0, 1, RESET)))) == []

    def test_where_nothing_was_answered_nothing_was_limited(self) -> None:
        """Whatever the processor did in so short a time."""
        assert list(own_lines(report(client(0, 0, 1, RESET), cpu_seconds=9.0))) == []
        assert any("the limit" in line for line in own_lines(report(client(0, 1), cpu_seconds=9.0)))

    def test_where_the_median_is_not_marked_another_figure_is_named(self) -> None:
        """The first that is."""
        of_few = replace(self.slow().measured, latency=self.slow().measured.wire)
        slowest = Latencies(of_few.latency)
        slowest.record(9.0)
        one = replace(
            self.slow(),
            measured=replace(of_few, latency=slowest.encode(), timed=6, timed_squares=4),
        )
        [line] = [line for line in own_lines(one) if line.startswith("* response")]
        assert line.endswith("the fleet's own, 8.96 s of p99")
        one = replace(one, measured=replace(one.measured, timed=5, timed_squares=5))
        [line] = [line for line in own_lines(one) if line.startswith("* response")]
        assert "at most 40" in line

    def test_the_page_and_junit_have_it_too(self) -> None:
        """The page as the table has it; JUnit a property for each."""
        page = html_page(judge(self.slow()))
        assert "100 ms*</td>" in page
        assert "more than a tenth is the fleet&#x27;s own" in page
        assert "*</td>" not in html_page(judge(report(client(0, 5))))
        assert 'name="marked: response p99" value="60.0 ms is the fleet\'s own"' in to_junit(
            judge(self.slow())
        )
