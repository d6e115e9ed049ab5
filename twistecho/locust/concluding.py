"""What is done with the merged reports of a Locust test: written, judged and shown."""

import sys
from collections.abc import Mapping
from pathlib import Path

from locust.env import Environment

from twistecho.fleet.output.tables import (
    Printer,
    figures_table,
    parts_table,
    times_table,
    verdict_lines,
)
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import invalid, judge


def write(environment: Environment, reports: Mapping[str, Report]) -> None:
    """Write a report a kind beside Locust's CSV files, where it writes these."""
    options = environment.parsed_options
    prefix = None if options is None else options.csv_prefix
    if prefix:
        for kind, report in reports.items():
            Path(f"{prefix}_{kind}.json").write_text(report.to_json() + "\n", encoding="utf-8")


def decide(environment: Environment, reports: Mapping[str, Report]) -> None:
    """Have Locust end with exit code 1 where a report cannot be believed."""
    if any(invalid(report) for report in reports.values()):
        environment.process_exit_code = 1


def show(reports: Mapping[str, Report]) -> None:
    """Print what every kind of fleet found, in all and by worker."""
    printer = Printer(sys.stdout)
    for kind, report in reports.items():
        printer.line(f"{kind}: exact, as the fleets measured it")
        for table in (figures_table(report), times_table(report), parts_table(report)):
            if table.row_count:
                printer.table(table)
                printer.line("")
        for line, style in verdict_lines(judge(report)):
            printer.line(line, style)
