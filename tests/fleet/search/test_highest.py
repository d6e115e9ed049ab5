"""A search for the highest rate, against a peer that is known to do no more than so much."""

import os
import signal
import socket
import threading
import unittest
from collections.abc import Callable
from typing import Any

from tests.support.peers import read_exactly, serving, unused_port
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.highest_rate import HighestRate
from twistecho.fleet.reports.rate_step import Limit, RateStep
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.runs.run import show_nothing
from twistecho.fleet.search.highest import Search, find_highest

PLAN = Plan(clients=4, messages=(b"one",), reply=ReplyFormat.RAW, timeout=20)
MOST = 60
"""How many messages the peer answers right in a step."""


class Peer:
    """Answers wrong once it has had too many messages since it was told of a new step."""

    def __init__(self) -> None:
        self.accepted = 0
        self.counts = [0]
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        """Serve a connection."""
        with self._lock:
            self.accepted += 1
        while message := read_exactly(connection, 3):
            with self._lock:
                self.counts[-1] += 1
                too_many = self.counts[-1] > MOST
            connection.sendall(b"bad" if too_many else message)

    def next_step(self, _step: RateStep) -> None:
        """Count anew."""
        with self._lock:
            self.counts.append(0)


def searching(port: int, on_step: Callable[[RateStep], object], **fields: Any) -> HighestRate:
    """Search with threads, in short steps, with a fleet that may be as late as it likes."""
    given: dict[str, Any] = {"least": 25.0, "most": 400.0, "precision": 0.2}
    search = Search(PLAN, step_duration=0.2, rate_tolerance=0.01, allowed_lag=20.0,
                    **(given | fields))  # fmt: skip
    target = parse_target(f"127.0.0.1:{port}")
    return find_highest("threads", target, search, lambda _plan: show_nothing, on_step)


class SearchTests(unittest.TestCase):
    """The whole of it, in one thread and those of the clients."""

    def test_it_ends_around_what_the_target_can_do(self) -> None:
        """Each step passes where the peer had no more messages than it answers."""
        peer = Peer()
        with serving(peer) as port:
            found = searching(port, peer.next_step)
        passed = [step.passed for step in found.steps]
        assert passed == [count <= MOST for count in peer.counts[:-1]]
        assert (found.limit, found.narrow, found.interrupted) == (Limit.TARGET, True, False)
        low, high = found.interval
        assert low is not None
        assert high is not None
        assert low < high <= low * 1.2
        # Clients stay connected but for those that were answered wrong.
        failed = sum(sum(step.report.failures.values()) for step in found.steps)
        assert PLAN.clients <= peer.accepted <= PLAN.clients + failed

    def test_nothing_above_the_most_is_tried(self) -> None:
        """A target that does all of it can do at least that."""
        peer = Peer()
        with serving(peer) as port:
            found = searching(port, peer.next_step, most=50.0)
        assert [step.rate for step in found.steps] == [50]
        assert (found.rate, found.at_least, found.limit) == (50, True, Limit.MAX_RATE)
        assert peer.accepted == PLAN.clients

    def test_not_even_the_least(self) -> None:
        """It goes down there, and tries each rate twice."""
        peer = Peer()
        impossible = (parse_requirement("p50 < 0s"),)
        with serving(peer) as port:
            found = searching(port, peer.next_step, most=50.0, requirements=impossible)
        assert [step.rate for step in found.steps] == [50, 50, 25, 25]
        assert found.rate is None

    def test_a_target_that_is_not_there(self) -> None:
        """Ends it at once."""
        found = searching(unused_port(), bool)
        assert len(found.steps) == 1
        assert found.unreachable == "connect:refused"

    def test_ctrl_c(self) -> None:
        """What is known by then is told; handlers are what they were before."""
        peer = Peer()
        before = signal.getsignal(signal.SIGINT)

        def interrupt(step: RateStep) -> None:
            peer.next_step(step)
            if len(peer.counts) == 2:
                os.kill(os.getpid(), signal.SIGINT)

        with serving(peer) as port:
            found = searching(port, interrupt, most=50.0, least=50.0)
            again = searching(port, interrupt, most=50.0, least=50.0)
        assert again.rate == 50
        assert not again.interrupted
        assert len(found.steps) == 1
        peer.counts = [0]
        with serving(peer) as port:
            found = searching(port, interrupt, most=4000.0)
        assert found.interrupted
        assert found.steps[-1].report.interrupted
        assert len(found.steps) == 2
        assert signal.getsignal(signal.SIGINT) is before

    def test_the_plan_of_a_step(self) -> None:
        """Has a warm-up of its own, of a fifth, or a second where the step is longer."""
        warmups = {0.5: 0.5, 1.0: 1.0, 3.0: 1.0, 5.0: 1.0, 20.0: 4.0}
        for duration, warmup in warmups.items():
            plan = Search(PLAN, step_duration=duration).plan_at(77.0)
            assert (plan.rate, plan.duration, plan.warmup) == (77, duration, warmup)
            assert plan.barrier
