"""Checks of blocks that are no commands: programs, scenarios, plans, JSON, configurations."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import jsonschema_rs

from tests.support import DOCS
from tests.support.programs import program as program_at
from twistecho.fleet.plans.plan import Plan
from twistecho.service.scenario.document import read_scenario

from .blocks import Block, PageError
from .shell import DEADLINE, ROOT

_NOTEBOOK = """import asyncio, os, sys

async def run():
    await eval({cell})

asyncio.run(run())
sys.stdout.flush()
os._exit(0)  # a notebook's process waits for no thread, such as those of a reactor
"""


def program(text: str) -> str:
    """Return a program that runs a block; one with a top-level ``await`` is a notebook's cell."""
    try:
        compile(text, "block", "exec")
    except SyntaxError:
        cell = f"compile({text!r}, 'block', 'exec', {ast.PyCF_ALLOW_TOP_LEVEL_AWAIT})"
        return _NOTEBOOK.format(cell=cell)
    return text


def checked(name: str, package: str, *arguments: str, about: str) -> None:
    """Run a program that checks a file; lines of its errors with a certain word count as errors.

    Does nothing where the program is not installed, but not in CI.
    """
    try:
        command = [program_at(name, package), *arguments]
    except SkipTest:
        return
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    said = [line for line in done.stderr.splitlines() if about in line]
    if done.returncode or said:
        raise PageError(done.stdout + done.stderr)


def check_extras(command: str) -> None:
    """Hold that the extras which a command installs exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"(?:twistecho|\.)\[([\w,]+)\]", command):
        for extra in extras.split(","):
            if extra not in project["optional-dependencies"]:
                raise PageError(f"no such extra: {extra}")


def parsed(data: Any) -> None:
    """Read a scenario or a plan. Raises PageError where it is neither."""
    reading: Callable[[Any], object] = read_scenario
    if "messages" in data and "clients" in data:
        reading = Plan.from_dict
    try:
        reading(data)
    except (ValueError, TypeError) as error:
        raise PageError(str(error)) from error


def read_json(block: Block) -> None:
    """Read a line of ``--json-lines``, a scenario or a plan. Raises PageError for another text."""
    data = json.loads(block.text)
    if "start" in data:  # a line of --json-lines
        schema = json.loads((DOCS / "report-3.schema.json").read_text(encoding="utf-8"))
        line = {"$ref": "#/$defs/line", "$defs": schema["$defs"]}
        for error in jsonschema_rs.Draft202012Validator(line).iter_errors(data):
            raise PageError(str(error))
    else:
        parsed(data)
