"""Two targets in turn with several processes, whatever becomes of these."""

import contextlib
import signal
import time
import unittest
from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest

from tests.support.peers import unused_port
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.plans.turns import Turns
from twistecho.fleet.reports.histograms import Measured
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.runs.engine import ENGINES
from twistecho.fleet.runs.fleet_process import FleetError, FleetProcess
from twistecho.fleet.search.several_sides import SideParts, run_sides
from twistecho.fleet.search.side_by_side import run_side_by_side
from twistecho.fleet.search.sides_here import FoundOfSide
from twistecho.fleet.search.slices import Slices
from twistecho.testing.servers import EchoServer

LONGEST_WAIT = 30.0
TURNS = Turns(2, 0.2, 0.05)
LONG = Turns(100, 2.0)
PLAN = Plan(clients=3, reply=ReplyFormat.RAW, barrier=True, duration=TURNS.duration)


class SeveralSidesTests(unittest.TestCase):
    """Two processes, and two servers."""

    def setUp(self) -> None:
        """Start two servers."""
        self.servers = [EchoServer(), EchoServer(delay="10ms")]
        for server in self.servers:
            self.addCleanup(server.stop)
        self.targets = [parse_target(f"127.0.0.1:{server.port}") for server in self.servers]

    def parts(self, turns: Turns = LONG, *targets: Target, **fields: object) -> SideParts:
        """Give two processes, not yet started."""
        plan = replace(PLAN, duration=turns.duration, **fields)  # type: ignore[arg-type]
        return SideParts("threads", plan, targets or self.targets, turns, 2)

    def wait_until_answered(self, parts: SideParts, messages: int) -> None:
        """Wait until so many messages have been answered, by both targets together."""
        deadline = time.monotonic() + LONGEST_WAIT
        while parts.progress().answered < messages:
            assert time.monotonic() < deadline, parts.progress()
            time.sleep(0.02)

    def test_both_have_all_clients_and_every_slice_those_of_all(self) -> None:
        """With either engine: the books are right, and the slower one answers less."""
        for engine in ENGINES:
            with self.subTest(engine=engine):
                found = run_side_by_side(engine, PLAN, self.targets, TURNS, processes=2)
                assert [invalid(report) for report in found.reports] == [(), ()]
                for report in found.reports:
                    assert report.plan == PLAN
                    assert [part.clients for part in report.parts] == [2, 1]
                    assert all(part.messages for part in report.parts)
                assert (found.comparison.pairs, found.interrupted) == (2, False)
                rate = found.comparison.figure("rate")
                assert (rate.two or 0.0) < (rate.one or 0.0)
        assert [server.connections for server in self.servers] == [6, 6]

    def test_what_processes_counted_is_added(self) -> None:
        """Of each side by itself; how far they began apart is told, of those that began."""
        parts = self.parts(TURNS)
        for number, part in enumerate(parts.parts):
            for side in (0, 1):
                slices = Slices(TURNS)
                slices.took(side, 1_000 * (number + 1))
                report = Report("threads", "x", part.plan, (), Measured())
                part.sides.append(FoundOfSide(report, slices, 5.0 + number, 1.0 + number))
        with mock.patch.object(parts, "wait"), mock.patch.object(parts, "interrupted", new=True):
            found = parts.found()
        assert found.apart == 0.0
        assert [side.lasted for side in found.sides] == [2.0, 2.0]
        for number, whole in enumerate(found.sides):
            counts = [whole.slices.slice(each).answered for each in (0, 1)]
            assert counts == [2 * (number == each) for each in (0, 1)]

    def test_interrupted_they_tell_what_they_found(self) -> None:
        """Once."""
        with self.parts() as parts:
            self.wait_until_answered(parts, 1)
            parts.interrupt()
            found = parts.found()
        assert found.interrupted
        assert [invalid(side.report) for side in found.sides] == [(), ()]

    def test_one_that_dies_ends_the_others(self) -> None:
        """Long before the turns are over; what they found is kept, and it is named."""
        with self.parts() as parts:
            self.wait_until_answered(parts, 20)
            parts.parts[1].kill()
            found = parts.found()
        assert not found.interrupted
        for side in found.sides:
            assert "part process 2 of 2: killed by SIGKILL" in invalid(side.report)
            assert {outcome.client for outcome in side.report.outcomes} == {0, 1}
        assert found.sides[0].report.messages > 0

    def test_one_that_dies_before_anything_is_known_is_told(self) -> None:
        """Also while the others start, and not the ones that were ended since."""
        start = FleetProcess.__enter__

        def starting(part: FleetProcess) -> FleetProcess:
            started = start(part)
            if part.plan.first == 0:
                part.kill()
                assert part.wait(LONGEST_WAIT)
            return started

        with (
            mock.patch.object(FleetProcess, "__enter__", starting),
            self.parts() as parts,
            pytest.raises(FleetError, match=r"^process 1 of 2: killed by SIGKILL$"),
        ):
            parts.found()

    def test_a_target_where_nobody_listens_ends_it(self) -> None:
        """And is no interruption."""
        nobody = parse_target(f"127.0.0.1:{unused_port()}")
        with self.parts(LONG, self.targets[0], nobody) as parts:
            found = parts.found()
        assert not found.interrupted
        assert found.sides[1].report.failures == {"connect:refused": 3}

    def test_one_whose_clients_of_a_side_fail_ends_the_others(self) -> None:
        """The load would not be the one that was asked for: a peer is closed on by the server."""
        with self.parts() as parts:
            self.wait_until_answered(parts, 20)
            self.servers[1].stop()
            found = parts.found()
        assert not found.interrupted
        assert found.sides[1].report.answered == 0
        assert sum(found.sides[1].report.failures.values()) > 0

    def test_interrupted_before_they_begin_there_is_nothing_to_tell(self) -> None:
        """As in a run against one target."""

        @contextlib.contextmanager
        def interrupting(_watch: object) -> Iterator[None]:
            signal.raise_signal(signal.SIGINT)
            yield

        with pytest.raises(KeyboardInterrupt):
            run_sides("reactor", PLAN, self.targets, TURNS, interrupting, processes=2)

    def test_a_target_that_an_engine_cannot_connect_to_is_told(self) -> None:
        """Once for all."""
        with (
            self.parts(LONG, self.targets[0], Target("ssl:localhost:1")) as parts,
            pytest.raises(ValueError, match="the threads engine cannot connect to ssl"),
        ):
            parts.found()
