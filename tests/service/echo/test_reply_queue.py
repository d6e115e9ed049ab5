"""The queue of a connection: order, room, pieces, what ends it, and what it counts for."""

from unittest import TestCase

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.service.echo.admission import Budget
from twistecho.service.echo.limits import MESSAGE_COST
from twistecho.service.echo.reply_queue import Reply, ReplyQueue
from twistecho.service.scenario.fault import Fault, Kind, pieces_of
from twistecho.service.scenario.parsing import parse_fault


def capitals(message: bytes) -> bytes:
    """Write a reply: the message in capitals."""
    return message.upper()


def pieces(fault: Fault, reply: bytes, _connection: int, _number: int) -> list[bytes]:
    """Do as a scenario does, but for chance."""
    return pieces_of(fault, reply, float)


class Service:
    """What a queue needs of its service."""

    def __init__(self) -> None:
        self.budget = Budget(10**6, 1)
        self.late: list[float] = []
        self.left_at: list[float] = []

    def sent_late(self, late: float) -> None:
        """Note it."""
        self.late.append(late)


class QueueTests(TestCase):
    """One connection's queue."""

    def setUp(self) -> None:
        """Make an empty one."""
        self.service = Service()
        self.queue = ReplyQueue(self.service, 0, 0.0, capitals)

    def faulty(self, text: str) -> Reply:
        """Make a reply that meets a fault."""
        return Reply(0, parse_fault(text), pieces)

    def test_replies_leave_when_they_are_due_in_order(self) -> None:
        """None is due before its predecessor, and each is written as it leaves."""
        for due, message in ((2.0, b"a"), (1.0, b"b"), (3.0, b"c")):
            self.queue.put(due, message, None)
        assert self.queue.next_due == 2.0
        assert self.queue.take(1.9, 100) == []
        assert self.queue.take(2.5, 100) == [b"A", b"B"]
        assert self.service.late == [0.5, 0.5]
        assert self.queue.next_due == 3.0

    def test_a_plain_reply_that_waits_alone_is_taken_when_it_is_due(self) -> None:
        """Not earlier, and neither one of two nor one that meets a fault."""
        self.queue.put_only(2.0, b"a")
        assert self.queue.take_only(1.9) is None
        assert self.queue.take_only(2.0) == b"a"
        assert (self.service.left_at, self.service.budget.used) == ([2.0], 0)
        for _ in range(2):
            self.queue.put(2.0, b"a", None)
        assert self.queue.take_only(2.0) is None
        self.queue.take(2.0, 100)
        self.queue.put(2.0, b"a", self.faulty("drip"))
        assert self.queue.take_only(2.0) is None

    def test_nothing_is_due_before_the_connection(self) -> None:
        """The time at which the connection's own delay is over."""
        queue = ReplyQueue(self.service, 0, 5.0, capitals)
        queue.put(1.0, b"a", None)
        assert queue.next_due == 5.0

    def test_a_batch_ends_where_there_is_no_more_room(self) -> None:
        """One reply more than fits, no more."""
        for _ in range(5):
            self.queue.put(0.0, b"x" * 10, None)
        assert len(self.queue.take(0.0, 25)) == 3

    def test_a_reply_that_is_awaited_holds_up_those_after_it(self) -> None:
        """And there is no time at which to look again."""
        reply = Reply(0, None)
        reply.awaited = True
        self.queue.put(0.0, b"a", reply)
        self.queue.put(0.0, b"b", None)
        assert self.queue.take(1.0, 100) == []
        assert self.queue.next_due is None

    def test_pieces_leave_one_by_one_before_all_others(self) -> None:
        """Each is due a pause after the one before it."""
        self.queue.put(1.0, b"abcd", self.faulty("drip,bytes=2,pause=0.5"))
        self.queue.put(1.0, b"z", None)
        assert self.queue.take(1.25, 100) == [b"AB"]
        assert self.queue.next_due == 1.75
        assert self.queue.take(1.7, 100) == []
        assert self.queue.take(2.0, 100) == [b"CD", b"Z"]
        assert self.service.late == [0.25, 1.0]  # a reply is as late as its first piece
        assert self.queue.cost == 0
        assert not self.queue.entries

    def test_nothing_leaves_after_what_ends_the_connection(self) -> None:
        """What the fault lets through does; then it is known how to end."""
        for text, sent in (("reset,at=middle", b"AB"), ("close", b""), ("reset,at=after", b"ABCD")):
            with self.subTest(text=text):
                self.setUp()
                self.queue.put(0.0, b"abcd", self.faulty(text))
                self.queue.put(0.0, b"z", None)
                assert self.queue.take(0.0, 100) == [sent]
                assert self.queue.take(0.0, 100) == []
                assert self.queue.ending is Kind(text.partition(",")[0])

    def test_a_silent_reply_leaves_nothing_and_others_go_on(self) -> None:
        """Its message counts no more."""
        self.queue.put(0.0, b"abcd", self.faulty("silent"))
        self.queue.put(0.0, b"z", None)
        assert b"".join(self.queue.take(0.0, 100)) == b"Z"
        assert self.queue.cost == 0

    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.binary(min_size=1, max_size=50),
                st.sampled_from(["", "silent", "corrupt", "extra,bytes=9", "drip,bytes=7,pause=2"]),
                st.integers(0, 9),
            ),
            max_size=20,
        ),
        st.integers(1, 100),
    )
    def test_it_counts_for_what_waits(
        self, messages: list[tuple[bytes, str, int]], room: int
    ) -> None:
        """Here and in the common budget, until all has left or is forgotten."""
        self.setUp()
        for number, (message, fault, due) in enumerate(messages):
            self.queue.put(due, message, self.faulty(fault) if fault else None)
            waiting = sum(len(m) + MESSAGE_COST for m, _, _ in messages[: number + 1])
            assert self.queue.cost == self.service.budget.used == waiting
        now = 0.0
        while self.queue.next_due is not None:
            now = max(now, self.queue.next_due)
            while self.queue.take(now, room):
                assert self.queue.cost == self.service.budget.used >= 0
        assert self.queue.cost == self.service.budget.used == 0

    def test_forgetting_gives_back_what_it_counted_for(self) -> None:
        """Whatever stood in it."""
        self.queue.put(0.0, b"abcd", self.faulty("drip,bytes=1"))
        self.queue.put(0.0, b"z", None)
        self.queue.take(0.0, 100)
        self.queue.forget()
        assert self.queue.cost == self.service.budget.used == 0

    def test_what_waits_is_written_as_when_it_came(self) -> None:
        """Also what meets a fault; and it leaves in the same order."""
        self.queue.put(1.0, b"a", None)
        self.queue.put(1.0, b"b", self.faulty("extra"))
        self.queue.go_on(bytes.title)
        self.queue.put(1.0, b"abc", None)
        self.queue.go_on(bytes)
        self.queue.put(1.0, b"d", None)
        assert self.queue.take(1.0, 100) == [b"A", b"B!", b"Abc", b"d"]
        assert (self.queue.cost, self.service.budget.used) == (0, 0)

    def test_one_that_waits_alone_is_written_as_when_it_came(self) -> None:
        """It is not taken for a plain one."""
        self.queue.put_only(1.0, b"a")
        self.queue.go_on(bytes)
        assert self.queue.take_only(1.0) is None
        assert self.queue.take(1.0, 100) == [b"A"]

    def test_a_reply_may_end_its_connection(self) -> None:
        """All of it leaves before, and nothing after it."""
        self.queue.put(0.0, b"bye", Reply(0, content=b"bye", ending=Kind.CLOSE))
        self.queue.put(0.0, b"z", None)
        assert self.queue.take(0.0, 100) == [b"bye"]
        assert self.queue.ending is Kind.CLOSE
