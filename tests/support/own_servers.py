"""Servers that are not this project's, as commands, for tests of starting and ending them."""

import shlex
import sys

from twistecho.compare.own_command import OwnCommand, parse_command

from . import DOCS

ECHO = f"{shlex.quote(sys.executable)} {shlex.quote(str(DOCS / 'own_server.py'))} {{port}} 0"
"""The echo server of docs/designs.md, without a delay."""


def python(code: str, *arguments: str) -> OwnCommand:
    """Return the command that runs lines of Python; the port is their first argument."""
    return OwnCommand("own", (sys.executable, "-c", code, "{port}", *arguments))


def echo() -> OwnCommand:
    """Return the command of the echo server."""
    return parse_command(ECHO)
