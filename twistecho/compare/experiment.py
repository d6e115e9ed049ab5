"""The notebook's experiment: the same plan against one design after the other.

Each design runs in a process of its own on a free port of the loopback, the clients in another;
the server is measured from the moment it listens and stopped when the last client has ended.
"""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from twistecho.base.processes import command
from twistecho.base.reply_formats import ReplyFormat
from twistecho.designs.catalogue import DESIGNS
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.run import Engine
from twistecho.fleet.runs.runner import BEGINS
from twistecho.service.scenario.delay import DelayPer

from .comparison import Comparison, Run
from .launch import LaunchedServer
from .meter import Meter

TWISTED = "twisted"
"""The design that is ``twist echo``."""

ALL_DESIGNS = (*DESIGNS, TWISTED)
"""The names of all designs, the notebook's and ours, in the order in which they are run."""


@dataclass(frozen=True)
class Experiment:
    """What is compared: every size of the plan, against every design, by every engine.

    ``reply`` and ``backlog`` are each design's own where they are None. ``kill_after`` kills the
    server so many seconds after the clients have begun.
    """

    plan: Plan
    delay: str
    delay_per: DelayPer = DelayPer.CONNECTION
    designs: Sequence[str] = ALL_DESIGNS
    clients: Sequence[int] = (20,)
    engines: Sequence[Engine] = ("reactor",)
    reply: ReplyFormat | None = None
    backlog: int | None = None
    kill_after: float | None = None

    def trials(self) -> "list[Trial]":
        """List what is to be run, in order."""
        return [
            Trial(self, design, engine, clients)
            for clients in self.clients
            for design in self.designs
            for engine in self.engines
        ]

    def comparison(self, runs: Sequence[Run]) -> Comparison:
        """Put runs together with the settings they share."""
        settings = {"delay": self.delay, "delay_per": str(self.delay_per)}
        if self.backlog is not None:
            settings["backlog"] = str(self.backlog)
        if self.kill_after is not None:
            settings["kill_after"] = f"{self.kill_after:g}"
        return Comparison(settings, tuple(runs))


class RunError(RuntimeError):
    """A run gave no report; the message is what it said."""


class Running:
    """A run in a process of its own, as a context manager; it is killed if the block is left."""

    def __init__(self, engine: Engine, target: Target, plan: Plan) -> None:
        self._command = command("twistecho.fleet.runs.runner", engine, str(target))
        self._plan = plan

    def __enter__(self) -> Self:
        """Start the process."""
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def report(self, interlude: Callable[[], object], after: float | None) -> Report:
        """Wait for the report; call ``interlude`` in between, so many seconds after the begin.

        Raises RunError where the process gives no report.
        """
        self._begin()
        try:
            said, wrong = self._process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            interlude()
            said, wrong = self._process.communicate()
        if self._process.returncode:
            raise RunError(wrong.strip().rpartition("\n")[2] or "the clients' process was killed")
        return Report.from_json(said)

    def _begin(self) -> None:
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RunError("no pipes")
        with suppress(BrokenPipeError):  # it has died; its exit code tells
            process.stdin.write(json.dumps(self._plan.to_dict()) + "\n")
            process.stdin.flush()
        # Not readline: what it would read ahead of a quick run is lost to communicate().
        os.read(process.stdout.fileno(), len(BEGINS))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make sure that the process is gone."""
        process = self._process
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@dataclass(frozen=True)
class Trial:
    """One run that is still to be made."""

    experiment: Experiment
    design: str
    engine: Engine
    clients: int

    def plan(self) -> Plan:
        """Give the plan, expecting the format in which this design replies."""
        return replace(self.experiment.plan, clients=self.clients, reply=self._reply())

    def server(self) -> LaunchedServer:
        """Give the server, not yet started."""
        wanted = self.experiment
        options = [
            f"--reply={self._reply()}",
            f"--delay={wanted.delay}",
            f"--delay-per={wanted.delay_per}",
        ]
        if self.design == TWISTED:
            port = "0" if wanted.backlog is None else _endpoint(wanted.backlog)
            echo = ("--log-format=text", "echo", f"--port={port}")
            return LaunchedServer("twisted", *echo, *options)
        if wanted.backlog is not None:
            options.append(f"--backlog={wanted.backlog}")
        return LaunchedServer("twistecho", "serve", self.design, "--port=0", *options)

    def _reply(self) -> ReplyFormat:
        own = DESIGNS[self.design].reply if self.design in DESIGNS else ReplyFormat.STAMPED
        return self.experiment.reply or own

    def run(self) -> Run:
        """Start the server, run the clients, stop the server. Raises LaunchError or RunError."""
        server = self.server()
        with (
            server as target,
            Meter(server.pid) as meter,
            Running(self.engine, target, self.plan()) as running,
        ):
            report = running.report(server.kill, self.experiment.kill_after)
        return Run(self.design, report, meter.cost, server.ended_early)


def _endpoint(backlog: int) -> str:
    return f"tcp:0:interface=127.0.0.1:backlog={backlog}"
