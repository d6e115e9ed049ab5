"""Files that reports and plans are read from."""

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
    """Give what a function reads from the text of a file; ``-`` may be standard input.

    Raises ValueError with one line, which names the file, where that cannot be.
    """
    try:
        if or_input and name == "-":
            return parse(sys.stdin.read())
        return parse(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}: {getattr(error, 'strerror', None) or error}") from None


def read_report(name: str) -> tuple[str, Report]:
    """Give a file's name and the report that is in it; - is standard input."""
    return name, read_file(name, Report.from_json, or_input=True)


def read_plan(name: str) -> Plan:
    """Give the plan in a file. Raises ValueError with one line that names the file."""
    return read_file(name, partial(Plan.from_json, bytes_of=payload_in))
