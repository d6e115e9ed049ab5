"""What commands do with a comparison: show the answer first, and write it to files.

``twistecho diff`` compares what two runs have found before; `ab` measures two targets in turn.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import click

from twistecho.base.processes import INTERRUPTED
from twistecho.fleet.output.comparison import (
    answer_of,
    comparison_table,
    lines_below,
    notes_on,
    sides_line,
    to_markdown,
)
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.reports.histograms import INTERVAL_LENGTH
from twistecho.fleet.reports.judged import Judged, Side, answer_all
from twistecho.fleet.reports.relative import Relative, parse_relative
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.two_reports import compare_reports
from twistecho.fleet.reports.verdict import INVALID, invalid

from .option_types import Parsed, adding, file_option, read_file
from .output_files import OutputFile, check_distinct, printer_beside, problem_writing
from .report import trust_options

comparison_options: Callable[[Any], Any] = adding([
    click.option("--require", "requirements", multiple=True,
                 type=Parsed("requirement", parse_relative), metavar="'FIGURE <= +5%'",
                 help="Fail unless B meets this, by the whole interval: 'p99 <= +5%', 'rate >= "
                      "-2%', 'failures <= +0%'; repeatable."),
    trust_options,
    file_option("--json", help="Write the comparison as JSON; - is standard output."),
    file_option("--markdown", help="Append the comparison as Markdown, for example to "
                                   "$GITHUB_STEP_SUMMARY."),
])  # fmt: skip
"""Adds the options that say what is done with a comparison."""


@dataclass(frozen=True)
class Shown:
    """Where a comparison goes: people's to one stream, and files, by their options' names."""

    files: dict[str, OutputFile]
    printer: Printer

    def conclude(self, judged: Judged) -> int:
        """Write and show it; give the exit code. Ends the process where a file is not written."""
        writers: dict[str, Callable[[OutputFile], None]] = {
            "json": lambda file: file.write(judged.to_json() + "\n"),
            "markdown": lambda file: file.append(to_markdown(judged)),
        }
        problems = []
        for option, file in self.files.items():
            write = writers[option]
            problems.append(problem_writing(option, file, lambda: write(file)))  # noqa: B023 - called at once
        self._show(judged)
        for problem in filter(None, problems):
            click.echo(f"Error: {problem}", err=True)
        code = INTERRUPTED if judged.interrupted else judged.exit_code
        return code or int(any(problems))

    def _show(self, judged: Judged) -> None:
        answer, style = answer_of(judged)
        self.printer.line(("Interrupted. " if judged.interrupted else "") + answer, style)
        self.printer.line(sides_line(judged))
        self.printer.line("")
        self.printer.table(comparison_table(judged))
        self.printer.line("")
        for line, look in lines_below(judged):
            self.printer.line(line, look)
        self.printer.check()


def shown_to(json: OutputFile | None, markdown: OutputFile | None) -> Shown:
    """Put the options together, or fail with one line where they contradict each other."""
    named = {"json": json, "markdown": markdown}
    files = {name: file for name, file in named.items() if file is not None}
    check_distinct(files)
    return Shown(files, printer_beside(files.values()))


def allowing(report: Report, lag: float | None) -> Report:
    """Give a report that allows so much lag, unless that is None."""
    return report if lag is None else replace(report, allowed_lag=lag)


def _read(name: str) -> tuple[str, Report]:
    return name, read_file(name, Report.from_json, or_input=True)


_FILE = Parsed("file", _read)

_HELP = """Say whether run B was slower than run A, from the files of their --json.

One of the files may be -, for standard input. Their plans must be the same. Each second of one run
is compared with the same second of the other, without the warm-up; 20 seconds are needed. If the
machine did other work during one of the runs, diff takes that for a difference of the target:
twistecho ab avoids this, since it measures both in turn.

Exit codes: 0 every requirement is met; 1 one was missed; 2 wrong command; 3 one is undecided, or a
report cannot be believed (INVALID).
"""


@click.command("diff", help=_HELP)
@click.argument("one", metavar="A.json", type=_FILE)
@click.argument("two", metavar="B.json", type=_FILE)
@comparison_options
def diff(
    one: tuple[str, Report],
    two: tuple[str, Report],
    *,
    requirements: tuple[Relative, ...],
    rate_tolerance: float,
    allow_lag: float | None,
    json: OutputFile | None,
    markdown: OutputFile | None,
) -> None:
    """Carry out `twistecho diff`, and end the process."""
    shown = shown_to(json, markdown)
    one, two = ((name, allowing(report, allow_lag)) for name, report in (one, two))
    for name, report in (one, two):
        if reasons := invalid(report, rate_tolerance):
            click.echo(f"Error: INVALID: {name}: {reasons[0]}", err=True)
            sys.exit(INVALID)
    try:
        comparison = compare_reports(one[1], two[1], (one[0], two[0]))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    sides = Side(one[0], one[1].target), Side(two[0], two[1].target)
    judged = Judged(
        sides,
        comparison,
        INTERVAL_LENGTH,
        answer_all(requirements, comparison),
        notes=tuple(notes_on((one[1], two[1]))),
    )
    sys.exit(shown.conclude(judged))
