"""``twistecho scenario check``: its options. What it does is in `run_scenario`."""

from typing import Any

import click

from .later import later


@click.group(help="Scenarios: what `twist echo --scenario` does to messages.")
def scenario() -> None:
    """Do nothing but what the command says."""


_HELP = """Say what the scenario in each file is, or what is wrong with it.

A file is TOML or JSON, by its ending. The seed counts as 0 where a file names none.

Exit codes: 0 every file holds a scenario; 2 one does not, or wrong command; 130 after Ctrl-C.
"""


@scenario.command(help=_HELP)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Write each whole, as JSON on one line.")
def check(**options: Any) -> None:
    """Carry out `twistecho scenario check`, and end the process where a file is wrong."""
    later(".run_scenario:check")(**options)
