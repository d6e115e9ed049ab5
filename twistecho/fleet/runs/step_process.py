"""A fleet in its own process that carries out one plan after the other: see `fleet_process`.

It reads and writes the same lines. After each report it reads the next plan, ``{"plan": {...}}``,
until standard input ends; clients with the same numbers stay connected.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TextIO

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.report import Report

from .engine import Engine, engine_named
from .fleet_process import FleetProcess
from .run import Shown, import_engine
from .steps import run_steps
from .telling import Line, Said, tell_parent


class StepProcess(FleetProcess):
    """A running fleet for several plans, as a context manager; see `FleetProcess`.

    ``report`` is the report on the current plan; None until it has arrived.
    """

    module = __name__

    def __init__(
        self, engine: Engine, target: Target, plan: Plan, together: Callable[[], None]
    ) -> None:
        super().__init__(engine, target, plan, together)
        self._reported = threading.Event()

    def begin(self, plan: Plan) -> None:
        """Start the next plan; the process has reported on the previous one, or has ended.

        Clients with the same numbers as before keep their connections.
        """
        self.plan, self.report, self.is_together = plan, None, False
        self.progress = Progress(0.0)
        self._reported.clear()
        if self.has_ended:
            self._end()
        self._send(json.dumps({"plan": plan.to_dict()}))

    def finish(self, seconds: float) -> None:
        """Make it close its connections after the last step; wait for at most ``seconds``."""
        with suppress(OSError):
            assert self.process.stdin is not None  # noqa: S101 - a pipe was requested
            self.process.stdin.close()
        self.wait(seconds)

    def wait_for_step(self) -> None:
        """Wait until it has reported on the current plan, or has ended."""
        self._reported.wait()
        if self.report is None:
            self.wait()

    def _take(self, said: Any) -> None:
        super()._take(said)
        if self.report is not None:
            self._reported.set()

    def _end(self) -> None:
        super()._end()
        self._reported.set()


def main(out: TextIO) -> None:
    """Carry out the plans read from standard input, and report each of them."""
    tell_parent(out, _run)


def _run(wanted: Any, line: Line, display: Shown) -> Said:
    engine, target = engine_named(wanted["engine"]), parse_target(wanted["target"])
    following = partial(_following, line, Plan.from_dict(wanted["plan"]))
    import_engine(engine)
    line.say("begins", True)
    run_steps(engine, target, following, lambda _: display, together=line.await_others)
    return []


def _following(line: Line, first: Plan, report: Report | None) -> Plan | None:
    """Send the report on a step; return the next plan, which the parent sends, or None."""
    if report is None:
        return first
    line.say("report", report.to_bare_dict())
    asked = "" if report.interrupted else sys.stdin.readline()
    return Plan.from_dict(json.loads(asked)["plan"]) if asked else None


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as to_parent:
        main(to_parent)
