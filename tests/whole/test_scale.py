"""The arithmetic and the simulation of docs/scale.md: they follow from what they are given."""

import math
import unittest
from dataclasses import replace

from bench.hosts_needed import Figures, balancer_pairs, bounds, report
from bench.losing_a_host import RULES, Host, Site, headroom, simulate

SMALL = Site(clients=1_000, hosts=5, cap=0, accepts=100.0, backlog=50, longest_wait=5.0)


class ArithmeticTests(unittest.TestCase):
    """The number of hosts for a number of connections."""

    def test_twice_the_connections_take_twice_the_hosts(self) -> None:
        """Except for rounding, and for the spare one."""
        for bound in bounds(Figures()):
            one, two = bound.hosts(1_000_000) - 1, bound.hosts(2_000_000) - 1
            assert 2 * one - 1 <= two <= 2 * one

    def test_the_narrowest_bound_decides(self) -> None:
        """Expensive messages limit by CPU, expensive memory by memory."""
        assert "because of CPU, messages" in "".join(report(Figures(rate=100.0), 10**6))
        assert "because of memory" in "".join(report(Figures(memory=1e6), 10**6))

    def test_local_ports_are_those_of_a_pair_of_addresses(self) -> None:
        """One more connection than they are takes one more pair."""
        ports = Figures.ports
        assert [balancer_pairs(Figures(), n) for n in (1, ports, ports + 1)] == [1, 1, 2]


class SimulationTests(unittest.TestCase):
    """One host of five is lost."""

    def test_all_come_back_where_there_is_room(self) -> None:
        """By every rule, each client once, and no host above its bound."""
        site = headroom(SMALL, 1)
        for name, rule in RULES.items():
            with self.subTest(rule=name):
                found = simulate(site, rule)
                assert len(found.served) == found.lost == 200
                assert found.attempts >= 200

    def test_nobody_does_where_there_is_none(self) -> None:
        """Hosts that are full stay so."""
        found = simulate(headroom(SMALL, 0), RULES["every second"])
        assert found.served == []
        assert found.share_served(0.5) == math.inf

    def test_it_can_be_repeated(self) -> None:
        """The same seed gives the same run, another seed another run."""
        rule, site = RULES["doubled from 1 s, with jitter"], headroom(SMALL, 1)
        assert simulate(site, rule, seed=1) == simulate(site, rule, seed=1)
        assert simulate(site, rule, seed=1) != simulate(site, rule, seed=2)

    def test_a_full_queue_and_a_full_host_turn_away(self) -> None:
        """Waiting connections are accepted in turn, at the given rate."""
        site = replace(SMALL, cap=1_000, backlog=2)
        host = Host(0)
        assert [host.attempt(site, 0.0) for _ in range(3)] == [0.01, 0.02, None]
        assert Host(1_000).attempt(site, 0.0) is None
