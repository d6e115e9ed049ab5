"""The figures of a comparison: a table with a column a design, and what lies behind its words."""

from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table

from twistecho.base.notation import written
from twistecho.fleet.output.tables import REASONS, cause_name
from twistecho.fleet.reports.histograms import PERCENTILES

from .comparison import Comparison, Run, middle

CPU_TICK = 0.01
"""The least CPU time, in seconds, that can be told from none."""


def size(number: int) -> str:
    """Write a number of bytes in MiB."""
    return f"{number / 2**20:.1f} MiB"


def _time(value: float | None) -> str:
    return "-" if value is None else written(value)


def _cpu(run: Run) -> str:
    # The system counts CPU time in hundredths of a second.
    return written(run.cost.cpu) if run.cost.cpu >= CPU_TICK else f"< {written(CPU_TICK)}"


def _reply(percentile: float) -> Callable[[Run], str]:
    def figure(run: Run) -> str:
        summary = run.report.latencies()
        if summary is None:
            return "-"
        return written(summary.percentiles[PERCENTILES.index(percentile)])

    return figure


def _slowest_reply(run: Run) -> str:
    summary = run.report.latencies()
    return "-" if summary is None else written(summary.max)


_BEFORE_FAILURES: dict[str, Callable[[Run], str]] = {
    "clients answered": lambda run: f"{run.report.answered:,}",
}
_AFTER_FAILURES: dict[str, Callable[[Run], str]] = {
    "connect retried": lambda run: f"{run.connects_retried:,}",
    "connect p50": lambda run: _time(middle(run.connect_times)),
    "connect max": lambda run: _time(max(run.connect_times, default=None)),
    "reply p50": _reply(50.0),
    "reply p99": _reply(99.0),
    "reply max": _slowest_reply,
    "makespan": lambda run: written(run.report.makespan),
    "in progress at most": lambda run: f"{run.most_in_progress:,}",
    "server CPU": _cpu,
    "memory, idle": lambda run: size(run.cost.memory_idle),
    "memory, peak": lambda run: size(run.cost.memory_peak),
    "processes": lambda run: f"{run.cost.processes:,}",
    "threads": lambda run: f"{run.cost.threads:,}",
}


def causes(runs: Sequence[Run]) -> list[str]:
    """List the causes of failure that occurred in any of the runs."""
    return list(dict.fromkeys(cause for run in runs for cause in run.report.failures))


def figures_table(comparison: Comparison, clients: int) -> Table:
    """Put the figures of all runs with that many clients side by side."""
    runs = comparison.of_size(clients)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(f"{clients:,} clients" if clients > 1 else "1 client", no_wrap=True)
    for run in runs:
        table.add_column(comparison.name(run), justify="right")
    for name, figure in _BEFORE_FAILURES.items():
        table.add_row(name, *map(figure, runs))
    for cause in causes(runs):
        failed = [f"{run.report.failures.get(cause, 0):,}" for run in runs]
        table.add_row(cause_name(cause), *failed, style="bold red")
    for name, figure in _AFTER_FAILURES.items():
        table.add_row(name, *map(figure, runs))
    return table


def notes(comparison: Comparison) -> list[str]:
    """Explain, in a line each, what the table's words do not say by themselves."""
    lines = []
    if any(run.connects_retried for run in comparison.runs):
        lines.append(
            "connect retried: the server's queue was full and nothing answered the client's SYN; "
            "the system sent it again, a second or more later."
        )
    for cause in causes(comparison.runs):
        meaning = REASONS.get(cause.partition(":")[2])
        lines += [f"{cause_name(cause)} ({cause}): {meaning}."] if meaning else []
    for run in comparison.runs:
        if run.server_ended:
            name = f"{comparison.name(run)}, {run.clients:,} clients"
            lines.append(f"{name}: the server ended in the middle: {run.server_ended}.")
    return lines
