"""``twistecho report``: what runs have found before, on other machines too, as one report."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from twistecho.fleet.output.tables import headline
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.report import Report

from .output_files import OutputFile, file_option
from .verdict import make_results, result_options


class _ReportType(click.ParamType[tuple[str, Report]]):
    """A file that a fleet's report was written to."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Report]:
        """Read the file, or fail with one line; - is standard input."""
        if isinstance(value, tuple):
            return value
        try:
            text = sys.stdin.read() if value == "-" else Path(value).read_text(encoding="utf-8")
            return str(value), Report.from_json(text)
        except OSError as error:
            self.fail(f"{value}: {error.strerror or error}", param, ctx)
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)


@click.command("report")
@click.argument("reports", metavar="FILE...", type=_ReportType(), nargs=-1, required=True)
@file_option("--json", help="Write the report as JSON; - is standard output.")
@result_options
def show_reports(
    reports: Sequence[tuple[str, Report]], json: OutputFile | None, **options: Any
) -> None:
    """Show what fleets found, from the files of their --json.

    Several files are put together exactly, as the parts of one run: their plans must be the same,
    but for the number of clients, the rate, the sources and the seed.

    The exit code is 1 where not every message was answered right, a requirement is missed, or the
    figures cannot be believed.
    """
    results = make_results(**options, json=json)
    whole = _whole(reports)
    if not results.quiet:
        results.printer.line(headline(whole.plan, whole.target))
    sys.exit(0 if results.conclude(whole).passed else 1)


def _whole(reports: Sequence[tuple[str, Report]]) -> Report:
    if len(reports) == 1:
        return reports[0][1]
    try:
        return merge_reports([found for _, found in reports], [name for name, _ in reports])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
