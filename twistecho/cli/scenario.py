"""``twistecho scenario check``: its options. `run_scenario` carries it out."""

from typing import Any

import click

from .later import later


@click.group(help="Scenarios: what `twist echo --scenario` does to messages.")
def scenario() -> None:
    """Do nothing here: the subcommand does the work."""


_HELP = """Describe the scenario in each file, or what is wrong with it.

A file is TOML or JSON, by its suffix. The seed is 0 if the file has none.

Exit codes: 0 every file holds a scenario; 2 one does not, or wrong command; 130 after Ctrl-C.
"""


@scenario.command(help=_HELP)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Write each scenario as JSON on one line.")
def check(**options: Any) -> None:
    """Carry out `twistecho scenario check`; exit with code 2 if a file is wrong."""
    later(".run_scenario:check")(**options)
