"""Where a command's output goes: text for people to one stream, a JSON result to a file."""

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
    """Return the printer for text: on standard error if a result goes to standard output."""
    busy = any(file.is_stdout for file in files)
    return Printer(sys.stderr if busy else sys.stdout)


def problem_writing(
    option: str, file: OutputFile, write: Callable[[], object], *, quiet: bool = False
) -> str | None:
    """Call ``write`` to write a file; return the error in one line, or None.

    If it takes long, a display says so meanwhile, unless ``quiet``.
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
    """Carry out a plan; if ``verbose``, print one line per reply; see `run_engine`.

    If these lines cannot be written, the run ends early and its report is still returned;
    `Printer.check` raises the error.
    """
    if not verbose:
        return run_engine(engine, plan, target, display=display)
    with ReplyLines(printer.reply) as lines:
        return run_engine(engine, plan, target, lines, display=display, stoppable=lines.on_error)


def share_a_terminal(printer: Printer) -> bool:
    """Return whether reply lines and a live display would be on the same terminal."""
    return printer.console.is_terminal and sys.stderr.isatty()


class Output:
    """Where a command's output goes: text for people to one stream, a JSON result to a file."""

    def __init__(self, json_file: OutputFile | None) -> None:
        self._json_file = json_file
        self.printer = printer_beside([] if json_file is None else [json_file])

    def json(self, text: str) -> None:
        """Write the JSON result, if the user asked for it, or fail with a one-line error."""
        file = self._json_file
        if file and (problem := problem_writing("json", file, lambda: file.write(text + "\n"))):
            raise click.ClickException(problem)
