"""Reading reports and plans from files."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.report import Report

from .payloads import payload_in

_Value = TypeVar("_Value")


def read_file(name: str, parse: Callable[[str], _Value], *, or_input: bool = False) -> _Value:
    """Return the parsed text of a file. With ``or_input``, ``-`` means standard input.

    Raises ValueError with one line that names the file.
    """
    try:
        if or_input and name == "-":
            return parse(sys.stdin.read())
        return parse(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}: {getattr(error, 'strerror', None) or error}") from None


def read_report(name: str) -> tuple[str, Report]:
    """Return a file's name and the report in it; - is standard input."""
    return name, read_file(name, Report.from_json, or_input=True)


def read_plan(name: str) -> Plan:
    """Return the plan in a file. Raises ValueError with one line that names the file."""
    return read_file(name, partial(Plan.from_json, bytes_of=payload_in))
