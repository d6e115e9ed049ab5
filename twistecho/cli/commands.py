"""All commands of ``twistecho`` in one group."""

from typing import Any

import click

from .check import check
from .compare import compare
from .fleet import fleet
from .report import show_reports
from .serve import serve


class _Commands(click.Group):
    """Ends with one line after Ctrl-C; click would put an empty one before it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Raises Abort where it was interrupted."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="twistecho")
def twistecho() -> None:
    """Fleets of echo clients that prove what came back. The service itself is `twist echo`."""


for _command in (check, fleet, show_reports, serve, compare):
    twistecho.add_command(_command)
