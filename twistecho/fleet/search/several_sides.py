"""Two targets that take turns, with several processes, of which each has clients of both.

All begin once every client of all has connected, so that the turns of all are the same. What they
counted of a slice is added, exactly. Where a process ends before its time, the others end, too:
the load that is left is not the one that was asked for.
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
    """What the processes found of each side; they began so many seconds ``apart``."""

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
        """Have all end their clients and report; a second signal would end them at once."""
        if self._ending:
            self.interrupted = True
        else:
            super().interrupt()

    def _check_barrier(self) -> None:
        super()._check_barrier()
        self._check_ended()

    def _check_ended(self) -> None:
        """Once one has ended before its time, have the others end, and tell what they found."""
        with self._barrier:
            if self._ending or self.interrupted or self._started is None:
                return
            self._ending = any(part.has_failed for part in self.parts)
        if self._ending:
            self._tell(FleetProcess.interrupt)

    def found(self) -> FoundTogether:
        """Wait for all processes and put together what they found.

        Raises PartError where one could not begin, FleetError where nothing is known of any.
        """
        self.wait()
        sides = [self._side(number) for number in range(len(self._targets))]
        if not (self.interrupted or any(side.report.outcomes for side in sides)):
            raise FleetError(self._problem())
        told = [side for part in self.parts for side in part.sides]
        begins = [side.began for side in told if side.report.messages] or [0.0]
        return FoundTogether(sides, max(begins) - min(begins), self.interrupted)

    def _problem(self) -> str:
        """Say which process it was for which the others were ended, and what became of it."""
        named = [*zip(self.parts, self.names, strict=True)]
        first = [each for each in named if not each[0].ended_before_its_clients]
        part, name = (first or named)[0]
        return f"{name}: {part.problem()}"

    def _side(self, number: int) -> FoundOfSide:
        """Put together what was found of the side of this number."""
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
    """Have two targets take turns under a plan, which has a barrier, with several processes.

    Raises ValueError for a plan that cannot be divided and a target that the engine cannot connect
    to, FleetError where processes ended before any client had begun, and KeyboardInterrupt where
    they were interrupted before that.
    """
    parts = SideParts(engine, plan, targets, turns, processes)
    with interruptible(parts.interrupt, parts.kill), parts, display(parts):
        found = parts.found()
    if found.interrupted and not any(side.report.outcomes for side in found.sides):
        raise KeyboardInterrupt
    return found
