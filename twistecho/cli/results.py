"""How commands output a report: judge it by the requirements, show it and write it to files."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import click

from twistecho.fleet.output.printer import Printer
from twistecho.fleet.output.screen import show
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import Requirement
from twistecho.fleet.reports.verdict import Verdict, judge

from .later import imported
from .output_files import OutputFile, check_distinct
from .showing import printer_beside, problem_writing

_JUNIT = "twistecho.fleet.output.exports:to_junit"
_HDR = "twistecho.fleet.output.exports:to_hdr_log"
_STAGE_HDR = "twistecho.fleet.output.exports:to_stage_log"
_MARKDOWN = "twistecho.fleet.output.markdown:to_markdown"
_PAGE = "twistecho.fleet.output.page:html_page"
_CHARTS = "twistecho.fleet.output.charts:draw"

_WRITERS: dict[str, Callable[[Verdict, OutputFile], None]] = {
    "json": lambda verdict, file: file.write(verdict.report.to_json() + "\n"),
    "save-plan": lambda verdict, file: file.write(verdict.report.plan.to_json() + "\n"),
    "junit": lambda verdict, file: file.write(imported(_JUNIT)(verdict) + "\n"),
    "hdr": lambda verdict, file: file.write(imported(_HDR)(verdict.report)),
    "hdr-stages": lambda verdict, file: file.write(imported(_STAGE_HDR)(verdict.report)),
    "markdown": lambda verdict, file: file.append(imported(_MARKDOWN)(verdict)),
    "html": lambda verdict, file: file.write(imported(_PAGE)(verdict)),
    "plot": lambda verdict, file: file.fill(partial(imported(_CHARTS), verdict.report)),
}
"""The writer of each kind of file; its module is imported only if the option is used."""


@dataclass(frozen=True)
class Results:
    """The options for a command's report; ``files`` to write are keyed by option name.

    Files in ``written_before`` were written during the run; only their names are shown.
    """

    requirements: tuple[Requirement, ...]
    files: Mapping[str, OutputFile]
    rate_tolerance: float
    allow_lag: float | None
    quiet: bool
    printer: Printer
    written_before: Sequence[str] = ()

    def check(self, plan: Plan) -> None:
        """Fail with a one-line error if an option needs a stage that the plan does not have."""
        if "hdr-stages" in self.files and plan.stages is None:
            raise click.UsageError("--hdr-stages: the load has no stages")
        for requirement in self.requirements:
            problem = requirement.problem_with(plan)
            if problem:
                raise click.UsageError(f"--require: {problem}")

    def conclude(self, report: Report, problem: str | None = None) -> Verdict:
        """Judge, write and show a report. Ends the process if a file could not be written.

        ``problem`` is the error of a file that was written during the run.
        """
        if self.allow_lag is not None:
            report = replace(report, allowed_lag=self.allow_lag)
        verdict = judge(report, self.requirements, self.rate_tolerance)
        # The disk may be full by now: the other files are written and the report is shown anyway.
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
    """Combine the options, or fail with a one-line error if they contradict each other.

    Files in ``beside``, keyed by option name, are written elsewhere.
    """
    named = {name.replace("_", "-"): file for name, file in files.items() if file is not None}
    others = {name: file for name, file in beside.items() if file is not None}
    check_distinct(named | others)
    printer = printer_beside((named | others).values())
    before = [file.name for file in others.values() if not file.is_stdout]
    return Results(requirements, named, rate_tolerance, allow_lag, quiet, printer, before)
