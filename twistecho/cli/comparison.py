"""How commands output a comparison: the answer is shown first, then files are written."""

from collections.abc import Callable
from dataclasses import dataclass

import click

from twistecho.base.processes import INTERRUPTED
from twistecho.fleet.output.comparison import (
    answer_of,
    comparison_table,
    lines_below,
    sides_line,
    to_markdown,
)
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.reports.judged import Judged

from .output_files import OutputFile, check_distinct
from .showing import printer_beside, problem_writing


@dataclass(frozen=True)
class Shown:
    """Where a comparison goes: ``printer`` shows it, ``files`` are keyed by option name."""

    files: dict[str, OutputFile]
    printer: Printer

    def conclude(self, judged: Judged) -> int:
        """Write and show it. Return the exit code, at least 1 if a file could not be written."""
        writers: dict[str, Callable[[OutputFile], None]] = {
            "json": lambda file: file.write(judged.to_json() + "\n"),
            "markdown": lambda file: file.append(to_markdown(judged)),
        }
        problems = []
        for option, file in self.files.items():
            write = writers[option]
            problems.append(problem_writing(option, file, lambda: write(file)))  # noqa: B023 - called at once
        self._show(judged)
        for problem in filter(None, problems):
            click.echo(f"Error: {problem}", err=True)
        code = INTERRUPTED if judged.interrupted else judged.exit_code
        return code or int(any(problems))

    def _show(self, judged: Judged) -> None:
        answer, style = answer_of(judged)
        self.printer.line(("Interrupted. " if judged.interrupted else "") + answer, style)
        self.printer.line(sides_line(judged))
        self.printer.line("")
        self.printer.table(comparison_table(judged))
        self.printer.line("")
        for line, look in lines_below(judged):
            self.printer.line(line, look)
        self.printer.check()


def shown_to(json: OutputFile | None, markdown: OutputFile | None) -> Shown:
    """Combine the options, or fail with a one-line error if they contradict each other."""
    named = {"json": json, "markdown": markdown}
    files = {name: file for name, file in named.items() if file is not None}
    check_distinct(files)
    return Shown(files, printer_beside(files.values()))
