"""Plans carried out one after the other by several processes, whose clients stay connected."""

from collections.abc import Callable

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.report import Report

from .engine import Engine
from .part_processes import PartProcesses
from .run import interruptible
from .several import found_together
from .step_process import StepProcess
from .steps import NextPlan, ShownEach

_CLOSING = 5.0
"""The time for a process to close its connections after the last step, in seconds."""


class StepParts(PartProcesses[StepProcess]):
    """All processes of successive plans against one target; see `PartProcesses`."""

    def __init__(self, engine: Engine, plan: Plan, target: Target, processes: int) -> None:
        self._engine, self._target = engine, target

        def make(part: Plan, together: Callable[[], None]) -> StepProcess:
            return StepProcess(engine, target, part, together)

        super().__init__(plan, processes, make)

    def begin(self, plan: Plan) -> None:
        """Start the next plan: each process carries out its part."""
        self.plan = plan
        self.hold()
        for part, piece in zip(self.parts, plan.divide(len(self.parts)), strict=True):
            part.begin(piece)

    def report(self) -> Report:
        """Wait until all have reported on the current plan, or ended; return the merged report.

        Raises PartError where a part could not begin.
        """
        for part in self.parts:
            part.wait_for_step()
        self.check_begun()
        return found_together(self, self._engine, self._target)

    def finish(self) -> None:
        """Make all processes close their connections, and wait for that for a limited time."""
        for part in self.parts:
            part.finish(_CLOSING)


def run_steps_in_processes(
    engine: Engine, target: Target, processes: int, next_plan: NextPlan, display: ShownEach
) -> None:
    """Carry out plans, one after the other, with several processes; see `steps.run_steps`.

    A process that ends early is named in the report of that step, and in all later ones.
    Raises ValueError for a target that the engine cannot connect to.
    """
    plan = next_plan(None)
    if plan is None:
        return
    parts = StepParts(engine, plan, target, processes)
    with interruptible(parts.interrupt, parts.kill), parts:
        while True:
            with display(plan)(parts):
                report = parts.report()
            plan = next_plan(report)
            if plan is None or report.interrupted:
                break
            parts.begin(plan)
        parts.finish()
