"""When messages are due: the laws of the load models."""

import statistics
import unittest
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.load import Load, load_of
from twistecho.fleet.plans.plan import Plan

law = settings(max_examples=60, deadline=None)
clients = st.integers(1, 12)
rates = st.floats(0.01, 1e5)
times = st.floats(0, 1e4)


def schedule(load: Load, count: int, free: float = 0.0) -> list[float]:
    """Ask when ``count`` messages are due."""
    return [load.due(free) for _ in range(count)]


class ClosedTests(unittest.TestCase):
    """The next message follows the reply."""

    @law
    @given(think=st.floats(0, 100), frees=st.lists(times, min_size=1, max_size=9))
    def test_the_first_message_is_due_at_once_the_others_after_a_think_time(
        self, think: float, frees: list[float]
    ) -> None:
        """It counts from when there was room for the message."""
        load = load_of(Plan(think=think), 3, 77.0)
        expected = [frees[0], *(free + think for free in frees[1:])]
        assert [load.due(free) for free in frees] == expected


class ConstantTests(unittest.TestCase):
    """Messages at equal distances, whatever the server does."""

    @law
    @given(clients=clients, rate=rates, first=st.integers(0, 1000), began=times)
    def test_clients_together_keep_exactly_the_rate(
        self, clients: int, rate: float, first: int, began: float
    ) -> None:
        """All their messages in order are 1 / rate apart, and the first one is due at once."""
        plan = Plan(clients=clients, rate=rate, first=first)
        numbers = range(first, first + clients)
        due = sorted(t for n in numbers for t in schedule(load_of(plan, n, began), 5))
        for number, at in enumerate(due):
            self.assertAlmostEqual(at, began + number / rate, delta=1e-9 * (at + 1))

    def test_nobody_waits_for_longer_than_a_system_can_count(self) -> None:
        """Eleven days, however long the pause that is drawn at the lowest rate."""
        for arrivals in Arrivals:
            load = load_of(Plan(clients=3, rate=3e-6, arrivals=arrivals), 2, 0.0)
            due = [load.due(0.0) for _ in range(50)]
            assert all(0 < later - one <= 1e6 + 1 for one, later in pairwise(due))

    @law
    @given(frees=st.lists(times, min_size=2, max_size=9), kind=st.sampled_from(Arrivals))
    def test_the_schedule_does_not_wait_for_the_server(
        self, frees: list[float], kind: Arrivals
    ) -> None:
        """When there was room makes no difference."""
        plan = Plan(rate=100, arrivals=kind)
        loads = load_of(plan, 1, 5.0), load_of(plan, 1, 5.0)
        assert [loads[0].due(free) for free in frees] == schedule(loads[1], len(frees))


class PoissonTests(unittest.TestCase):
    """Messages at random, the same in every run."""

    def gaps(self, seed: int, client: int, clients: int = 4, rate: float = 200.0) -> list[float]:
        """Give two thousand times between messages of a client."""
        plan = Plan(clients=clients, rate=rate, arrivals=Arrivals.POISSON, seed=seed)
        return [b - a for a, b in pairwise([3.0, *schedule(load_of(plan, client, 3.0), 2000)])]

    def test_gaps_are_exponential_with_the_mean_of_the_client_s_share(self) -> None:
        """Mean and standard deviation are clients / rate; 1 / e of the gaps are longer."""
        gaps, mean = self.gaps(1, 0), 4 / 200
        self.assertAlmostEqual(statistics.fmean(gaps) / mean, 1, delta=0.1)
        self.assertAlmostEqual(statistics.pstdev(gaps) / mean, 1, delta=0.15)
        longer = sum(gap > mean for gap in gaps) / len(gaps)
        self.assertAlmostEqual(longer, 0.3679, delta=0.04)
        assert min(gaps) >= 0

    def test_clients_and_seeds_are_independent(self) -> None:
        """The gaps of one say nothing of the other's."""
        gaps = self.gaps(1, 0)
        for other in (self.gaps(1, 1), self.gaps(2, 0)):
            assert abs(statistics.correlation(gaps, other)) < 0.1

    def test_a_client_s_schedule_does_not_depend_on_how_clients_are_divided(self) -> None:
        """Half the clients with half the rate: each client's messages stay where they were."""
        plan = Plan(clients=8, rate=80, arrivals=Arrivals.POISSON, seed=5)
        half = Plan(clients=4, rate=40, first=4, arrivals=Arrivals.POISSON, seed=5)
        for client in range(4, 8):
            whole = schedule(load_of(plan, client, 0.0), 50)
            assert whole == schedule(load_of(half, client, 0.0), 50)

    @law
    @given(seed=st.integers(0, 2**40), client=st.integers(0, 1000))
    def test_the_seed_gives_the_same_schedule_again_in_order(self, seed: int, client: int) -> None:
        """Nothing else is random, and no message is due before the one before it."""
        plan = Plan(clients=1001, rate=7, arrivals=Arrivals.POISSON, seed=seed)
        due = schedule(load_of(plan, client, 1.0), 20)
        assert due == schedule(load_of(plan, client, 1.0), 20) == sorted(due)
        assert due[0] >= 1.0
