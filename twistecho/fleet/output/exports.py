"""Reports and verdicts in forms that other tools read: JUnit XML, HdrHistogram's log.

JUnit XML, as Jenkins, GitLab and others read it, is one suite. It has a test case for the report
being valid, one for it being complete, and one for each requirement. Each stage of a load in stages
is a test case too: it passes if it was offered as requested and only allowed failures occurred in
it. Its figures are the case's output, since cases have no properties there. Source: the schema that
Jenkins's xUnit plugin publishes (``junit-10.xsd``).

The intervals of a report become a log of HdrHistogram's own. Source: its ``HistogramLogWriter``,
log format version 1.3; each line holds a histogram in its compressed form, V2. The lines are
written here because hdrh's own writer of such logs cannot write a start time and rounds each
maximum down.

The stages of a load have a log of their own, with one tagged line per stage. If they were in the
log of the intervals, each reply would be there twice: in the second in which it arrived and in the
stage in which its message was due. Readers that use tags could tell these apart, but hdrh's reader,
and all that add up every line, would count both. The lines of the intervals cannot have the tags
either: the replies of a second belong to several stages, and the stage of each is not recorded. A
tag has no blanks, which HdrHistogram's writer refuses.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from twistecho.fleet.reports.by_stage import StageResult
from twistecho.fleet.reports.figures import is_of_failures, stage_and_figure
from twistecho.fleet.reports.histograms import INTERVAL_LENGTH, Interval, Latencies
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import Verdict

from .causes import explanation_lines
from .stage_table import STAGE_COLUMNS, stage_rows
from .words import count

_CLASS = "twistecho"
# Characters that XML 1.0 cannot represent, not even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'


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
        began = datetime.fromtimestamp(verdict.report.began, UTC)
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
        *(
            (f"marked: {time} {figure}", f"{share} is the fleet's own")
            for time, shares in report.marks.items()
            for figure, share in shares.items()
        ),
    ):
        ET.SubElement(found, "property", {"name": name, "value": _text(str(value))})
    return found


def _cases(verdict: Verdict) -> Iterator[ET.Element]:
    report = verdict.report
    yield _case("valid", list(verdict.invalid), "invalid")
    failures = [
        f"{cause}: {clients:,} of {report.plan.clients:,} clients"
        for cause, clients in verdict.intolerable.items()
    ]
    failures += explanation_lines(report)
    complete = _case("complete", [] if report.complete else failures or ["clients are missing"])
    if verdict.tolerated:
        complete = _case("complete", [])
        ET.SubElement(complete, "skipped", {"message": "requirements cover these failures"})
    yield complete
    yield from _stage_cases(verdict)
    for result in verdict.results:
        kind = "invalid" if result.doubt else "missed"
        yield _case(str(result.requirement), [] if result.met else [str(result)], kind)


def _stage_cases(verdict: Verdict) -> Iterator[ET.Element]:
    """Yield a test case for each stage, with its length and its figures."""
    report = verdict.report
    for stage, (_, cells) in zip(report.by_stage, stage_rows(report), strict=True):
        reasons = [reason for reason in verdict.invalid if reason.startswith(f"{stage}: ")]
        kind = "invalid" if reasons else "incomplete"
        case = _case(str(stage), reasons + _failures_in(stage, verdict), kind)
        case.set("time", f"{stage.stage.seconds:.6f}")
        if report.interrupted and not (stage.due or stage.found.client_seconds):
            ET.SubElement(case, "skipped", {"message": "the run ended before this stage"})
        figures = zip(STAGE_COLUMNS, cells, strict=True)
        told = ET.SubElement(case, "system-out")
        told.text = "\n".join(f"{name}: {value}" for name, value in figures)
        yield case


def _failures_in(stage: StageResult, verdict: Verdict) -> list[str]:
    """Return the causes of failure in a stage that no requirement allows."""
    required = [stage_and_figure(result.requirement.name) for result in verdict.results]
    allowed = [figure for number, figure in required if number == stage.number]
    return [
        f"{cause}: {count(clients, 'client')}"
        for cause, clients in stage.found.failures.items()
        if cause in verdict.intolerable and not any(is_of_failures(name, cause) for name in allowed)
    ]


def _case(name: str, problems: list[str], kind: str = "incomplete") -> ET.Element:
    case = ET.Element("testcase", {"classname": _CLASS, "name": _text(name), "time": "0"})
    if problems:
        lines = [_text(problem) for problem in problems]
        failure = ET.SubElement(case, "failure", {"message": lines[0], "type": kind})
        failure.text = "\n".join(lines)
    return case


def _text(text: str) -> str:
    """Replace characters that XML cannot hold; peers and files can put anything into names."""
    return _UNWRITABLE.sub("?", text)


def to_hdr_log(report: Report) -> str:
    """Return the response times of a report as a log, one line per interval.

    Start times and lengths are in seconds, from the base time on; histograms are in microseconds,
    and the maximum of each is in milliseconds. Replies of the warm-up are included. A report
    without a start time has no base time.
    """
    return _log(report, map(_interval_line, report.measured.intervals))


def to_stage_log(report: Report) -> str:
    """Return the response times of a report as a log, one line per stage, tagged ``stage-1`` etc.

    Each line has the replies to messages that were due in its stage. All else is as in
    `to_hdr_log`, except that replies of the warm-up are in no line.
    """
    return _log(report, (_stage_line(report, stage) for stage in report.by_stage))


def _log(report: Report, lines: Iterable[str]) -> str:
    """Return the head of a log, followed by lines."""
    return "".join(f"{line}\n" for line in (*_head(report), *lines))


def _head(report: Report) -> Iterator[str]:
    yield "#[Histogram log format version 1.3]"
    yield "#Response times in microseconds; Interval_Max in milliseconds"
    if report.began:
        yield f"#[StartTime: {report.began:.3f} (seconds since epoch)]"
        yield f"#[BaseTime: {report.began:.3f} (seconds since epoch)]"
    yield _LEGEND


def _interval_line(interval: Interval) -> str:
    return _line(interval.start, INTERVAL_LENGTH, interval.latency)


def _stage_line(report: Report, stage: StageResult) -> str:
    start = report.measured_from + stage.begins
    line = _line(start, stage.stage.seconds, stage.found.measured.latency)
    return f"Tag=stage-{stage.number},{line}"


def _line(start: float, length: float, latency: str) -> str:
    latencies = Latencies(latency)
    histogram = latencies.histogram()
    longest = histogram.get_max_value() / 1e3 if latencies.count else 0.0
    encoded = histogram.encode().decode("ascii")
    return f"{start:.3f},{length:.3f},{longest:.3f},{encoded}"
