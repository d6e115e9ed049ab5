"""Carries out ``twistecho diff``: compares the reports of two earlier runs."""

import sys
from dataclasses import replace

import click

from twistecho.fleet.output.comparison import (
    notes_on,
)
from twistecho.fleet.reports.histograms import INTERVAL_LENGTH
from twistecho.fleet.reports.judged import Judged, Side, answer_all
from twistecho.fleet.reports.relative import Relative
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.two_reports import compare_reports
from twistecho.fleet.reports.verdict import INVALID, invalid

from .comparison import shown_to
from .output_files import OutputFile


def allowing(report: Report, lag: float | None) -> Report:
    """Return the report with this allowed lag, in seconds; unchanged if the lag is None."""
    return report if lag is None else replace(report, allowed_lag=lag)


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
