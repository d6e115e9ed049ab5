"""Loads in stages, divided among several processes."""

import unittest

from twistecho import Plan, ReplyFormat
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.runs.run import show_nothing
from twistecho.fleet.runs.several import run_processes
from twistecho.testing.servers import EchoServer

RAW = ReplyFormat.RAW
RATES = Plan(clients=4, rate="100:200ms,100..300:400ms,0:100ms,40:0.5s", warmup=0.1, reply=RAW)
CLIENTS = Plan(clients="2:200ms,2..6:300ms,6..0:300ms,1:200ms", warmup=0.1, reply=RAW)


class ProcessesTests(unittest.TestCase):
    """By several processes."""

    def test_they_do_together_what_one_would(self) -> None:
        """The same numbers of messages; every client once."""
        with EchoServer() as server:
            target = parse_target(f"127.0.0.1:{server.port}")
            report = run_processes("threads", RATES, target, 3, show_nothing)
            assert report.plan == RATES
            assert [stage.due for stage in report.by_stage] == [20, 80, 0, 20]
            report = run_processes("reactor", CLIENTS, target, 2, show_nothing)
        assert report.plan == CLIENTS
        assert len(report.outcomes) == 7
        assert report.complete, report.failures
