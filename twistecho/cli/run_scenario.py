"""Carries out ``twistecho scenario check``: whether files hold scenarios, and which."""

import json
import sys

import click

from twistecho.base.notation import escaped
from twistecho.service.process.scenario_file import scenario_from
from twistecho.service.scenario.document import written


def check(files: tuple[str, ...], *, as_json: bool) -> None:
    """Carry out `twistecho scenario check`; exit with code 2 if a file is wrong."""
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
