"""What peers have sent: as far back as there is room, and waited for."""

import unittest
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pipes import connect
from twistecho import EchoFactory
from twistecho.service.echo.received import Message, Received
from twistecho.service.scenario.scenario import Scenario


class BoundTests(unittest.TestCase):
    """How much is kept."""

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.binary(max_size=9), max_size=30), st.integers(1, 5), st.integers(0, 20))
    def test_the_last_messages_are_kept(
        self, messages: list[bytes], most: int, most_bytes: int
    ) -> None:
        """So many at most, of so many bytes at most; all are counted."""
        received = Received(most, most_bytes)
        for number, data in enumerate(messages):
            received.add(7, number, data)
        kept = [each.data for each in received]
        assert messages[len(messages) - len(kept) :] == kept
        assert len(kept) == len(received) <= most
        assert sum(map(len, kept)) <= most_bytes
        more = messages[-len(kept) - 1 :]
        assert len(kept) in (most, len(messages)) or sum(map(len, more)) > most_bytes
        assert received.total == len(messages)
        assert [each.index for each in received] == [*range(len(messages))][
            len(messages) - len(kept) :
        ]

    def test_forgotten_messages_make_room(self) -> None:
        """And all counts begin anew."""
        received = Received(2, 10)
        for _ in range(2):
            received.add(0, 0, b"123456")
            received.add(0, 1, b"1234")
            assert list(received) == [Message(0, 0, 0, b"123456"), Message(1, 0, 1, b"1234")]
            received.clear()
            assert (len(received), received.total) == (0, 0)


class WaitingTests(SynchronousTestCase):
    """Waiting for so many."""

    def test_it_fires_once_there_are_as_many(self) -> None:
        """At once where they have been; also if they were dropped."""
        received = Received(1, 1000)
        later = received.reach(2)
        received.add(0, 0, b"a")
        self.assertNoResult(later)
        received.add(0, 1, b"b")
        self.successResultOf(later)
        self.successResultOf(received.reach(1))

    def test_who_waits_no_longer_is_forgotten(self) -> None:
        """The others are told."""
        received = Received(1000, 1000)
        gone, there = received.reach(1), received.reach(1)
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        received.add(0, 0, b"a")
        self.successResultOf(there)
        assert received._waiting == []

    def test_who_is_told_may_wait_again(self) -> None:
        """For the next one."""
        received, told = Received(1000, 1000), []

        def again(_: object) -> None:
            told.append(received.total)
            received.reach(received.total + 1).addCallback(again)

        received.reach(1).addCallback(again)
        for number in range(3):
            received.add(0, number, b"a")
        assert told == [1, 2, 3]


class RecordingTests(SynchronousTestCase):
    """What a service records."""

    def test_messages_as_they_are_decided_about(self) -> None:
        """Of all connections in the order of arrival, where it is asked for."""
        for framing, data in (("read", b"a\nb\n"), ("line", b"a\nb\nc")):
            factory = EchoFactory(Clock(), framing=framing, reply="raw", record=True)
            (one, _), (two, transport) = connect(factory), connect(factory)
            two.dataReceived(data)
            one.dataReceived(b"x\n")
            parts = [data] if framing == "read" else [b"a\n", b"b\n"]
            assert [(each.connection, each.number, each.data) for each in factory.received] == [
                *((1, number, part) for number, part in enumerate(parts)),
                (0, 0, b"x\n"),
            ]
            assert transport.value() == b"a\nb\n"

    def test_what_a_length_says_is_no_part_of_them(self) -> None:
        """And an empty one is recorded too."""
        factory = EchoFactory(Clock(), framing="length:1", record=True)
        protocol, _ = connect(factory)
        protocol.dataReceived(b"\x01a\0")
        assert [each.data for each in factory.received] == [b"a", b""]

    def test_nothing_is_recorded_where_nobody_asked(self) -> None:
        """Until somebody does, and no longer than that."""
        factory = EchoFactory(Clock(), reply="raw")
        protocol, transport = connect(factory)
        for recording in (False, True, False):
            factory.connections.record(recording=recording)
            protocol.dataReceived(b"%d" % recording)
        assert [(each.number, each.data) for each in factory.received] == [(1, b"1")]
        assert transport.value() == b"010"
        assert protocol._state == 0  # the short way again

    def test_whoever_hears_of_a_message_may_change_the_scenario(self) -> None:
        """For those after it; all of the same read have been decided about."""
        factory = EchoFactory(Clock(), framing="line", reply="raw", record=True)
        protocol, transport = connect(factory)

        def change(_: Any) -> None:
            factory.scenario = Scenario(reply="prefixed")

        factory.received.reach(1).addCallback(change)
        protocol.dataReceived(b"a\nb\n")
        protocol.dataReceived(b"c\n")
        assert transport.value() == b"a\nb\nResposta => c\n"

    def test_what_follows_the_last_reply_has_been_sent_all_the_same(self) -> None:
        """It is recorded, though nobody decides about it: it takes nothing that has a limit."""
        clock = Clock()
        scenario = Scenario(
            framing="line", reply="raw", delay=1, in_band=True, faults="corrupt", seed=1
        )
        factory = EchoFactory(clock, scenario=scenario, record=True)
        protocol, transport = connect(factory)
        protocol.dataReceived(b"!close,at=after a\nb\n")
        protocol.dataReceived(b"c\n")
        clock.advance(1)
        assert transport.value() == b"!close,at=after a\n"
        assert [each.number for each in factory.received] == [0, 1, 2]
        assert factory.counts.messages == 3
        assert factory.faults_met == {"close": 1}
