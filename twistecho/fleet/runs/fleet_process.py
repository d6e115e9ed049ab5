"""A fleet in its own process: the child's program, and the parent's side of it.

Each run has its own process: the global reactor can run only once per process, no run inherits
another run's garbage, and a program that measures the server does not share an interpreter with a
thousand clients.

``python -m twistecho.fleet.runs.fleet_process SOCKET`` reads one line of JSON from standard input,

    {"engine": ..., "target": ..., "plan": {...}, "seconds": false}

and writes lines of JSON to the socket with that number (a user's protocol may print): that it
begins, its progress from time to time, each of its seconds if requested, that its clients have all
connected where the plan has a barrier, and finally its report, or an error:

    {"begins": true}   {"progress": {...}}   {"second": {...}}   {"together": true}
    {"report": {...}}   {"error": "..."}

At a barrier it continues after it has read a second line. After SIGINT it ends its clients and
reports; before its clients have begun there is nothing to report, and it ends with an exit code.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self, TextIO

from twistecho.base.processes import INTERRUPTED, command, ending
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.reports.progress import KEPT, Progress
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.second import Second

from .engine import Engine, engine_named
from .run import Shown, import_engine, run_engine
from .telling import Line, Said, tell_parent


class FleetError(RuntimeError):
    """A fleet's process returned no report; the message is the short reason."""


class ToldSeconds:
    """The seconds that a process has reported and that were not read yet."""

    def __init__(self) -> None:
        self.last = -1
        """The number of the last second; -1 before the first one."""
        self._known: dict[int, Second] = {}

    def add(self, second: Second) -> None:
        """Keep a second; they come in order, in one thread."""
        self._known[second.number] = second
        self.last = second.number

    def of(self, number: int) -> Second:
        """Return the second with this number; an empty one if it was not reported."""
        return self._known.get(number, Second(number, {}))

    def forget(self, until: int) -> None:
        """Drop the seconds up to this number."""
        for number in [known for known in list(self._known) if known <= until]:
            del self._known[number]


decoding = threading.Lock()
"""Held by the thread that decodes a process's lines: see `decode`."""


class FleetProcess:
    """A running fleet, as a context manager; it is killed if the block is left before its end.

    A thread reads its lines, and calls ``together`` when all clients have connected, or the process
    has ended; by default they continue at once. Under Locust, where gevent patches threads and
    processes, all waiting is gevent's.
    """

    module = __name__
    """The module that runs in the process."""

    def __init__(
        self,
        engine: Engine,
        target: Target,
        plan: Plan,
        together: Callable[[], None] | None = None,
        *,
        seconds: bool = False,
    ) -> None:
        self.plan = plan
        self.began: float | None = None
        """When it began, on the monotonic clock; None until then."""
        self.progress = Progress(0.0)
        self.last_seconds: Sequence[Second] = ()
        """The last seconds reported with its progress, at most `KEPT`."""
        self.seconds = ToldSeconds()
        """All reported seconds, where these were requested."""
        self.report: Report | None = None
        self.error: str | None = None
        """The error that it reported."""
        self.is_together = self.has_said_all = False
        self.process: subprocess.Popen[bytes]
        self._together = together or self.go_on
        self._wanted: dict[str, Any] = {
            "engine": engine,
            "target": str(target),
            "plan": plan.to_dict(),
            "seconds": seconds,
        }
        # Not Thread.join(): after Ctrl-C interrupts it, the thread counts as ended.
        self._begun, self._ended = threading.Event(), threading.Event()

    def __enter__(self) -> Self:
        """Start the process."""
        # It gets its own session: Ctrl-C reaches only this process, which signals the child.
        # The child begins with SIGINT blocked, and unblocks it once it can handle it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        ours, childs = socket.socketpair()  # not a pipe: gevent can wait for a socket
        try:
            with ours, childs:
                self._lines = ours.makefile("rb")
                self.process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                    command(self.module, str(childs.fileno())),
                    stdin=subprocess.PIPE,
                    pass_fds=[childs.fileno()],
                    start_new_session=True,
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Kill the process, and wait for its end."""
        self.kill()
        self.wait()
        for pipe in (self.process.stdin, self._lines):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def go_on(self) -> None:
        """Let it pass its barrier."""
        self._send("go on")

    def _send(self, line: str) -> None:
        # A dead process is detected by `wait`; after the block the pipe is closed.
        with suppress(OSError, ValueError):
            assert self.process.stdin is not None  # noqa: S101 - a pipe was requested
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def _read(self) -> None:
        self._send(json.dumps(self._wanted))
        try:
            for line in self._lines:
                self._take(json.loads(line))
        except ValueError as error:  # its last line is incomplete, since it died
            self.error = self.error or f"its report is cut off ({error})"
        finally:
            self._begun.set()
            self._end()

    def _end(self) -> None:
        """Note that it has ended; release all threads that wait for it."""
        self._ended.set()
        self.is_together = self.has_said_all = True
        self._together()

    def _take(self, said: Any) -> None:
        if not isinstance(said, dict):
            raise ValueError("it is not an object")  # noqa: TRY004 - as for any other bad line
        if "begins" in said:
            self.began = time.monotonic()
            self._begun.set()
        elif "progress" in said:
            with decoding:
                self._take_progress(Progress.from_dict(said["progress"]))
        elif "second" in said:
            with decoding:
                self.seconds.add(Second.from_dict(said["second"]))
        elif "report" in said:
            with decoding:
                self.report = Report.from_dict(said["report"])
        elif "error" in said:
            self.error = str(said["error"])
        else:
            self.is_together = True
            self._together()

    def _take_progress(self, progress: Progress) -> None:
        second, known = progress.second, self.last_seconds
        if second is not None and (not known or known[-1].number < second.number):
            self.last_seconds = (*known, second)[-KEPT:]
        self.progress = progress

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, and all its lines were read."""
        return self._ended.is_set()

    def wait_for_begin(self, seconds: float | None = None) -> None:
        """Wait until it has begun, or ended, for at most ``seconds``."""
        self._begun.wait(seconds)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end, at most ``seconds``; return whether it ended, with all lines read."""
        if not self._ended.wait(seconds):
            return False
        self.process.wait()
        return True

    def wait_for_report(self) -> Report:
        """Wait for its end and return the report. Raises FleetError if there is none."""
        self.wait()
        if self.report is None:
            raise FleetError(f"the clients' process: {self.problem()}")
        return self.report

    def interrupt(self) -> None:
        """Make it end its clients and report; before it has begun it has nothing to report."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, without its report."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):  # gevent's Popen raises it
            self.process.send_signal(number)

    @property
    def ended_before_its_clients(self) -> bool:
        """Whether it was interrupted before its clients began, and so had nothing to report."""
        return self.process.returncode == INTERRUPTED

    def problem(self) -> str:
        """Return the short reason why it ended without a report."""
        code = self.process.returncode
        if self.ended_before_its_clients:
            return "interrupted before its clients began"
        if code < 0:
            return ending(code)
        return self.error or f"ended with exit code {code} and without a report"


def main(out: TextIO) -> None:
    """Carry out the run requested by the first line of standard input, and report it."""
    tell_parent(out, _run)


def _run(wanted: Any, line: Line, display: Shown) -> Said:
    engine = engine_named(wanted["engine"])
    plan, target = Plan.from_dict(wanted["plan"]), parse_target(wanted["target"])
    import_engine(engine)
    line.say("begins", True)
    report = run_engine(engine, plan, target, display=display, together=line.await_others)
    return [("report", report.to_bare_dict())]


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as to_parent:
        main(to_parent)
