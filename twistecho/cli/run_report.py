"""Carries out ``twistecho report``: outputs the reports of earlier runs, also of other machines."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.report import Report

from .output_files import OutputFile
from .results import make_results


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
