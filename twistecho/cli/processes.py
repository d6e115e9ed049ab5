"""The option that says over how many processes the clients of a run are spread."""

import re
from collections.abc import Callable
from typing import Any

import click

from twistecho.base.processes import cores

processes_option: Callable[[Any], Any] = click.option(
    "--processes", "-P", default="1", show_default=True, metavar="N|auto",
    help="Spread the clients over this many processes; auto takes one per core.",
)  # fmt: skip
"""Adds the option."""


def read_processes(wanted: str, clients: int, excluded: dict[str, bool]) -> int:
    """Read how many processes so many clients are to be spread over, or fail with one line.

    ``excluded`` says of options that several processes contradict whether they are given.
    """
    if wanted == "auto":
        return min(cores(), clients)
    if not re.fullmatch("[0-9]{1,18}", wanted) or not 0 < int(wanted) <= clients:
        raise click.UsageError(
            f"--processes: {wanted} is neither auto nor a number from 1 to that of the clients"
        )
    for option, given in excluded.items():
        if given and int(wanted) > 1:
            raise click.UsageError(f"--processes: it contradicts --{option}")
    return int(wanted)
