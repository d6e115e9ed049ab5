"""What a service counts, in particular by how much delayed replies are late."""

import threading

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pipes import connect
from twistecho import EchoFactory
from twistecho.service.echo.counters import LATENESS_BOUNDS, Lateness

# Whole numbers of 2**-20 seconds, so that differences are exact.
_dues = st.lists(st.integers(0, 8 << 20).map(lambda number: number / (1 << 20)))


class LatenessTests(SynchronousTestCase):
    """The histogram."""

    @given(_dues)
    def test_many_at_once_count_as_each_by_itself(self, dues: list[float]) -> None:
        """In the same buckets."""
        one, all_at_once = Lateness(), Lateness()
        for due in sorted(dues):
            one.observe(8.0 - due)
        all_at_once.observe_all(8.0, sorted(dues))
        assert (one.buckets, one.count) == (all_at_once.buckets, all_at_once.count)
        assert abs(one.sum - all_at_once.sum) < 1e-6

    def test_a_bound_belongs_to_its_bucket(self) -> None:
        """As Prometheus has it: less or equal."""
        lateness = Lateness()
        lateness.observe_all(0.0, [-bound for bound in reversed(LATENESS_BOUNDS)])
        assert lateness.buckets == [1] * len(LATENESS_BOUNDS) + [0]


class CountsTests(SynchronousTestCase):
    """What connections have done counts from the moment it is done."""

    def test_open_and_closed_connections_count_alike(self) -> None:
        """Once each, from any thread, also where the shortest way was taken."""
        factory = EchoFactory(Clock(), reply="raw")
        first, _ = connect(factory)
        second, _ = connect(factory)
        first.dataReceived(b"x" * 10)
        second.dataReceived(b"y" * 2000)
        first.connectionLost(Failure(ConnectionDone()))
        seen: list[tuple[int, int, int]] = []

        def look() -> None:
            counts = factory.counts
            seen.append((counts.messages, counts.bytes_in, counts.bytes_out))

        look()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        second.connectionLost(Failure(ConnectionDone()))
        look()
        assert seen == [(3, 2010, 2010)] * 3
