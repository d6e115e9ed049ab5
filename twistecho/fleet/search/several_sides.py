"""Two targets that take turns, with several processes, each of which has clients of both.

All begin when every client of every process has connected, so that all have the same turns. Their
counts for a slice are added exactly. If one process ends early, the others are ended too: the
remaining load is not the requested one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.plans.turns import Turns
from twistecho.fleet.reports.merge import lost_report
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.fleet_process import FleetError, FleetProcess
from twistecho.fleet.runs.part_processes import PartProcesses
from twistecho.fleet.runs.run import Shown, interruptible
from twistecho.fleet.runs.several import put_together

from .side_process import SideProcess
from .sides_here import FoundOfSide
from .slices import Slices


@dataclass(frozen=True)
class FoundTogether:
    """The results of each side from all processes, which began up to ``apart`` seconds apart."""

    sides: list[FoundOfSide]
    apart: float
    interrupted: bool


class SideParts(PartProcesses[SideProcess]):
    """All processes of a plan against two targets; see `PartProcesses`."""

    def __init__(
        self, engine: Engine, plan: Plan, targets: Sequence[Target], turns: Turns, processes: int
    ) -> None:
        self._engine, self._targets, self._turns = engine, targets, turns
        self._ending = False

        def make(part: Plan, together: Callable[[], None]) -> SideProcess:
            return SideProcess(engine, targets, part, turns, together)

        super().__init__(plan, processes, make)

    def __enter__(self) -> Self:
        """Start the processes."""
        super().__enter__()
        self._check_ended()
        return self

    def interrupt(self) -> None:
        """Tell all processes to end their clients and report; a second signal would kill them."""
        if self._ending:
            self.interrupted = True
        else:
            super().interrupt()

    def _check_barrier(self) -> None:
        super()._check_barrier()
        self._check_ended()

    def _check_ended(self) -> None:
        """If a process has ended early, tell the others to end and report."""
        with self._barrier:
            if self._ending or self.interrupted or self._started is None:
                return
            self._ending = any(part.has_failed for part in self.parts)
        if self._ending:
            self._tell(FleetProcess.interrupt)

    def found(self) -> FoundTogether:
        """Wait for all processes and merge their results.

        Raises PartError if a process could not begin, FleetError if none has any results.
        """
        self.wait()
        sides = [self._side(number) for number in range(len(self._targets))]
        if not (self.interrupted or any(side.report.outcomes for side in sides)):
            raise FleetError(self._problem())
        told = [side for part in self.parts for side in part.sides]
        begins = [side.began for side in told if side.report.messages] or [0.0]
        return FoundTogether(sides, max(begins) - min(begins), self.interrupted)

    def _problem(self) -> str:
        """Return which process ended first, and why."""
        named = [*zip(self.parts, self.names, strict=True)]
        first = [each for each in named if not each[0].ended_before_its_clients]
        part, name = (first or named)[0]
        return f"{name}: {part.problem()}"

    def _side(self, number: int) -> FoundOfSide:
        """Merge the results of the side with this number."""
        slices = Slices(self._turns)
        known = [part.sides[number] for part in self.parts if len(part.sides) > number]
        for side in known:
            slices.add(side.slices)
        reports = [
            self._report(part, name, number)
            for part, name in zip(self.parts, self.names, strict=True)
        ]
        return FoundOfSide(
            put_together(self.plan, reports, self.names),
            slices,
            min((side.began for side in known), default=0.0),
            max((side.lasted for side in known), default=0.0),
        )

    def _report(self, part: SideProcess, name: str, number: int) -> Report:
        if len(part.sides) > number:
            return part.sides[number].report
        target = str(self._targets[number])
        return lost_report(self._engine, target, part.plan, name, part.problem())


def run_sides(
    engine: Engine,
    plan: Plan,
    targets: Sequence[Target],
    turns: Turns,
    display: Shown,
    *,
    processes: int,
) -> FoundTogether:
    """Run a plan with a barrier against two targets in turn, with several processes.

    Raises ValueError for a plan that cannot be divided and a target that the engine cannot connect
    to, FleetError if processes ended before any client had begun, and KeyboardInterrupt if they
    were interrupted before that.
    """
    parts = SideParts(engine, plan, targets, turns, processes)
    with interruptible(parts.interrupt, parts.kill), parts, display(parts):
        found = parts.found()
    if found.interrupted and not any(side.report.outcomes for side in found.sides):
        raise KeyboardInterrupt
    return found
