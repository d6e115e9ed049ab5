"""The figures of a comparison in tables with one column per design: results and costs."""

from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table

from twistecho.base.notation import written
from twistecho.fleet.output.causes import cause_name
from twistecho.fleet.reports.figures import read

from .comparison import Comparison, Run, ServerCost, causes, middle

CPU_TICK = 0.01
"""The smallest CPU time, in seconds, that the system reports."""


def size(number: int) -> str:
    """Return a number of bytes as text in MiB."""
    return f"{number / 2**20:.1f} MiB"


def _time(value: float | None) -> str:
    return "-" if value is None else written(value)


def _measured(cell: Callable[[ServerCost], str]) -> Callable[[Run], str]:
    """Return a function that writes a server's cost, or a question mark if it was not measured."""
    return lambda run: cell(run.cost) if run.cost else "?"


def _cpu(cost: ServerCost) -> str:
    # The system counts CPU time in hundredths of a second.
    return written(cost.cpu) if cost.cpu >= CPU_TICK else f"< {written(CPU_TICK)}"


def _reply(figure: str) -> Callable[[Run], str]:
    return lambda run: _time(read(run.report, figure).value)


_Figures = dict[str, Callable[[Run], str]]

_BEFORE_FAILURES: _Figures = {
    "clients answered": lambda run: f"{run.report.answered:,}",
}
_AFTER_FAILURES: _Figures = {
    "connect retried": lambda run: f"{run.connects_retried:,}",
    "connect p50": lambda run: _time(middle(run.connect_times)),
    "connect max": lambda run: _time(max(run.connect_times, default=None)),
    "reply p50": _reply("p50"),
    "reply p99": _reply("p99"),
    "reply max": _reply("max"),
    "makespan": lambda run: written(run.report.makespan),
    "in progress at most": lambda run: f"{run.most_in_progress:,}",
}
_COST: _Figures = {
    "server CPU": _measured(_cpu),
    "memory, idle": _measured(lambda cost: size(cost.memory_idle)),
    "memory, peak": _measured(lambda cost: size(cost.memory_peak)),
    "processes": _measured(lambda cost: f"{cost.processes:,}"),
    "threads": _measured(lambda cost: f"{cost.threads:,}"),
}


def figures_table(
    comparison: Comparison, clients: int, shown: Sequence[Run] | None = None
) -> Table:
    """Show the figures of the runs with that many clients side by side, or only of ``shown``.

    The rows are the same in either case.
    """
    runs = comparison.of_size(clients) if shown is None else shown
    table = _new_table(f"{clients:,} clients" if clients > 1 else "1 client", comparison, runs)
    for name, figure in _BEFORE_FAILURES.items():
        table.add_row(name, *map(figure, runs))
    for cause in causes(comparison.of_size(clients)):
        failed = [f"{run.report.failures.get(cause, 0):,}" for run in runs]
        table.add_row(cause_name(cause), *failed, style="bold red")
    if any(run.report.plan.reconnect is not None for run in comparison.of_size(clients)):
        table.add_row("connect rate", *(str(read(run.report, "connects/s")) for run in runs))
    for name, figure in _AFTER_FAILURES.items():
        table.add_row(name, *map(figure, runs))
    return table


def cost_table(comparison: Comparison, clients: int, shown: Sequence[Run] | None = None) -> Table:
    """Show the servers' costs of the same runs side by side."""
    runs = comparison.of_size(clients) if shown is None else shown
    table = _new_table("cost", comparison, runs)
    for name, figure in _COST.items():
        table.add_row(name, *map(figure, runs))
    return table


def _new_table(head: str, comparison: Comparison, runs: Sequence[Run]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(head, no_wrap=True)
    for run in runs:
        table.add_column(comparison.name(run), justify="right")
    return table
