"""Exports: a verdict as JUnit XML; intervals as an HdrHistogram log, read by its own reader."""

import re
import tempfile
import unittest
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import RESET, client, measured, report
from tests.support.stages import STAGED_PLAN, failing_report, staged_report
from twistecho.fleet.output.exports import to_hdr_log, to_junit, to_stage_log
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import judge


def suite(found: Report, *required: str) -> ET.Element:
    """Give the suite of a report, read back; hold that its totals are right."""
    text = to_junit(judge(found, [parse_requirement(text) for text in required]))
    root = ET.fromstring(text)  # noqa: S314 - it was written here
    [one] = root.findall("testsuite")
    for element in (root, one):
        assert element.get("tests") == str(len(one.findall("testcase")))
        assert element.get("failures") == str(len(one.findall("testcase/failure")))
        assert element.get("skipped") == str(len(one.findall("testcase/skipped")))
        assert element.get("errors") == "0"
    return one


def cases(found: Report, *required: str) -> dict[str, str | None]:
    """Give what is wrong with each test case, or None."""
    result: dict[str, str | None] = {}
    for case in suite(found, *required).findall("testcase"):
        failure = case.find("failure")
        result[str(case.get("name"))] = None if failure is None else failure.get("message")
    return result


class JunitTests(unittest.TestCase):
    """What Jenkins and GitLab are told."""

    good = report(client(0, 1), client(1, 1))
    bad = report(client(0, 1), client(1, 0, 1, RESET))

    def test_each_requirement_is_a_test_case(self) -> None:
        """So are validity and completeness; the figure is in the message."""
        assert cases(self.good, "failed == 0", "p99 < 5ms") == {
            "valid": None,
            "complete": None,
            "failed == 0": None,
            "p99 < 5ms": "missed: p99 < 5ms (is 100 ms)",
        }

    def test_failures_are_told_by_cause(self) -> None:
        """As the reason why the run is incomplete."""
        assert cases(self.bad)["complete"] == "receive:reset: 1 of 2 clients"

    def test_failures_that_may_be_are_skipped(self) -> None:
        """Where a requirement says how many."""
        one = suite(self.bad, "failed <= 1")
        assert one.get("failures") == "0"
        assert one.get("skipped") == "1"

    def test_an_invalid_report_fails_with_its_reasons(self) -> None:
        """All of them."""
        wrong = replace(self.good, outcomes=())
        failure = suite(wrong).find("testcase/failure")
        assert failure is not None
        assert failure.get("type") == "invalid"
        assert "clients missing" in str(failure.text)
        assert len(str(failure.text).splitlines()) > 1

    def test_each_stage_is_a_test_case_with_its_figures(self) -> None:
        """As long as the stage; those of the whole come before, requirements behind."""
        found = staged_report()
        names = ["valid", "complete", "stage 1 (10:1s)", "stage 2 (10..30:1s)"]
        required = "stage 2: p99 < 5ms"
        assert cases(found, required) == {
            **dict.fromkeys(names),
            required: "missed: stage 2: p99 < 5ms (is 100 ms)",
        }
        assert list(cases(found, required)) == [*names, required]
        second = suite(found).findall("testcase")[3]
        assert second.get("time") == "1.000000"
        told = str(second.findtext("system-out")).splitlines()
        assert told[:4] == ["asked: 20/s", "offered: 20/s", "answered: 20/s", "failed: 0"]
        assert told[5].startswith("p99: 100 ms")

    def test_a_stage_that_was_not_offered_as_asked_fails(self) -> None:
        """With the reason why the report is invalid; the others do not."""
        found = cases(staged_report(late=2))
        assert found["stage 1 (10:1s)"] is None
        assert str(found["stage 2 (10..30:1s)"]).startswith("stage 2 (10..30:1s): the rate was not")
        failures = suite(staged_report(late=2)).findall("testcase/failure")
        assert [each.get("type") for each in failures] == ["invalid", "invalid"]

    def test_so_does_one_in_which_clients_failed(self) -> None:
        """Unless a requirement says how many may: of the stage, or of the whole."""
        failed = {"stage 1 (10:1s)": None, "stage 2 (10..30:1s)": "receive:reset: 1 client"}
        for required, told in (
            ((), failed),
            (("stage 1: failed < 5",), failed),
            (("stage 2: failed < 5",), dict.fromkeys(failed)),
            (("receive:reset < 5",), dict.fromkeys(failed)),
        ):
            with self.subTest(required=required):
                found = cases(failing_report(2.0), *required)
                assert {name: found[name] for name in failed} == told

    def test_a_stage_that_an_interrupted_run_did_not_come_to_is_skipped(self) -> None:
        """The one in which it was ended is not."""
        plan = replace(STAGED_PLAN, rate="10:1s,10..30:1s,5:9s")
        stopped = replace(staged_report(), plan=plan, interrupted=True)
        skipped = [case.get("name") for case in suite(stopped) if case.find("skipped") is not None]
        assert skipped == ["stage 3 (5:9s)"]

    def test_the_start_is_told_in_universal_time(self) -> None:
        """Where it is known."""
        assert suite(replace(self.good, began=1.5e9)).get("timestamp") == "2017-07-14T02:40:00"
        assert suite(self.good).get("timestamp") is None

    @settings(max_examples=30, deadline=None)
    @given(name=st.text(st.characters(), max_size=30))
    def test_any_name_comes_back(self, name: str) -> None:
        """But for characters that XML has no way to hold: they are question marks."""
        fields: dict[str, Any] = {"target": name, "engine": name}
        one = suite(replace(self.good, **fields))
        engine = one.find("properties/property[@name='engine']")
        assert engine is not None
        written = re.sub("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "?", name)
        assert one.get("name") == engine.get("value") == written


BEGAN = 1.7e9


def found() -> Report:
    """Make a report of a run that began then, with replies in its first and its third second."""
    clients = [client(0, 2), client(1, 2, replied=2.5, ended=2.6)]
    return replace(report(*clients, measured=measured(clients, took=0.05)), began=BEGAN)


class ReadBackTests(unittest.TestCase):
    """Another program's reader of such logs."""

    def histograms(self, text: str) -> list[HdrHistogram]:
        """Read all histograms of a log."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "log")
            path.write_text(text)
            with closing(HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000, 3))) as log:
                return list(iter(log.get_next_interval_histogram, None))

    def test_every_interval_comes_back(self) -> None:
        """With its count and its time, also the one in which nothing came."""
        histograms = self.histograms(to_hdr_log(found()))
        assert [histogram.get_total_count() for histogram in histograms] == [2, 0, 2]
        assert [h.get_start_time_stamp() for h in histograms] == [
            (BEGAN + start) * 1000 for start in range(3)
        ]
        assert [h.get_end_time_stamp() for h in histograms] == [
            (BEGAN + end) * 1000 for end in range(1, 4)
        ]

    def test_intervals_add_up_to_the_whole(self) -> None:
        """Exactly, bucket by bucket."""
        whole = HdrHistogram(1, 3_600_000_000, 3)
        for histogram in self.histograms(to_hdr_log(found())):
            if histogram.get_total_count():
                whole.add(histogram)
        assert Latencies(whole.encode().decode()).summary() == found().latencies()

    def test_without_a_start_times_count_from_zero(self) -> None:
        """There is no base time to add."""
        text = to_hdr_log(replace(found(), began=0.0))
        assert "Time: " not in text
        assert [h.get_start_time_stamp() for h in self.histograms(text)] == [0, 1000, 2000]

    def test_the_maximum_of_a_line_is_in_milliseconds(self) -> None:
        """As the comment says that people read."""
        lines = to_hdr_log(found()).splitlines()
        assert [line.rsplit(",", 1)[0] for line in lines if line[0].isdigit()] == [
            "0.000,1.000,50.015",
            "1.000,1.000,0.000",
            "2.000,1.000,50.015",
        ]

    def test_stages_have_a_log_of_their_own(self) -> None:
        """Each has its tag, its time and its replies, and those of the warm-up are in none."""
        text = to_stage_log(replace(staged_report(), began=BEGAN))
        found = self.histograms(text)
        assert [(each.get_tag(), each.get_total_count()) for each in found] == [
            ("stage-1", 10), ("stage-2", 20),
        ]  # fmt: skip
        assert [each.get_start_time_stamp() for each in found] == [
            (BEGAN + start) * 1000 for start in (0.5, 1.5)
        ]
        assert [each.get_end_time_stamp() for each in found] == [
            (BEGAN + end) * 1000 for end in (1.5, 2.5)
        ]
        tags = [line.partition(",")[0] for line in text.splitlines() if line.startswith("Tag=")]
        assert not any(set(tag) & set(", \r\n") for tag in tags)

    def test_no_log_has_a_reply_twice(self) -> None:
        """So whoever sums all lines, tags or not, has what was measured."""
        report = staged_report()
        for write in (to_hdr_log, to_stage_log):
            whole = HdrHistogram(1, 3_600_000_000, 3)
            for histogram in self.histograms(write(report)):
                whole.add(histogram)
            assert Latencies(whole.encode().decode()).summary() == report.latencies()
