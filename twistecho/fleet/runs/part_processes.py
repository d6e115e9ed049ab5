"""The processes of a plan that was divided: started, held at one barrier, watched and ended."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Generic, Self, TypeVar

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.progress import Progress, add_progress, last_of_all
from twistecho.fleet.reports.second import Second, add_seconds

from .fleet_process import FleetProcess

_Process = TypeVar("_Process", bound=FleetProcess)


class PartError(ValueError):
    """A part could not begin, for a reason that all of them share."""


class PartProcesses(Generic[_Process]):
    """All processes of a run, ``parts``, as a context manager; those left are killed at its end.

    ``make`` gives that of each part of the plan, not yet started, and is told what the process is
    to call once its clients have all connected. It is a `Watch` of all of them.
    """

    def __init__(
        self, plan: Plan, processes: int, make: Callable[[Plan, Callable[[], None]], _Process]
    ) -> None:
        self.plan = plan
        self.parts = [make(part, self._check_barrier) for part in plan.divide(processes)]
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

    @property
    def names(self) -> list[str]:
        """How the parts are called, in turn."""
        count = len(self.parts)
        return [f"process {number} of {count}" for number in range(1, count + 1)]

    def wait(self) -> None:
        """Wait for all parts. Raises PartError where a part could not begin."""
        for part in self.parts:
            part.wait()
        self.check_begun()

    def check_begun(self) -> None:
        """Raise PartError where a part has ended since it could not begin."""
        for part in self.parts:
            if part.error and part.process.returncode == 0:
                raise PartError(part.error)

    def hold(self) -> None:
        """Have all wait for each other again, where their plan has a barrier."""
        with self._barrier:
            self._passed = not self.plan.barrier
            for part in self.parts:
                part.is_together = False
