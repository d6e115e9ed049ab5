"""``twistecho report``: shows, judges and merges what runs have found before.

The options for what is done with a report are here, those of other commands too; see `results`.
"""

from collections.abc import Callable
from typing import Any

import click

from twistecho.base.notation import parse_seconds, parse_share

from .later import later
from .option_types import Parsed, adding, file_option

picture = later(".output_files:picture")
"""Gives a file to draw into."""

_REQUIREMENT = "twistecho.fleet.reports.requirements:parse_requirement"

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
"""Adds the options that say what is done with a report."""


_HELP = """Show, judge and merge what fleets found, from the files of their --json.

Several files are merged exactly, as the parts of one run. Their plans must be the same, except for
the number of clients, the rate, the ramp, the sources and the seed. - is standard input.

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
