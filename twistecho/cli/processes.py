"""The option for the number of processes that run the clients."""

import re
from collections.abc import Callable
from typing import Any

import click

from twistecho.base.processes import cores

processes_option: Callable[[Any], Any] = click.option(
    "--processes", "-P", default="1", show_default=True, metavar="N|auto",
    help="Spread the clients over this many processes; auto means one per core.",
)  # fmt: skip
"""Adds the option."""


def read_processes(wanted: str, clients: int, excluded: dict[str, bool]) -> int:
    """Return the number of processes that run the ``clients``, or fail with a one-line error.

    ``excluded`` maps each option that several processes contradict to whether the user set it.
    """
    if wanted == "auto":
        return min(cores(), clients)
    if not re.fullmatch("[0-9]{1,18}", wanted) or not 0 < int(wanted) <= clients:
        raise click.UsageError(
            f"--processes: {wanted} is neither auto nor a number from 1 to the number of clients"
        )
    for option, given in excluded.items():
        if given and int(wanted) > 1:
            raise click.UsageError(f"--processes: it contradicts --{option}")
    return int(wanted)
