"""A Locust user that is a whole fleet: one after the other, each in a process of its own.

Whatever imports Locust has its sockets patched and no ``select.epoll``: no place for a reactor. The
process is waited for as gevent does. The kernel ends the fleet where this process ends without
having done so: see `base.processes`.
"""

import json
import signal
import time
from contextlib import suppress
from typing import Any, Self

import gevent
from gevent import GreenletExit, subprocess
from gevent.event import Event
from locust import User, task

from twistecho.base.processes import command
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.merge import lost_report
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.run import Engine
from twistecho.fleet.runs.runner import INTERRUPTED

from .gathering import Kind, relay_of
from .statistics import count_lost, count_report

PATIENCE = 20.0
"""Seconds that a fleet may take to report once it is told to end."""

_AFTER_A_LOSS = 1.0  # what fails at once would fail without end


class FleetError(RuntimeError):
    """A fleet gave no report; the message says in a few words what became of it."""


class FleetProcess:
    """A running fleet, as a context manager; it is killed if the block is left before its end."""

    def __init__(self, engine: Engine, target: str, plan: Plan) -> None:
        self._command = command("twistecho.fleet.runs.runner", engine, target)
        self._plan = plan
        self._begun = Event()
        self.began: float | None = None
        """When it began, by the monotonic clock; None until then."""

    def __enter__(self) -> Self:
        """Start the process; Ctrl-C is for Locust, which then ends its users."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        # A greenlet of its own: what a killed user had read of the report would be lost.
        self._reader = gevent.spawn(self._read)
        return self

    def _read(self) -> bytes:
        process = self._process
        with suppress(OSError):  # it has died; its exit code tells
            process.stdin.write(json.dumps(self._plan.to_dict()).encode() + b"\n")
            process.stdin.flush()
        if process.stdout.readline():
            self.began = time.monotonic()
        self._begun.set()
        text: bytes = process.stdout.read()
        return text

    def report(self, seconds: float | None = None) -> Report | None:
        """Wait for the report, for so long at most; None if it was stopped before it had begun.

        Raises FleetError where none comes.
        """
        try:
            text = self._reader.get(timeout=seconds)
        except gevent.Timeout:
            raise FleetError("did not end when it was told to") from None
        code = self._process.wait()
        if code == INTERRUPTED:
            return None
        if code < 0:
            raise FleetError(f"killed by {signal.Signals(-code).name}")
        if code:
            raise FleetError(f"ended with exit code {code} and without a report")
        return Report.from_json(text.decode())

    def stop(self, seconds: float) -> None:
        """Have it end its clients and report, once it has begun, for which it has so long."""
        self._begun.wait(seconds)
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def __exit__(self, *_error: object) -> None:
        """Make sure that the process is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()


class FleetUser(User):
    """Runs fleets under ``plan`` with ``engine``, against Locust's host, until it is stopped.

    Every fleet's report is relayed with Locust's next message to the master: give a plan that is
    over in a few seconds. A fleet that runs when the test is stopped reports what it has found.
    """

    abstract = True
    plan = Plan(clients=100, duration=2.0, reply=ReplyFormat.RAW)
    engine: Engine = "reactor"

    @classmethod
    def kind(cls, host: str) -> Kind:
        """Say what the fleets of this class do."""
        return Kind(cls.engine, host, cls.plan)

    @task
    def run_fleet(self) -> None:
        """Run one fleet, and count and relay what it found."""
        started = time.monotonic()
        with FleetProcess(self.engine, str(self.host), self.plan) as fleet:
            try:
                self._conclude(fleet, started)
            except GreenletExit:
                fleet.stop(PATIENCE)
                self._conclude(fleet, started, PATIENCE)
                raise

    def _conclude(self, fleet: FleetProcess, started: float, patience: float | None = None) -> None:
        try:
            report = fleet.report(patience)
        except FleetError as error:
            self._lose(str(error), started)
            if patience is None:
                gevent.sleep(_AFTER_A_LOSS)
            return
        if report is not None:
            # At once: what Locust counts and what is relayed go out with the same message.
            count_report(self._statistics(), report)
            self._relay(report, started if fleet.began is None else fleet.began)

    def _lose(self, problem: str, started: float) -> None:
        count_lost(self._statistics(), f"fleet:{problem}", time.monotonic() - started)
        lost = lost_report(self.engine, str(self.host), self.plan, "fleet", f"a fleet {problem}")
        self._relay(lost, started)

    def _relay(self, report: Report, began: float) -> None:
        relay_of(self.environment).add(type(self).__name__, report, began)

    def _statistics(self) -> Any:
        return self.environment.stats
