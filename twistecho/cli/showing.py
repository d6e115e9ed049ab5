"""Where a command's output goes: people's to one stream, a JSON result to a file."""

import sys
from collections.abc import Callable, Iterable

import click

from twistecho.fleet.output.live import Writing
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.output.reply_lines import ReplyLines
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.run import Shown, run_engine

from .output_files import OutputFile
from .streams import OutputError


def printer_beside(files: Iterable[OutputFile]) -> Printer:
    """Give what prints for people: to standard error where a result goes to standard output."""
    busy = any(file.is_stdout for file in files)
    return Printer(sys.stderr if busy else sys.stdout)


def problem_writing(
    option: str, file: OutputFile, write: Callable[[], object], *, quiet: bool = False
) -> str | None:
    """Have ``write`` write a file; say what the problem was if there was one.

    Where that takes its time it is said meanwhile, unless it is to be ``quiet``.
    """
    try:
        with Writing(sys.stderr, file.name, quiet=quiet or file.is_stdout):
            write()
    except OutputError:
        raise
    except OSError as error:
        return f"--{option} {file.name}: {error.strerror or error}"
    return None


def run_shown(
    engine: Engine, plan: Plan, target: Target, printer: Printer, *, verbose: bool, display: Shown
) -> Report:
    """Carry out a plan, with one line per reply where it is ``verbose``; see `run_engine`.

    Where these lines cannot be written the run is ended early, and its report given all the same:
    `Printer.check` tells.
    """
    if not verbose:
        return run_engine(engine, plan, target, display=display)
    with ReplyLines(printer.reply) as lines:
        return run_engine(engine, plan, target, lines, display=display, stoppable=lines.on_error)


def share_a_terminal(printer: Printer) -> bool:
    """Tell whether a line a reply would come between lines that are renewed, on one terminal."""
    return printer.console.is_terminal and sys.stderr.isatty()


class Output:
    """Where a command's output goes: people's to one stream, a JSON result to a file."""

    def __init__(self, json_file: OutputFile | None) -> None:
        self._json_file = json_file
        self.printer = printer_beside([] if json_file is None else [json_file])

    def json(self, text: str) -> None:
        """Write the result for machines, if it was asked for, or fail with one line."""
        file = self._json_file
        if file and (problem := problem_writing("json", file, lambda: file.write(text + "\n"))):
            raise click.ClickException(problem)
