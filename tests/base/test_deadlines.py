"""Deadlines: many equal timeouts, one timer."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistecho.base.deadlines import Deadlines


class DeadlinesTests(SynchronousTestCase):
    """Items under a timeout of ten seconds."""

    def setUp(self) -> None:
        """Make a clock and its deadlines."""
        self.clock = Clock()
        self.expired: list[tuple[str, float]] = []
        self.deadlines: Deadlines[str] = Deadlines(
            self.clock,
            self.clock.seconds,
            10.0,
            lambda item: self.expired.append((item, self.clock.seconds())),
        )

    def renew(self, item: str) -> None:
        """Give an item the whole timeout from now."""
        self.deadlines.renew(item, self.clock.seconds())

    def test_an_item_expires_after_the_timeout(self) -> None:
        """Not before ten seconds, and once."""
        self.renew("a")
        self.clock.advance(9.9)
        assert self.expired == []
        self.clock.pump([0.1, 10, 10])
        assert self.expired == [("a", 10.0)]

    def test_renewal_gives_the_whole_timeout_again(self) -> None:
        """An item renewed at six seconds lives until sixteen; one that was not, until ten."""
        self.renew("a")
        self.renew("b")
        self.clock.advance(6)
        self.renew("a")
        self.clock.pump([4, 6])
        assert self.expired == [("b", 10.0), ("a", 16.0)]

    def test_a_discarded_item_never_expires_and_leaves_no_timer(self) -> None:
        """The timer goes with the last item."""
        self.renew("a")
        self.renew("b")
        self.deadlines.discard("a")
        assert len(self.clock.getDelayedCalls()) == 1
        self.deadlines.discard("b")
        assert self.clock.getDelayedCalls() == []
        self.clock.advance(20)
        assert self.expired == []

    def test_a_thousand_items_need_one_timer(self) -> None:
        """Every item expires; there is never more than one DelayedCall."""
        for number in range(1000):
            self.renew(str(number))
            assert len(self.clock.getDelayedCalls()) == 1
        self.clock.advance(10)
        assert len(self.expired) == 1000
        assert self.clock.getDelayedCalls() == []

    def test_expiry_may_discard_and_renew_others(self) -> None:
        """What `expired` does to other items is respected."""
        deadlines: Deadlines[str] = Deadlines(
            self.clock, self.clock.seconds, 10.0, lambda _item: deadlines.discard("b")
        )
        deadlines.renew("a", 0.0)
        deadlines.renew("b", 0.0)
        self.clock.advance(10)
        assert self.clock.getDelayedCalls() == []
