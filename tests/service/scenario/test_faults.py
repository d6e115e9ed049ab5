"""Faults with conditions and limits, and bandwidth: what meets whom."""

import pickle
import unittest
from collections import Counter
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.seeding import uniform
from twistecho.service.scenario.fault import Fault, Kind
from twistecho.service.scenario.faults import Bandwidth, Faults, without_limit
from twistecho.service.scenario.parsing import parse_fault, parse_faults

law = settings(max_examples=100, deadline=None)

HERE, THERE = ip_address("10.1.2.3"), ip_address("192.0.2.1")


class Counted:
    """Counts what has a limit, as a service does."""

    def __init__(self) -> None:
        self.times: Counter[Fault] = Counter()
        self.asked = 0

    def take(self, fault: Fault) -> bool:
        """Say whether a fault may still come about. See `Take`."""
        self.asked += 1
        assert fault.limit is not None
        if self.times[fault] >= fault.limit:
            return False
        self.times[fault] += 1
        return True


def kind_of(fault: Fault | None) -> str:
    """Name what was met, in a word."""
    return "none" if fault is None else str(fault.kind)


class ConditionTests(unittest.TestCase):
    """Whose messages, and which."""

    def test_the_peer(self) -> None:
        """In a network, of IPv4 also where IPv6 shows it; never on a Unix socket."""
        faults = parse_faults(["reset,peer=10.0.0.0/8", "close,peer=fd00::1"])
        for peer, kind in {
            HERE: "reset",
            ip_address("::ffff:10.1.2.3"): "reset",
            THERE: "none",
            ip_address("fd00::1"): "close",
            ip_address("fd00::2"): "none",
            None: "none",
        }.items():
            assert kind_of(faults.of_message(0, 0, b"x", peer)) == kind
        refusing = parse_faults(["refuse,peer=::ffff:10.0.0.0/104"])
        assert kind_of(refusing.of_connection(0, HERE)) == "refuse"
        assert refusing.of_connection(0, THERE) is refusing.of_connection(0) is None

    def test_what_a_message_says(self) -> None:
        """Anywhere in it; the schedule and the peer count too."""
        faults = parse_faults(["reset,every=2,match=^GET (/a|/b,c)", "silent,match=\\xff$"])
        assert kind_of(faults.of_message(0, 1, b"GET /b,c HTTP/1.1")) == "reset"
        assert kind_of(faults.of_message(0, 0, b"GET /a")) == "none"
        assert kind_of(faults.of_message(0, 1, b"POST /a")) == "none"
        assert kind_of(faults.of_message(0, 0, b"abc\xff")) == "silent"

    def test_those_that_may_not_meet_a_message_take_nothing_of_the_number(self) -> None:
        """Else a condition of one would change the probability of the next."""
        alone = parse_faults(["close:0.3"], seed=5)
        beside = parse_faults(["reset:0.6,peer=10.0.0.0/8", "close:0.3"], seed=5)
        for message in range(200):
            there = beside.of_message(0, message, b"", THERE)
            assert there == alone.of_message(0, message, b"", THERE)
        assert {kind_of(beside.of_message(0, m, b"", HERE)) for m in range(200)} == {
            "reset",
            "close",
            "none",
        }

    def test_a_fault_can_be_sent_to_another_process(self) -> None:
        """With its pattern and its network."""
        fault = parse_fault("reset:0.5,every=2,limit=2,peer=fd00::/8,match=^GET, /x")
        assert pickle.loads(pickle.dumps(fault)) == fault  # noqa: S301 - made here
        assert len({fault, parse_fault(fault.text)}) == 1


class LimitTests(unittest.TestCase):
    """What comes about so many times."""

    def test_it_comes_about_so_often_in_all(self) -> None:
        """Over all connections; then the others are met."""
        faults, counted = parse_faults(["reset,limit=3", "close"]), Counted()
        met = [kind_of(faults.of_message(c, 0, b"", None, counted.take)) for c in range(5)]
        assert met == ["reset"] * 3 + ["close"] * 2

    def test_connections_are_refused_so_often(self) -> None:
        """Fail twice, then work."""
        faults, counted = parse_faults(["refuse,limit=2"]), Counted()
        met = [kind_of(faults.of_connection(c, None, counted.take)) for c in range(4)]
        assert met == ["refuse", "refuse", "none", "none"]

    def test_nobody_is_asked_where_it_would_not_come_about(self) -> None:
        """Nor about what has no limit."""
        texts = ["reset:0.2,limit=1000", "close,after=5,limit=1000", "silent,match=x,limit=9"]
        faults, counted = parse_faults([*texts, "corrupt:0.5"], seed=2), Counted()
        met = Counter(kind_of(faults.of_message(0, m, b"y", None, counted.take)) for m in range(50))
        assert counted.asked == met["reset"] + met["close"] == sum(counted.times.values())
        assert 0 < met["reset"] < 25

    def test_they_are_tried_in_their_order_before_the_others(self) -> None:
        """Wherever they stand."""
        faults, counted = parse_faults(["drip", "close,limit=1", "reset,limit=2"]), Counted()
        met = [kind_of(faults.of_message(0, m, b"", None, counted.take)) for m in range(5)]
        assert met == ["close", "reset", "reset", "drip", "drip"]

    def test_each_draws_a_number_of_its_own(self) -> None:
        """By the documented purpose: its place among those with a limit, of whatever kind."""
        faults = parse_faults(
            ["drip:0.1", "refuse:0.5,limit=9", "reset:0.3,limit=9", "close:0.3,limit=9"], seed=4
        )
        for message in range(300):
            met = kind_of(faults.of_message(7, message))
            assert (met == "reset") is (uniform(4, "limit-1", 7, message) < 0.3)
            if met != "reset":
                assert (met == "close") is (uniform(4, "limit-2", 7, message) < 0.3)
        for connection in range(50):
            refused = faults.of_connection(connection) is not None
            assert refused is (uniform(4, "limit-0", connection, 0) < 0.5)

    @law
    @given(
        st.integers(0, 2**40),
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), unique=True),
        st.integers(1, 5),
    )
    def test_others_are_what_they_are_without_it(
        self, seed: int, asked: list[tuple[int, int]], limit: int
    ) -> None:
        """Except where it takes their place, in whatever order messages arrive."""
        without = parse_faults(["close:0.4", "drip:0.3"], seed=seed)
        beside = parse_faults(["close:0.4", f"reset:0.5,limit={limit}", "drip:0.3"], seed=seed)
        counted, limited = Counted(), 0
        for place in asked:
            met = beside.of_message(*place, b"", None, counted.take)
            if met is not None and met.limit is not None:
                limited += 1
            else:
                assert met == without.of_message(*place)
        assert limited <= limit


class BandwidthTests(unittest.TestCase):
    """What a connection has of bytes per second."""

    def test_both_ways_or_one(self) -> None:
        """Where it is not met there is no bound."""
        assert parse_faults(["bandwidth,rate=1k"]).bandwidth(0) == Bandwidth(1000, 1000)
        assert parse_faults(["bandwidth,rate=1k,direction=in"]).bandwidth(0) == Bandwidth(1000)
        each = parse_faults(["bandwidth,rate=1Ki,direction=out", "bandwidth,rate=2Ki,direction=in"])
        assert each.bandwidth(3) == Bandwidth(2048, 1024)
        assert [str(fault) for fault in each.bandwidth(3).met] == [
            str(fault) for fault in reversed(each.faults)
        ]
        assert parse_faults(["reset"]).bandwidth(0) == Bandwidth()

    def test_connections_are_counted(self) -> None:
        """As for refusals; and no message meets it."""
        faults = parse_faults(["bandwidth,rate=1k,every=3,peer=10.0.0.0/8"])
        bounded = [c for c in range(9) if faults.bandwidth(c, HERE) != Bandwidth()]
        assert bounded == [2, 5, 8]
        assert faults.bandwidth(2, THERE) == Bandwidth()
        assert faults.of_message(2, 2) is faults.of_connection(2) is None

    def test_both_directions_draw_the_same_number(self) -> None:
        """So that a connection that is slow one way is slow the other way too."""
        faults = parse_faults(
            [
                "bandwidth:0.3,rate=1,direction=in",
                "bandwidth:0.3,rate=2,direction=out",
                "bandwidth:0.3,rate=3",
            ],
            seed=6,
        )
        for connection in range(200):
            drawn = uniform(6, "bandwidth", connection, 0)
            expected = Bandwidth(1, 2) if drawn < 0.3 else Bandwidth(3, 3)
            assert faults.bandwidth(connection) == (expected if drawn < 0.6 else Bandwidth())

    def test_a_limit_counts_connections(self) -> None:
        """Once for both directions, and nothing where the direction is taken."""
        faults, counted = (
            parse_faults(
                [
                    "bandwidth,rate=9",
                    "bandwidth,rate=1,limit=2",
                    "bandwidth,rate=2,direction=in,limit=1",
                ]
            ),
            Counted(),
        )
        met = [faults.bandwidth(c, None, counted.take) for c in range(4)]
        assert met == [Bandwidth(1, 1), Bandwidth(1, 1), Bandwidth(2, 9), Bandwidth(9, 9)]
        assert [len(bandwidth.met) for bandwidth in met] == [1, 1, 2, 1]

    def test_the_longest_reply_is_waited_for(self) -> None:
        """Outward, at the lowest rate, with what other faults add to it."""
        texts = ["bandwidth:0.1,rate=10", "bandwidth:0.1,rate=100"]
        assert parse_faults(texts).longest(2.0, 1000) == 102.0
        assert parse_faults([*texts, "stall,for=7"]).longest(2.0, 1000) == 109.0
        assert parse_faults([*texts, "extra:0.1,bytes=50"]).longest(2.0, 1000) == 107.0
        assert parse_faults(["bandwidth,rate=10,direction=in"]).longest(2.0, 1000) == 2.0


class UnacceptedTests(unittest.TestCase):
    """Whether connects complete."""

    def test_it_is_of_the_whole_port(self) -> None:
        """Whatever else there is; it meets neither connections nor messages."""
        faults = parse_faults(["unaccepted", "reset:0.5"])
        assert faults.unaccepted
        assert parse_faults(["unaccepted"]).of_message(0, 0) is None
        assert parse_faults(["unaccepted"]).of_connection(0) is None
        assert not parse_faults(["reset"]).unaccepted


class ContradictionTests(unittest.TestCase):
    """What cannot all come true, with conditions and limits."""

    def test_are_refused(self) -> None:
        """As without them."""
        for texts, words in {
            ("reset,peer=10.0.0.0/8", "close,peer=10.0.0.0/8"): "add up to more than 1",
            ("reset:0.6,match=a", "close:0.6,match=a"): "add up to more than 1",
            ("reset", "close,peer=10.0.0.0/8"): "add up to more than 1",
            ("reset", "close,match=a"): "add up to more than 1",
            ("bandwidth,rate=1", "bandwidth,rate=2,direction=in"): "add up to more than 1",
            ("bandwidth:0.6,rate=1", "bandwidth:0.6,rate=2"): "add up to more than 1",
            ("unaccepted", "unaccepted"): "add up to more than 1",
            ("refuse", "bandwidth,rate=1"): "bandwidth,rate=1 can never apply",
            ("refuse", "reset,limit=1"): "reset,limit=1 can never apply",
        }.items():
            with self.subTest(texts=texts), pytest.raises(ValueError, match=words) as caught:
                parse_faults(texts)
            assert "\n" not in str(caught.value)

    def test_possible_ones_are_not(self) -> None:
        """Other peers, other messages, limits, directions, and what is no message's."""
        for texts in (
            ["reset,peer=10.0.0.0/8", "close,peer=11.0.0.0/8", "silent"],
            ["reset,match=a", "close,match=b", "silent"],
            ["reset,limit=1", "close,limit=1", "reset"],
            ["reset", "close,limit=1"],
            ["refuse,limit=2", "reset"],
            ["refuse,peer=10.0.0.0/8", "reset"],
            ["refuse,limit=2", "refuse,every=2"],
            ["bandwidth,rate=1,direction=in", "bandwidth,rate=1,direction=out", "reset"],
            ["unaccepted", "refuse"],
            ["unaccepted", "bandwidth,rate=1", "reset"],
        ):
            with self.subTest(texts=texts):
                assert str(parse_faults(texts)) == " ".join(texts)

    def test_nothing_has_a_limit_unless_somebody_counts(self) -> None:
        """So that what becomes of a message can be asked without counting it."""
        assert without_limit(Fault(Kind.RESET, limit=1))
        faults = Faults((Fault(Kind.RESET, limit=1),))
        assert [kind_of(faults.of_message(0, m)) for m in range(3)] == ["reset"] * 3
