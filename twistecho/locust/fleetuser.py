"""A Locust user that runs whole fleets, one after the other, each in its own process.

A process that imports Locust has patched sockets and no ``select.epoll``, so a reactor cannot run
in it. If this process ends without ending the fleet, the kernel does: see `base.processes`.
"""

import time
from typing import Any

import gevent
from gevent import GreenletExit
from locust import User, task
from locust.env import Environment

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.merge import lost_report
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.fleet_process import FleetProcess

from .gathering import Kind, own_plan, relay_of
from .statistics import count_lost, count_report

LONGEST_WAIT = 20.0
"""Seconds that a fleet may take to report after it is told to end."""

_AFTER_A_LOSS = 1.0  # seconds; without a pause, fleets that fail at once would spin


class FleetUser(User):
    """Runs fleets under ``plan`` with ``engine``, against Locust's host, until it is stopped.

    Every fleet's report is relayed with Locust's next message to the master, so a plan should last
    only a few seconds. A fleet that runs when the test is stopped reports its results so far.
    """

    abstract = True
    plan = Plan(clients=100, duration=2.0, reply=ReplyFormat.RAW)
    engine: Engine = "reactor"

    def __init__(self, environment: Environment) -> None:
        """Take client numbers that no other user has."""
        super().__init__(environment)
        self.plan = own_plan(environment, self.plan)

    @classmethod
    def kind(cls, host: str) -> Kind:
        """Return the kind of this class's fleets."""
        return Kind(cls.engine, host, cls.plan)

    @task
    def run_fleet(self) -> None:
        """Run one fleet; count and relay its results."""
        started = time.monotonic()
        with FleetProcess(self.engine, parse_target(str(self.host)), self.plan) as fleet:
            try:
                self._conclude(fleet, started)
            except GreenletExit:
                fleet.wait_for_begin(LONGEST_WAIT)
                fleet.interrupt()
                self._conclude(fleet, started, LONGEST_WAIT)
                raise

    def _conclude(self, fleet: FleetProcess, started: float, limit: float | None = None) -> None:
        if not fleet.wait(limit):
            self._lose("did not end after the order to stop", started)
        elif fleet.report is not None:
            # Nothing runs in between, so both parts go out with the same message of Locust.
            count_report(self._statistics(), fleet.report)
            self._relay(fleet.report, started if fleet.began is None else fleet.began)
        elif not fleet.ended_before_its_clients:
            self._lose(fleet.problem(), started)
            if limit is None:
                gevent.sleep(_AFTER_A_LOSS)

    def _lose(self, problem: str, started: float) -> None:
        count_lost(self._statistics(), f"fleet:{problem}", time.monotonic() - started)
        lost = lost_report(self.engine, str(self.host), self.plan, "fleet", f"a fleet {problem}")
        self._relay(lost, started)

    def _relay(self, report: Report, began: float) -> None:
        relay_of(self.environment).add(type(self).__name__, report, began)

    def _statistics(self) -> Any:
        return self.environment.stats
