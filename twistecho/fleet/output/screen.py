"""The results of a finished run as text: the answer first, then the figures behind it.

After verdict and requirements come messages and rate, the latencies, stages and parts, failures,
and the files that were written. Rows without figures are left out.
"""

from collections.abc import Iterable, Iterator

from rich.text import Text

from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import Verdict

from .answer import Answer, answer_lines, answer_of
from .failure_lines import failure_section
from .latency_table import latency_lines
from .layout import LABEL, Layout, signs_for
from .part_lines import part_lines
from .printer import Printer
from .run_rows import run_rows
from .stage_table import stages_table
from .styles import ASIDE
from .words import count

_IN_A_FILE = 110
"""The width in characters if the output is no terminal."""


def layout_of(printer: Printer) -> Layout:
    """Return the layout for the stream of a printer."""
    console = printer.console
    signs = signs_for(console.encoding)
    if console.is_terminal:
        return Layout(console.width, signs)
    return Layout(_IN_A_FILE, signs, wraps=False)


def show(
    printer: Printer, verdict: Verdict, files: Iterable[str] = (), *, quiet: bool = False
) -> None:
    """Print the results of a run, and the names of the ``files`` that they were written to.

    If ``quiet``, only problems are printed. Raises OSError.
    """
    layout, report = layout_of(printer), verdict.report
    if quiet:
        if answer_of(verdict) is not Answer.OK:
            _print(printer, answer_lines(verdict, layout, quiet=True))
            _print(printer, failure_section(report, layout))
        return
    _print(printer, answer_lines(verdict, layout))
    _print(printer, run_rows(report, layout), apart=True)
    _print(printer, latency_lines(report, layout), apart=True)
    if report.by_stage:
        printer.line("")
        printer.table(stages_table(report))
    _print(printer, part_lines(report, layout), apart=True)
    _print(printer, _at_the_end(report, files, layout), apart=True)


def _at_the_end(report: Report, files: Iterable[str], layout: Layout) -> Iterator[Text]:
    """Yield the failures, notes, and the files that were written."""
    yield from failure_section(report, layout)
    if ended := sum(report.interruptions.values()):
        still = f"{count(ended, 'client')} still ran, without a failure"
        yield from layout.prose(still, "yellow", 0, head="Ended".ljust(LABEL))
    if report.plan.told_apart is False:
        apart = "replies told apart: no, since other clients send the same messages"
        yield from layout.prose(apart, ASIDE, 0, head="Note".ljust(LABEL))
    if names := list(files):
        yield from layout.row("Written", [(name, "") for name in names])


def _print(printer: Printer, lines: Iterable[Text], *, apart: bool = False) -> None:
    """Print lines, with an empty one before them if they stand ``apart``."""
    for number, line in enumerate(lines):
        if apart and not number:
            printer.line("")
        printer.text(line)
