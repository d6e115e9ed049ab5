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
from twistecho.fleet.output.exports import to_hdr_log, to_junit
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
