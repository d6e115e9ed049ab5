"""The processes of a divided plan: started, held at one barrier, watched and ended."""

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
    """A part could not begin, for a reason that applies to all parts."""


class PartProcesses(Generic[_Process]):
    """All processes of a run, ``parts``, as a context manager; it kills running ones at its end.

    ``make`` returns the process of a part of the plan, not yet started; its second argument is the
    function that the process must call once all its clients have connected. The object is a `Watch`
    of all parts.
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
        self._asked: list[Callable[[FleetProcess], None]] = []  # requests from before the start

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
        """Kill processes that still run, and wait for their end."""
        if self._started:
            self._started.close()

    def _check_barrier(self) -> None:
        """Let all parts continue once each is at its barrier, or has ended."""
        with self._barrier:
            if self._passed or not all(part.is_together for part in self.parts):
                return
            self._passed = True
        for part in self.parts:
            part.go_on()

    def progress(self) -> Progress:
        """Return the progress of all parts together."""
        found = add_progress(part.progress for part in self.parts)
        running = [not part.has_ended for part in self.parts]
        return replace(found, second=last_of_all([p.last_seconds for p in self.parts], running))

    __call__ = progress

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:
        """Return the seconds after number ``after`` that are complete in every running part.

        Where the run is ``over`` it returns all later seconds. Seconds up to ``after`` are dropped.
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
        """Make all parts end their clients and report."""
        self.interrupted = True
        self._tell(FleetProcess.interrupt)

    def kill(self) -> None:
        """Kill all parts, without their reports."""
        self._tell(FleetProcess.kill)

    def _tell(self, what: Callable[[FleetProcess], None]) -> None:
        """Apply a request to all parts, after their start; a signal handler may call this."""
        if self._started is None:
            self._asked.append(what)
            return
        for part in self.parts:
            what(part)

    @property
    def names(self) -> list[str]:
        """The names of the parts, in order."""
        count = len(self.parts)
        return [f"process {number} of {count}" for number in range(1, count + 1)]

    def wait(self) -> None:
        """Wait for all parts. Raises PartError where a part could not begin."""
        for part in self.parts:
            part.wait()
        self.check_begun()

    def check_begun(self) -> None:
        """Raise PartError where a part has ended because it could not begin."""
        for part in self.parts:
            if part.error and part.process.returncode == 0:
                raise PartError(part.error)

    def hold(self) -> None:
        """Close the barrier again, where the plan has one."""
        with self._barrier:
            self._passed = not self.plan.barrier
            for part in self.parts:
                part.is_together = False
