"""A plan carried out by several processes: divided, watched, and put together exactly.

Every process is a `fleet_process`, which tells how far it is and at last what it found. One that
ends without a report is named in the whole, and its clients are missing there.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.merge import lost_report, merge_reports, put_later
from twistecho.fleet.reports.progress import Progress, add_progress, last_of_all
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.second import Second, add_seconds

from .fleet_process import FleetProcess
from .run import Engine, Shown, interruptible


class PartError(ValueError):
    """A part could not begin, for a reason that all of them share."""


class Parts:
    """All processes of a run, ``parts``, as a context manager; those left are killed at its end.

    It is a `Watch` of all of them; they tell their ``seconds`` where these are wanted.
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
        self.plan = plan
        self._engine, self._target = engine, target
        self.parts = [
            FleetProcess(engine, target, part, self._check_barrier, seconds=seconds)
            for part in plan.divide(processes)
        ]
        self.interrupted = False
        self._barrier = threading.Lock()
        self._passed = not plan.barrier
        self._started: ExitStack | None = None
        self._asked: list[Callable[[FleetProcess], None]] = []  # of all, before they had started

    def __enter__(self) -> Self:
        """Start the processes."""
        with ExitStack() as started:
            for part in self.parts:
                started.enter_context(part)
            self._started = started.pop_all()
        for what in self._asked:
            self._tell(what)
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave no process behind."""
        if self._started:
            self._started.close()

    def _check_barrier(self) -> None:
        """Let all pass once each part is at its barrier, or has ended."""
        with self._barrier:
            if self._passed or not all(part.is_together for part in self.parts):
                return
            self._passed = True
        for part in self.parts:
            part.go_on()

    def progress(self) -> Progress:
        """Say how far all of them are."""
        found = add_progress(part.progress for part in self.parts)
        running = [not part.has_ended for part in self.parts]
        return replace(found, second=last_of_all([p.last_seconds for p in self.parts], running))

    __call__ = progress

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:
        """Give all seconds behind that of a number that no part will tell more of.

        Those of all of them are given where the run is ``over``, and none is kept afterwards.
        """
        running = [] if over else [part for part in self.parts if not part.has_ended]
        for part in self.parts:
            part.seconds.forget(after)
        known = [part.seconds.last for part in running or self.parts]
        last = min(known) if running else max(known)
        return [
            add_seconds(number, (part.seconds.of(number) for part in self.parts))
            for number in range(after + 1, last + 1)
        ]

    def interrupt(self) -> None:
        """Have all end their clients and report."""
        self.interrupted = True
        self._tell(FleetProcess.interrupt)

    def kill(self) -> None:
        """End all at once, without their reports."""
        self._tell(FleetProcess.kill)

    def _tell(self, what: Callable[[FleetProcess], None]) -> None:
        """Tell all parts, from a signal's handler perhaps; those that start, once they have."""
        if self._started is None:
            self._asked.append(what)
            return
        for part in self.parts:
            what(part)

    def report(self) -> Report:
        """Wait for all parts and put together what they found.

        Raises PartError where a part could not begin.
        """
        for part in self.parts:
            part.wait()
        for part in self.parts:
            if part.error and part.process.returncode == 0:
                raise PartError(part.error)
        count = len(self.parts)
        names = [f"process {number} of {count}" for number in range(1, count + 1)]
        found = [self._found(part, name) for part, name in zip(self.parts, names, strict=True)]
        whole = merge_reports(_from_one_barrier(found) if self.plan.barrier else found, names)
        return replace(whole, plan=self.plan, interrupted=whole.interrupted or self.interrupted)

    def _found(self, part: FleetProcess, name: str) -> Report:
        if part.report is None:
            return lost_report(self._engine, str(self._target), part.plan, name, part.problem())
        return part.report


def _from_one_barrier(reports: Sequence[Report]) -> list[Report]:
    """Have the clients of all parts pass the barrier at one time: each began to count by itself."""
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
    """Carry out a plan with several processes; return what they found together.

    ``display`` shows how far they are, and each of their ``seconds`` where it wants these. Signals
    are theirs: see `run`. Raises ValueError for a plan that cannot be divided and a target that the
    engine cannot connect to, KeyboardInterrupt where they were interrupted before any client had
    begun.
    """
    parts = Parts(engine, plan, target, processes, seconds=seconds)
    with interruptible(parts.interrupt, parts.kill), parts, display(parts):
        report = parts.report()
    if report.interrupted and not report.outcomes:
        raise KeyboardInterrupt
    return report
