"""All commands of ``twistecho`` in one group."""

import click

from .check import check
from .compare import compare
from .fleet import fleet
from .report import show_reports
from .serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="twistecho")
def twistecho() -> None:
    """Fleets of echo clients that prove what came back. The service itself is `twist echo`."""


for _command in (check, fleet, show_reports, serve, compare):
    twistecho.add_command(_command)
