"""A verdict as JUnit XML."""

import unittest
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import RESET, client, report
from twistecho.fleet.output.exports import to_junit
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import judge, parse_requirement


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
    @given(name=st.text(max_size=30))
    def test_any_name_can_be_written(self, name: str) -> None:
        """Also characters that XML has no way to hold."""
        fields: dict[str, Any] = {"target": name, "engine": name}
        suite(replace(self.good, **fields))
