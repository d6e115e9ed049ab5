"""A plan carried out by several processes: divided, watched, and put together exactly.

Every process is a `fleet_process`, which tells how far it is and at last what it found. One that
ends without a report is named in the whole, and its clients are missing there.
"""

import json
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self

from twistecho.base.processes import command
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.merge import lost_report, merge_reports
from twistecho.fleet.reports.progress import Progress, add_progress
from twistecho.fleet.reports.report import Report

from .run import Engine, Shown, interruptible

_MODULE = "twistecho.fleet.runs.fleet_process"


class PartError(ValueError):
    """A part could not begin, for a reason that all of them share."""


class _Part:
    """One process and what it has said, read by a thread of its own."""

    def __init__(
        self, engine: Engine, target: Target, plan: Plan, together: Callable[[], None]
    ) -> None:
        self.plan = plan
        self.progress = Progress(0.0)
        self.report: Report | None = None
        self.error: str | None = None
        self.is_together = False
        self._together = together
        self._wanted = {"engine": engine, "target": str(target), "plan": plan.to_dict()}
        # A session of its own: Ctrl-C is for the parent, which tells its parts.
        self.process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            command(_MODULE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def begin(self) -> None:
        """Tell the process what to do, and listen to it."""
        self._send(json.dumps(self._wanted))
        self._reader.start()

    def go_on(self) -> None:
        """Let it pass its barrier."""
        self._send("go on")

    def _send(self, line: str) -> None:
        # One that has died is found out when it is waited for.
        with suppress(BrokenPipeError):
            assert self.process.stdin is not None  # noqa: S101 - a pipe was asked for
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            for line in self.process.stdout:
                self._take(json.loads(line))
        except ValueError as error:  # cut off in the midst of a line, by its death
            self.error = self.error or f"its report is cut off ({error})"
        self.is_together = True
        self._together()

    def _take(self, said: dict[str, Any]) -> None:
        if "standing" in said:
            self.progress = Progress.from_dict(said["standing"])
        elif "report" in said:
            self.report = Report.from_dict(said["report"])
        elif "error" in said:
            self.error = str(said["error"])
        else:
            self.is_together = True
            self._together()

    def wait(self) -> None:
        """Wait for its end; all that it said has been read then."""
        self._reader.join()
        self.process.wait()

    def interrupt(self) -> None:
        """Have it end its clients and report."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """Kill it if it still runs, and let go of the pipes."""
        self.process.kill()
        self.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def problem(self) -> str:
        """Say what became of it, where it gave no report."""
        code = self.process.returncode
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return self.error or f"ended with exit code {code} and without a report"


class Parts:
    """All processes of a run, as a context manager; those left are killed at its end."""

    def __init__(self, engine: Engine, plan: Plan, target: Target, processes: int) -> None:
        self.plan = plan
        self._engine, self._target = engine, target
        self._plans = plan.divide(processes)
        self._parts: list[_Part] = []
        self._barrier = threading.Lock()
        self._passed = not plan.barrier

    def __enter__(self) -> Self:
        """Start the processes."""
        for plan in self._plans:
            self._parts.append(_Part(self._engine, self._target, plan, self._check_barrier))
        for part in self._parts:
            part.begin()
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave no process behind."""
        for part in self._parts:
            part.close()

    def _check_barrier(self) -> None:
        """Let all pass once each part is at its barrier, or has ended."""
        with self._barrier:
            if self._passed or not all(part.is_together for part in self._parts):
                return
            self._passed = True
        for part in self._parts:
            part.go_on()

    def progress(self) -> Progress:
        """Say how far all of them are."""
        return add_progress(part.progress for part in self._parts)

    def interrupt(self) -> None:
        """Have all end their clients and report."""
        for part in self._parts:
            part.interrupt()

    def kill(self) -> None:
        """End all at once, without their reports."""
        for part in self._parts:
            part.process.kill()

    @property
    def pids(self) -> list[int]:
        """The numbers of the processes."""
        return [part.process.pid for part in self._parts]

    def report(self) -> Report:
        """Wait for all parts and put together what they found.

        Raises PartError where a part could not begin.
        """
        for part in self._parts:
            part.wait()
        for part in self._parts:
            if part.error and part.process.returncode == 0:
                raise PartError(part.error)
        count = len(self._parts)
        names = [f"process {number} of {count}" for number in range(1, count + 1)]
        whole = merge_reports(
            [self._found(part, name) for part, name in zip(self._parts, names, strict=True)], names
        )
        return replace(whole, plan=self.plan)

    def _found(self, part: _Part, name: str) -> Report:
        if part.report is None:
            plan = replace(part.plan, ramp=self.plan.ramp)
            return lost_report(self._engine, str(self._target), plan, name, part.problem())
        # The ramp is the only figure that is divided and that merging wants to be the same.
        return replace(part.report, plan=replace(part.report.plan, ramp=self.plan.ramp))


def run_processes(
    engine: Engine,
    plan: Plan,
    target: Target,
    processes: int,
    display: Shown,
) -> Report:
    """Carry out a plan with several processes; return what they found together.

    ``display`` shows how far they are. Signals are theirs: see `run`. Raises ValueError for
    a plan that cannot be divided and a target that the engine cannot connect to.
    """
    with (
        Parts(engine, plan, target, processes) as parts,
        interruptible(parts.interrupt, parts.kill),
        display(parts.progress),
    ):
        return parts.report()
