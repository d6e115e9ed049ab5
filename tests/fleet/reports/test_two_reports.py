"""Two reports as slices of time: which seconds count, what is refused, what is in doubt."""

import unittest
from dataclasses import replace

from tests.support.reports import RESET, client
from tests.support.seconds import report_of_seconds
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.findings import Finding
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.two_reports import compare_reports, doubts_of, slices_of

NAMES = ("a.json", "b.json")


class SliceTests(unittest.TestCase):
    """The seconds of a report."""

    def test_only_whole_seconds_of_load_count(self) -> None:
        """Neither the warm-up, nor the second in which the run ended."""
        whole = report_of_seconds([0.001] * 25)
        assert len(slices_of(whole)) == 25
        warm = replace(whole, outcomes=(replace(whole.outcomes[0], offered_from=2.3),))
        assert len(slices_of(warm)) == 22
        short = replace(whole, outcomes=(replace(whole.outcomes[0], offered_until=20.9),))
        assert len(slices_of(short)) == 20

    def test_seconds_count_once_every_client_takes_part(self) -> None:
        """As they connect one after the other; who failed does not end them."""
        whole = report_of_seconds([0.001] * 25)
        late = replace(whole.outcomes[0], client=1, offered_from=4.5)
        failed = replace(late, client=2, cause=RESET, offered_until=9.0)
        both = replace(whole, outcomes=(*whole.outcomes, late, failed))
        assert len(slices_of(both)) == 20
        gone = replace(whole, outcomes=(replace(failed, offered_from=0.0),))
        assert len(slices_of(gone)) == 9

    def test_a_slice_has_what_its_second_has(self) -> None:
        """Percentiles where there are messages enough."""
        report = report_of_seconds([0.001, 0.004, *[0.002] * 20], each=120)
        second = slices_of(report)[1]
        assert (second.answered, second.rate) == (120, 120.0)
        self.assertAlmostEqual(second.times["p99"], 0.004, places=5)
        few = slices_of(report_of_seconds([0.001] * 3, each=12))[0]
        assert set(few.times) == {"p50", "p90"}


class ComparisonTests(unittest.TestCase):
    """Two reports."""

    def test_equal_runs_show_no_difference_and_a_slower_one_is_slower(self) -> None:
        """By the ratio of the seconds."""
        one = report_of_seconds([0.010 + n % 3 / 1000 for n in range(60)])
        assert not compare_reports(one, one, NAMES).differs
        two = report_of_seconds([0.013 + n % 3 / 1000 for n in range(60)])
        found = compare_reports(one, two, NAMES)
        assert found.figure("p50").finding is Finding.SLOWER
        assert found.figure("rate").finding is Finding.ALIKE
        assert found.pairs == 60

    def test_different_plans_are_refused_by_what_differs(self) -> None:
        """In one line, and so are different engines."""
        one = report_of_seconds([0.001] * 25)
        for two, problem in (
            (replace(one, plan=replace(one.plan, timeout=9.0)),
             "the plans differ in timeout: 30.0 in a.json, 9.0 in b.json"),
            (replace(one, engine="reactor"),
             "the plans differ in engine: threads in a.json, reactor in b.json"),
        ):  # fmt: skip
            with self.assertRaises(ValueError) as refused:
                compare_reports(one, two, NAMES)
            assert str(refused.exception) == problem

    def test_a_run_that_was_too_short_is_refused_with_how_long_it_must_be(self) -> None:
        """It names the shorter one."""
        one, two = report_of_seconds([0.001] * 25), report_of_seconds([0.001] * 8)
        with self.assertRaises(ValueError) as refused:
            compare_reports(one, replace(two, plan=one.plan), NAMES)
        assert str(refused.exception) == (
            "b.json has 8 whole seconds of load, and 20 are needed: "
            "run both for 22 s or longer after the warm-up"
        )

    def test_a_report_of_nobody_is_too_short(self) -> None:
        """Nor is one of clients that never connected an error."""
        report = report_of_seconds([0.001] * 25)
        failed = client(0, 0, cause=RESET, offered_from=None, offered_until=None)
        for outcomes in ((), (failed,)):
            assert slices_of(replace(report, outcomes=outcomes)) == []


class DoubtTests(unittest.TestCase):
    """What the fleet's own share leaves of a ratio."""

    def test_only_marked_figures_are_doubted(self) -> None:
        """A share of a half of the second run's median may have doubled it."""
        sure = report_of_seconds([0.010] * 20)
        assert doubts_of(sure, sure) == {}
        true = Latencies()
        true.add_counts([(5_000, 2_000)])
        timed = replace(sure.measured, wire=true.encode(), timed=2_000, timed_squares=2_000)
        marked = replace(sure, measured=timed)
        found = doubts_of(sure, marked)
        assert set(found) == {"p50", "p90", "p99"}
        least, most = found["p50"]
        self.assertAlmostEqual(least, 0.5, places=2)
        assert most >= 1.0
        assert doubts_of(marked, sure)["p50"][1] > 1.9

    def test_plans_may_be_of_any_kind(self) -> None:
        """A protocol is compared by its name."""
        plan = Plan(protocol="module:Class")
        report = replace(report_of_seconds([0.001] * 25), plan=plan)
        assert compare_reports(report, report, NAMES).pairs == 25
