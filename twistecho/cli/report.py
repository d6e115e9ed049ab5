"""What commands do with a report: judge it by what is required, show it, write it to files.

``twistecho report`` does so with what runs have found before, on other machines too.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import click

from twistecho.base.notation import parse_seconds, parse_share
from twistecho.fleet.output.charts import draw
from twistecho.fleet.output.exports import to_hdr_log, to_junit, to_stage_log
from twistecho.fleet.output.markdown import to_markdown
from twistecho.fleet.output.page import html_page
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.output.screen import show
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import Requirement, parse_requirement
from twistecho.fleet.reports.verdict import Verdict, judge

from .option_types import Parsed, adding, file_option, read_file
from .output_files import (
    OutputFile,
    check_distinct,
    drawable,
    printer_beside,
    problem_writing,
    writable,
)


def picture(name: str) -> OutputFile:
    """Give a file to draw into. Raises ValueError where that is known to be impossible."""
    return writable(drawable(name))


trust_options: Callable[[Any], Any] = adding([
    click.option("--rate-tolerance", type=Parsed("share", parse_share), default="99%",
                 show_default=True, metavar="SHARE",
                 help="Share of the messages due under a rate that must be sent in time, else the "
                      "run is INVALID: 95%, 95 or 0.95."),
    click.option("--allow-lag", type=Parsed("time", parse_seconds), metavar="TIME",
                 help="How late the fleet itself may send under a rate, and how much of a time may "
                      "be the fleet's own before a star marks it.  [default: 10ms and 0.2ms]"),
])  # fmt: skip
"""Adds the options that say from when on a report is not to be believed."""

result_options: Callable[[Any], Any] = adding([
    click.option("--require", "requirements", multiple=True,
                 type=Parsed("requirement", parse_requirement), metavar="'FIGURE < NUMBER'",
                 help="Fail unless this holds: 'p99 < 5ms', 'failed == 0', 'rate > 10k/s'; "
                      "repeatable."),
    trust_options,
    file_option("--junit", help="Write the verdict as JUnit XML."),
    file_option("--hdr", help="Write the response times of each second as HdrHistogram's log."),
    file_option("--hdr-stages", help="Write the response times of each stage as HdrHistogram's "
                                     "log."),
    file_option("--markdown", help="Append the verdict and the figures as Markdown, for example to "
                                   "$GITHUB_STEP_SUMMARY."),
    file_option("--plot", parse=picture,
                help="Draw the figures into an .svg file; .png and .pdf need matplotlib."),
    file_option("--html", help="Write verdict, figures and charts as one HTML page."),
    click.option("--quiet", "-q", is_flag=True, help="Show only problems."),
])  # fmt: skip
"""Adds the options that say what is done with a report."""


_WRITERS: dict[str, Callable[[Verdict, OutputFile], None]] = {
    "json": lambda verdict, file: file.write(verdict.report.to_json() + "\n"),
    "save-plan": lambda verdict, file: file.write(verdict.report.plan.to_json() + "\n"),
    "junit": lambda verdict, file: file.write(to_junit(verdict) + "\n"),
    "hdr": lambda verdict, file: file.write(to_hdr_log(verdict.report)),
    "hdr-stages": lambda verdict, file: file.write(to_stage_log(verdict.report)),
    "markdown": lambda verdict, file: file.append(to_markdown(verdict)),
    "html": lambda verdict, file: file.write(html_page(verdict)),
    "plot": lambda verdict, file: file.fill(lambda path: draw(verdict.report, path)),
}


@dataclass(frozen=True)
class Results:
    """What is asked of a command's report; ``files`` are to be written, by their options' names.

    What is ``written_before``, while the report was made, is only named.
    """

    requirements: tuple[Requirement, ...]
    files: Mapping[str, OutputFile]
    rate_tolerance: float
    allow_lag: float | None
    quiet: bool
    printer: Printer
    written_before: Sequence[str] = ()

    def check(self, plan: Plan) -> None:
        """Fail with one line where something is asked of a stage that a plan has not."""
        if "hdr-stages" in self.files and plan.stages is None:
            raise click.UsageError("--hdr-stages: the load has no stages")
        for requirement in self.requirements:
            problem = requirement.problem_with(plan)
            if problem:
                raise click.UsageError(f"--require: {problem}")

    def conclude(self, report: Report, problem: str | None = None) -> Verdict:
        """Judge, write and show a report. Ends the process where a file could not be written.

        A ``problem`` is one that there was with a file while the report was made.
        """
        if self.allow_lag is not None:
            report = replace(report, allowed_lag=self.allow_lag)
        verdict = judge(report, self.requirements, self.rate_tolerance)
        # The disk may have become full meanwhile: all the rest is written and shown all the same.
        problems = {
            option: problem_writing(
                option, file, partial(_WRITERS[option], verdict, file), quiet=self.quiet
            )
            for option, file in self.files.items()
        }
        wrong = list(filter(None, [problem, *problems.values()]))
        names = [
            file.name
            for option, file in self.files.items()
            if not (file.is_stdout or problems[option])
        ]
        names += [] if problem else self.written_before
        try:
            show(self.printer, verdict, names, quiet=self.quiet)
            self.printer.check()
        finally:
            for each in wrong:
                click.echo(f"Error: {each}", err=True)
        if wrong:
            sys.exit(verdict.exit_code or 1)
        return verdict


def make_results(
    requirements: tuple[Requirement, ...],
    *,
    rate_tolerance: float,
    allow_lag: float | None,
    quiet: bool,
    beside: Mapping[str, OutputFile | None] = MappingProxyType({}),
    **files: OutputFile | None,
) -> Results:
    """Put the options together, or fail with one line where they contradict each other.

    Files ``beside``, by their options' names, are written by somebody else.
    """
    named = {name.replace("_", "-"): file for name, file in files.items() if file is not None}
    others = {name: file for name, file in beside.items() if file is not None}
    check_distinct(named | others)
    printer = printer_beside((named | others).values())
    before = [file.name for file in others.values() if not file.is_stdout]
    return Results(requirements, named, rate_tolerance, allow_lag, quiet, printer, before)


def _read(name: str) -> tuple[str, Report]:
    """Give a file's name and the report that is in it; - is standard input."""
    return name, read_file(name, Report.from_json, or_input=True)


_HELP = """Show, judge and merge what fleets found, from the files of their --json.

Several files are merged exactly, as the parts of one run. Their plans must be the same, except for
the number of clients, the rate, the ramp, the sources and the seed. - is standard input.

Exit codes: 0 every message was answered right and every requirement is met; 1 something failed or
a requirement was missed; 2 wrong command; 3 the figures cannot be believed (INVALID).
"""


@click.command("report", help=_HELP)
@click.argument("reports", metavar="FILE...", type=Parsed("file", _read), nargs=-1, required=True)
@file_option("--json", help="Write the report as JSON; - is standard output.")
@result_options
def show_reports(
    reports: Sequence[tuple[str, Report]], json: OutputFile | None, **options: Any
) -> None:
    """Carry out `twistecho report`, and end the process."""
    results = make_results(**options, json=json)
    whole = _whole(reports)
    results.check(whole.plan)
    sys.exit(results.conclude(whole).exit_code)


def _whole(reports: Sequence[tuple[str, Report]]) -> Report:
    if len(reports) == 1:
        return reports[0][1]
    try:
        return merge_reports([found for _, found in reports], [name for name, _ in reports])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
