"""A plan carried out by several processes: divided, watched, and merged exactly.

Every process is a `fleet_process`, which reports its progress and finally its result. A process
that ends without a report is named in the merged report, where its clients are missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.merge import lost_report, merge_reports, put_later
from twistecho.fleet.reports.report import Report

from .engine import Engine
from .fleet_process import FleetProcess
from .part_processes import PartProcesses
from .run import Shown, interruptible
from .step_process import StepProcess


class Parts(PartProcesses[FleetProcess]):
    """All processes of a plan against one target; see `PartProcesses`.

    With ``seconds`` they report each of their seconds.
    """

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        target: Target,
        processes: int,
        *,
        seconds: bool = False,
    ) -> None:
        self._engine, self._target = engine, target

        def make(part: Plan, together: Callable[[], None]) -> FleetProcess:
            return FleetProcess(engine, target, part, together, seconds=seconds)

        super().__init__(plan, processes, make)

    def report(self) -> Report:
        """Wait for all parts and return their merged report.

        Raises PartError where a part could not begin.
        """
        self.wait()
        return found_together(self, self._engine, self._target)


def found_together(
    processes: PartProcesses[FleetProcess] | PartProcesses[StepProcess],
    engine: Engine,
    target: Target,
) -> Report:
    """Merge the reports of processes; processes without a report are named in the result."""
    found = [
        part.report or lost_report(engine, str(target), part.plan, name, part.problem())
        for part, name in zip(processes.parts, processes.names, strict=True)
    ]
    whole = put_together(processes.plan, found, processes.names)
    return replace(whole, interrupted=whole.interrupted or processes.interrupted)


def put_together(plan: Plan, reports: Sequence[Report], names: Sequence[str]) -> Report:
    """Merge the reports of a plan's parts; ``names`` are the names of the parts."""
    found = _from_one_barrier(reports) if plan.barrier else reports
    return replace(merge_reports(found, names), plan=plan)


def _from_one_barrier(reports: Sequence[Report]) -> list[Report]:
    """Move the times of all parts so that they pass the barrier at the same time."""
    passed = [
        min((o.offered_from for o in one.outcomes if o.offered_from is not None), default=None)
        for one in reports
    ]
    last = max((at for at in passed if at is not None), default=0.0)
    return [
        one if at is None else put_later(one, last - at)
        for one, at in zip(reports, passed, strict=True)
    ]


def run_processes(
    engine: Engine,
    plan: Plan,
    target: Target,
    processes: int,
    display: Shown,
    *,
    seconds: bool = False,
) -> Report:
    """Carry out a plan with several processes; return the merged report.

    ``display`` shows their progress, and with ``seconds`` gets each of their seconds. Signals are
    handled as in `run`. Raises ValueError for a plan that cannot be divided and for a target that
    the engine cannot connect to, KeyboardInterrupt if interrupted before any client had begun.
    """
    parts = Parts(engine, plan, target, processes, seconds=seconds)
    with interruptible(parts.interrupt, parts.kill), parts, display(parts):
        report = parts.report()
    if report.interrupted and not report.outcomes:
        raise KeyboardInterrupt
    return report
