"""Servers of nobody's here, as commands, for tests of what starts and ends them."""

import shlex
import sys

from twistecho.compare.own_command import OwnCommand, parse_command

from . import DOCS

ECHO = f"{shlex.quote(sys.executable)} {shlex.quote(str(DOCS / 'own_server.py'))} {{port}} 0"
"""The echo server of docs/designs.md, without a delay."""


def python(code: str, *arguments: str) -> OwnCommand:
    """Give the command that runs lines of Python; the port is their first argument."""
    return OwnCommand("own", (sys.executable, "-c", code, "{port}", *arguments))


def echo() -> OwnCommand:
    """Give the command of the echo server."""
    return parse_command(ECHO)
