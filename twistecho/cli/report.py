"""``twistecho report``: what runs have found before, on other machines too, as one report."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from twistecho.fleet.output.tables import headline
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.report import Report

from .options import Parsed, file_option, read_file
from .output_files import OutputFile
from .verdict import make_results, result_options


def _read(name: str) -> tuple[str, Report]:
    """Give a file's name and the report that is in it; - is standard input."""
    return name, read_file(name, Report.from_json, or_input=True)


@click.command("report")
@click.argument("reports", metavar="FILE...", type=Parsed("file", _read), nargs=-1, required=True)
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
