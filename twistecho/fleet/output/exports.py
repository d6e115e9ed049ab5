"""A verdict as JUnit XML, as Jenkins, GitLab and others read it.

One suite: that the report is valid, that it is complete, and each requirement are a test case each.
Source: the schema that Jenkins's xUnit plugin publishes (``junit-10.xsd``).
"""

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from xml.etree import ElementTree as ET

from twistecho.fleet.reports.verdict import Verdict

_CLASS = "twistecho"
# What XML 1.0 has no way to write, not even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(verdict: Verdict) -> str:
    """Write a verdict as the text of a JUnit XML file."""
    cases = list(_cases(verdict))
    totals = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
        "time": f"{verdict.report.makespan:.6f}",
    }
    root = ET.Element("testsuites", {"name": _CLASS, **totals})
    suite = ET.SubElement(root, "testsuite", {"name": _text(verdict.report.target), **totals})
    if verdict.report.began:
        began = datetime.fromtimestamp(verdict.report.began, timezone.utc)
        suite.set("timestamp", began.strftime("%Y-%m-%dT%H:%M:%S"))
    suite.append(_properties(verdict))
    suite.extend(cases)
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'


def _properties(verdict: Verdict) -> ET.Element:
    report = verdict.report
    found = ET.Element("properties")
    for name, value in (
        ("engine", report.engine),
        ("clients", report.plan.clients),
        ("interrupted", str(report.interrupted).lower()),
    ):
        ET.SubElement(found, "property", {"name": name, "value": _text(str(value))})
    return found


def _cases(verdict: Verdict) -> Iterator[ET.Element]:
    report = verdict.report
    yield _case("valid", list(verdict.invalid), "invalid")
    failures = [
        f"{cause}: {clients:,} of {report.plan.clients:,} clients"
        for cause, clients in report.failures.items()
    ]
    complete = _case("complete", [] if report.complete else failures or ["clients are missing"])
    if verdict.tolerant:
        complete = _case("complete", [])
        ET.SubElement(complete, "skipped", {"message": "requirements say what may fail"})
    yield complete
    for result in verdict.results:
        yield _case(str(result.requirement), [] if result.met else [str(result)], "missed")


def _case(name: str, problems: list[str], kind: str = "incomplete") -> ET.Element:
    case = ET.Element("testcase", {"classname": _CLASS, "name": _text(name), "time": "0"})
    if problems:
        lines = [_text(problem) for problem in problems]
        failure = ET.SubElement(case, "failure", {"message": lines[0], "type": kind})
        failure.text = "\n".join(lines)
    return case


def _text(text: str) -> str:
    """Give a text without what XML cannot hold; peers and files can put anything into names."""
    return _UNWRITABLE.sub("?", text)
