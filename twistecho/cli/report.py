"""``twistecho report``: shows, judges and merges the reports of earlier runs.

The output options for a report are here, also for other commands; see `results`.
"""

from collections.abc import Callable
from typing import Any

import click

from twistecho.base.notation import parse_seconds, parse_share

from .later import later
from .option_types import Parsed, adding, file_option

picture = later(".output_files:picture")
"""Returns a file to draw into."""

_REQUIREMENT = "twistecho.fleet.reports.requirements:parse_requirement"

trust_options: Callable[[Any], Any] = adding([
    click.option("--rate-tolerance", type=Parsed("share", parse_share), default="99%",
                 show_default=True, metavar="SHARE",
                 help="Share of the messages of a rate that must be sent in time; the run is "
                      "INVALID below it: 95%, 95 or 0.95."),
    click.option("--allow-lag", type=Parsed("time", parse_seconds), metavar="TIME",
                 help="How late the fleet may send under a rate, and how much it may add to a time "
                      "before a star marks that time.  [default: 10ms and 0.2ms]"),
])  # fmt: skip
"""Adds the limits beyond which a report is not valid."""

result_options: Callable[[Any], Any] = adding([
    click.option("--require", "requirements", multiple=True,
                 type=Parsed("requirement", later(_REQUIREMENT)), metavar="'FIGURE < NUMBER'",
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
"""Adds the output options for a report."""


_HELP = """Show, judge and merge the results of fleets, from their --json files.

Several files are merged exactly, as the parts of one run. Their plans must be the same, except for
the number of clients, the rate, the ramp, the sources and the seed. - means standard input.

Exit codes: 0 every message was answered right and every requirement is met; 1 something failed or
a requirement was missed; 2 wrong command; 3 the figures cannot be believed (INVALID); 130 after
Ctrl-C.
"""


@click.command("report", help=_HELP)
@click.argument(
    "reports",
    metavar="FILE...",
    type=Parsed("file", later(".input_files:read_report")),
    nargs=-1,
    required=True,
)
@file_option("--json", help="Write the report as JSON; - is standard output.")
@result_options
def show_reports(**options: Any) -> None:
    """Carry out `twistecho report`, and end the process."""
    later(".run_report:show_reports")(**options)
