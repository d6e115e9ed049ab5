"""``twistecho diff``: its options, some of which `ab` shares. `run_diff` carries it out."""

from collections.abc import Callable
from typing import Any

import click

from .later import later
from .option_types import Parsed, adding, file_option
from .report import trust_options

_REQUIREMENT = "twistecho.fleet.reports.relative:parse_relative"

comparison_options: Callable[[Any], Any] = adding([
    click.option("--require", "requirements", multiple=True,
                 type=Parsed("requirement", later(_REQUIREMENT)), metavar="'FIGURE <= +5%'",
                 help="Fail unless the whole interval of B meets this: 'p99 <= +5%', 'rate >= "
                      "-2%', 'failures <= +0%'; repeatable."),
    trust_options,
    file_option("--json", help="Write the comparison as JSON; - is standard output."),
    file_option("--markdown", help="Append the comparison as Markdown, for example to "
                                   "$GITHUB_STEP_SUMMARY."),
])  # fmt: skip
"""Adds the options for the output of a comparison."""


_FILE = Parsed("file", later(".input_files:read_report"))

_HELP = """Report whether run B was slower than run A, from their --json files.

One of the files may be -, for standard input. Their plans must be the same. Each second of one run
is compared with the same second of the other, without the warm-up; 20 seconds are needed. If the
machine did other work during one of the runs, diff reports that as a difference of the target:
twistecho ab avoids this, since it measures both in turn.

Exit codes: 0 every requirement is met; 1 one was missed; 2 wrong command; 3 one is undecided, or a
report cannot be believed (INVALID); 130 after Ctrl-C.
"""


@click.command("diff", help=_HELP)
@click.argument("one", metavar="A.json", type=_FILE)
@click.argument("two", metavar="B.json", type=_FILE)
@comparison_options
def diff(**options: Any) -> None:
    """Carry out `twistecho diff`, and end the process."""
    later(".run_diff:diff")(**options)
