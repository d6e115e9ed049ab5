"""Plans carried out one after the other, over the same connections: here, and in processes."""

import os
import signal
import unittest
from collections.abc import Callable
from typing import Any

import psutil

from twistecho import Plan, ReplyFormat, Report
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.runs.engine import ENGINES
from twistecho.fleet.runs.run import Shown, show_nothing
from twistecho.fleet.runs.several_steps import run_steps_in_processes
from twistecho.fleet.runs.steps import NextPlan, run_steps
from twistecho.testing.servers import EchoServer

PLAN = Plan(clients=5, repeat=2, reply=ReplyFormat.RAW, timeout=20.0, barrier=True)


class Plans:
    """Gives plans, one after the other, and keeps the reports on them."""

    def __init__(self, *plans: Plan) -> None:
        self.left = list(plans)
        self.reports: list[Report] = []

    def __call__(self, report: Report | None) -> Plan | None:
        """Give the next plan."""
        self.reports += [] if report is None else [report]
        return self.left.pop(0) if self.left else None


def showing_nothing(_plan: Plan) -> Shown:
    """Show nothing of any plan."""
    return show_nothing


class StepsTests(unittest.TestCase):
    """Against a server."""

    def setUp(self) -> None:
        """Start it."""
        self.server = EchoServer()
        self.addCleanup(self.server.stop)
        self.target = parse_target(f"127.0.0.1:{self.server.port}")

    def check(self, reports: list[Report], plans: list[Plan]) -> None:
        """See that all was answered, over the connections of the first plan's clients."""
        assert [report.plan for report in reports] == plans
        for report in reports:
            assert report.complete, report.failures
            assert invalid(report) == ()
        assert self.server.connections == PLAN.clients

    def test_threads_keep_their_connections(self) -> None:
        """From one plan to the next; all are closed at the end."""
        plans = [PLAN, Plan(**(vars(PLAN) | {"repeat": 7})), PLAN]
        taken = Plans(*plans)
        run_steps("threads", self.target, taken, showing_nothing)
        self.check(taken.reports, plans)

    def test_so_do_the_clients_of_several_processes(self) -> None:
        """Of either engine: each client stays in its process."""
        plans = [PLAN, Plan(**(vars(PLAN) | {"repeat": 7})), PLAN]
        for engine in ENGINES:
            with self.subTest(engine=engine), EchoServer() as self.server:
                taken = Plans(*plans)
                target = parse_target(f"127.0.0.1:{self.server.port}")
                run_steps_in_processes(engine, target, 2, taken, showing_nothing)
                self.check(taken.reports, plans)
                assert [part.clients for part in taken.reports[2].parts] == [3, 2]

    def test_no_plan_is_no_run(self) -> None:
        """Nobody connects."""
        for run in (run_steps, _in_two_processes):
            run("threads", self.target, Plans(), showing_nothing)
        assert self.server.connections == 0

    def test_nothing_follows_an_interruption(self) -> None:
        """The report of what was found until then is passed on."""
        endless = Plan(clients=2, duration=60.0, think=0.01, reply=ReplyFormat.RAW, barrier=True)

        def interrupting(plan: Plan) -> Any:
            if plan == endless:
                os.kill(os.getpid(), signal.SIGINT)
            return show_nothing

        for run in (run_steps, _in_two_processes):
            taken = Plans(PLAN, endless, PLAN)
            with self.subTest(run=run):
                run("threads", self.target, taken, interrupting)
                assert [report.interrupted for report in taken.reports] == [False, True]

    def test_a_process_that_was_killed_is_missing(self) -> None:
        """In the report on that step, and on the next one: whoever asks for the plans ends it."""
        endless = Plan(**(vars(PLAN) | {"repeat": 1, "duration": 0.5}))

        def killing(plan: Plan) -> Any:
            if plan == endless:
                children = psutil.Process().children()
                next(one for one in children if _is_fleet(one)).kill()
            return show_nothing

        taken = Plans(PLAN, endless, PLAN)
        run_steps_in_processes("threads", self.target, 2, taken, killing)
        problems = [[part.problem for part in report.parts] for report in taken.reports]
        assert problems[0] == [None, None]
        for later in problems[1:]:
            assert sorted(map(bool, later)) == [False, True]
            assert "killed by SIGKILL" in later


def _is_fleet(process: psutil.Process) -> bool:
    return any("step_process" in argument for argument in process.cmdline())


def _in_two_processes(
    engine: Any, target: Target, plans: NextPlan, display: Callable[[Plan], Shown]
) -> None:
    run_steps_in_processes(engine, target, 2, plans, display)
