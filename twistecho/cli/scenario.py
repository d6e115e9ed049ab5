"""``twistecho scenario check``: whether files hold scenarios, and what these are."""

import json
import sys

import click

from twistecho.base.notation import escaped
from twistecho.service.process.scenario_file import scenario_from
from twistecho.service.scenario.document import written


@click.group(help="Scenarios: what `twist echo --scenario` does to messages.")
def scenario() -> None:
    """Do nothing but what the command says."""


_HELP = """Say what the scenario in each file is, or what is wrong with it.

A file is TOML or JSON, by its ending. The exit code is 2 where one holds no scenario. The seed
counts as 0 where a file names none.
"""


@scenario.command(help=_HELP)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Write each whole, as JSON on one line.")
def check(files: tuple[str, ...], *, as_json: bool) -> None:
    """Carry out `twistecho scenario check`, and end the process where a file is wrong."""
    wrong = False
    for name in files:
        try:
            found = scenario_from(name)
        except ValueError as error:
            click.echo(f"Error: {escaped(str(error))}", err=True)
            wrong = True
        else:
            click.echo(json.dumps(written(found)) if as_json else _line(name, found.describe()))
    if wrong:
        sys.exit(2)


def _line(name: str, description: str) -> str:
    return escaped(f"{name}: {description}")
