"""A plan divided among processes: nothing is lost and nothing is added."""

import unittest

from hypothesis import given
from hypothesis import strategies as st

from twistecho.fleet.plans.division import divide
from twistecho.fleet.plans.plan import Plan


class DivideTests(unittest.TestCase):
    """What `divide` gives."""

    @given(st.integers(1, 1000), st.integers(1, 50), st.integers(0, 10**6))
    def test_clients_rate_and_ramp_add_up(self, clients: int, parts: int, first: int) -> None:
        """Numbers follow each other; no part has none, or two more than another."""
        plan = Plan(clients=clients, rate=100.0, ramp=7.0, first=first)
        plans = divide(plan, parts)
        numbers = [n for part in plans for n in range(part.first, part.first + part.clients)]
        assert numbers == list(range(first, first + clients))
        assert len(plans) == min(parts, clients)
        assert max(p.clients for p in plans) - min(p.clients for p in plans) <= 1
        assert abs(sum(part.rate or 0.0 for part in plans) - 100.0) < 1e-9
        assert abs(sum(part.ramp or 0.0 for part in plans) - 7.0) < 1e-9

    def test_clients_in_order_cannot_be_divided(self) -> None:
        """No process can wait for the clients of another one."""
        with self.assertRaisesRegex(ValueError, "in order"):
            divide(Plan(ordered=True), 2)
