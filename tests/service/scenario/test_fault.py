"""Faults: which messages meet one, what it makes of their replies, and what is read."""

import unittest
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.service.scenario.fault import OF_MESSAGES, Fault, Kind, Moment, pieces_of
from twistecho.service.scenario.faults import Faults
from twistecho.service.scenario.parsing import parse_fault, parse_faults

law = settings(max_examples=200, deadline=None)
numbers = st.integers(0, 2**64)

EVERY_KIND = tuple(str(kind) for kind in Kind if kind in OF_MESSAGES)


def met(*texts: str, connections: int = 1, messages: int = 12) -> list[tuple[int, int]]:
    """List the (connection, message) pairs that meet a fault."""
    faults = parse_faults(texts, seed=3)
    pairs = ((c, m) for c in range(connections) for m in range(messages))
    return [pair for pair in pairs if faults.of_message(*pair)]


class ScheduleTests(unittest.TestCase):
    """Where a fault may come about."""

    def test_without_a_schedule_it_always_does(self) -> None:
        """Every message of every connection."""
        assert len(met("reset", connections=3)) == 36

    def test_schedules(self) -> None:
        """Each Kth, none of the first N, one connection, and together."""
        assert met("reset,every=5") == [(0, 4), (0, 9)]
        assert met("reset,after=10") == [(0, 10), (0, 11)]
        assert met("reset,after=2,every=5") == [(0, 6), (0, 11)]
        assert met("reset,connection=1,after=11", connections=3) == [(1, 11)]

    def test_refusals_count_connections(self) -> None:
        """Every third one, and no message meets them."""
        faults = parse_faults(["refuse,every=3"])
        assert [c for c in range(9) if faults.of_connection(c)] == [2, 5, 8]
        assert faults.of_message(2, 2) is None

    def test_each_has_its_probability(self) -> None:
        """Three at a time, of 30,000 messages; the numbers of others do not count."""
        faults = parse_faults(["reset:0.1", "close:0.2", "corrupt:0.3"], seed=1)
        found = Counter(
            fault.kind if fault else None
            for fault in (faults.of_message(at % 50, at // 50) for at in range(30_000))
        )
        for kind, share in {Kind.RESET: 0.1, Kind.CLOSE: 0.2, Kind.CORRUPT: 0.3}.items():
            assert abs(found[kind] / 30_000 - share) < 0.011

    def test_the_first_takes_precedence(self) -> None:
        """A special case before the rule."""
        faults = parse_faults(["silent,every=3", "reset"])
        kinds = [fault.kind for fault in (faults.of_message(0, m) for m in range(4)) if fault]
        assert kinds == [Kind.RESET, Kind.RESET, Kind.SILENT, Kind.RESET]

    @law
    @given(numbers, st.lists(st.tuples(numbers, numbers)))
    def test_the_order_of_arrival_does_not_count(
        self, seed: int, asked: list[tuple[int, int]]
    ) -> None:
        """The same question has the same answer."""
        faults = parse_faults(["reset:0.3", "drip:0.3", "late:0.2"], seed=seed)
        there = [faults.of_message(*question) for question in asked]
        back = [faults.of_message(*question) for question in reversed(asked)]
        assert there == back[::-1]


class ContradictionTests(unittest.TestCase):
    """Faults that cannot all come true."""

    def test_are_refused(self) -> None:
        """More probable than 1 together, or never to come about."""
        for texts in (
            ["reset", "close"],
            ["reset:0.6", "close:0.5"],
            ["reset,every=2:", "x"],
            ["reset,every=2", "close,every=2"],
            ["reset", "close,every=2"],
            ["refuse", "reset"],
        ):
            with self.subTest(texts=texts), pytest.raises(ValueError, match=r"\S") as caught:
                parse_faults(texts)
            assert "\n" not in str(caught.value)

    def test_possible_ones_are_not(self) -> None:
        """Shares of one whole, other schedules, refusals of some."""
        for texts in (
            ["reset:0.5", "close:0.5"],
            [f"{kind}:0.1" for kind in EVERY_KIND] + ["refuse:0.9"],
            ["close,every=2", "reset"],
            ["refuse,every=2", "reset"],
        ):
            assert str(parse_faults(texts)) == " ".join(texts)

    def test_late_needs_a_delay(self) -> None:
        """A multiple of nothing is nothing."""
        with pytest.raises(ValueError, match="late: needs a delay"):
            parse_faults(["late"]).multiply(0.0)
        parse_faults(["late"]).multiply(1.0)

    def test_late_adds_what_is_more_than_once_the_delay(self) -> None:
        """A reply is never early."""
        for times, longer in ((0.5, 0.0), (1.0, 0.0), (1.5, 1.0), (3.0, 4.0)):
            assert Fault(Kind.LATE, times=times).slowdown(2.0, 10) == longer

    def test_the_longest_wait_counts_faults(self) -> None:
        """A drain has to last for them."""
        assert Faults().longest(2.0, 1024) == 2.0
        assert parse_faults(["late,times=3"]).longest(2.0, 1024) == 6.0
        assert parse_faults(["stall,for=7"]).longest(2.0, 1024) == 9.0
        assert parse_faults(["drip,bytes=512,pause=2"]).longest(2.0, 1024) == 4.0


class DamageTests(unittest.TestCase):
    """What becomes of a reply."""

    @law
    @given(st.binary(max_size=50), st.floats(0, 1, exclude_max=True), st.integers(1, 60))
    def test_laws(self, reply: bytes, where: float, size: int) -> None:
        """Pieces of a drip join to the reply, a truncated one is its head, and so on."""

        def sent(kind: Kind, at: Moment = Moment.BEFORE) -> bytes:
            return b"".join(pieces_of(Fault(kind, at=at, size=size), reply, lambda: where))

        assert sent(Kind.DRIP) == sent(Kind.LATE) == sent(Kind.STALL) == reply
        assert sent(Kind.SILENT) == sent(Kind.RESET) == sent(Kind.CLOSE) == b""
        assert sent(Kind.TRUNCATE) == reply[: max(0, len(reply) - size)]
        assert sent(Kind.EXTRA) == reply + b"!" * size
        assert sent(Kind.RESET, Moment.AFTER) == reply
        assert sent(Kind.CLOSE, Moment.MIDDLE) == reply[: len(reply) // 2]
        corrupt = sent(Kind.CORRUPT)
        assert len(corrupt) == len(reply)
        different = [a ^ b for a, b in zip(corrupt, reply, strict=True) if a != b]
        assert different == [0x80] * bool(reply)

    def test_half_is_missing_unless_said_otherwise(self) -> None:
        """At least one byte."""
        assert pieces_of(parse_fault("truncate"), b"abc", float) == [b"a"]
        assert pieces_of(parse_fault("truncate"), b"a", float) == [b""]
