"""Limits: what the service holds at most."""

import math
import unittest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pipes import Pipe, tcp
from twistecho import EchoFactory
from twistecho.base.reply_formats import REPLY_SIZE
from twistecho.service.echo.admission import Admission, counted_as
from twistecho.service.echo.limits import (
    GUARANTEED,
    MOST_WORKERS,
    Limits,
    describe_shares,
    divide,
    parse_workers,
    shares_of,
)

law = settings(max_examples=100, deadline=None)

SMALLEST = 4 * REPLY_SIZE
waitings = st.integers(SMALLEST, 2**40)


def limits_of(waiting: int) -> Limits:
    """Make limits with this bound for one connection, and room for it in the common one."""
    return Limits(waiting_bytes=waiting, total_waiting_bytes=2**41)


class LimitsTests(unittest.TestCase):
    """The bounds of one service."""

    def test_by_default_256_kib_wait(self) -> None:
        """The promise of the documentation."""
        assert Limits().waiting_bytes == 256 * 1024

    def test_what_leaves_no_room_is_refused_by_name(self) -> None:
        """A bad bound raises ValueError, and the message begins with the field's name."""
        bad: list[tuple[str, Any]] = [
            ("waiting_bytes", SMALLEST - 1),
            ("waiting_bytes", 0),
            ("waiting_bytes", -1),
            ("waiting_messages", 0),
            ("waiting_messages", -1),
            ("total_waiting_bytes", Limits().waiting_bytes - 1),
            ("total_waiting_bytes", 0),
            ("connections", -1),
            ("connections_per_peer", -1),
            ("idle", -0.5),
            ("idle", math.inf),
            ("idle", math.nan),
            ("stall", -0.5),
            ("stall", math.inf),
            ("stall", math.nan),
            ("stall", 1e20),
        ]
        for field, value in bad:
            fields: dict[str, Any] = {field: value}
            with self.subTest(**fields), pytest.raises(ValueError, match=f"^{field}: ") as caught:
                Limits(**fields)
            assert f"{value}" in str(caught.value)

    def test_the_message_tells_what_would_do(self) -> None:
        """Where a bound is too small the smallest one is told."""
        with pytest.raises(ValueError, match=f"{SMALLEST}$"):
            Limits(waiting_bytes=1)
        with pytest.raises(ValueError, match=r"262144$"):
            Limits(total_waiting_bytes=1)

    def test_the_smallest_bounds_work(self) -> None:
        """Four replies, one message, and no more in all than on one connection."""
        limits = Limits(
            waiting_bytes=SMALLEST, waiting_messages=1, total_waiting_bytes=SMALLEST, connections=1
        )
        assert limits.waiting_bytes == limits.total_waiting_bytes == SMALLEST

    def test_zero_is_no_bound_for_connections_and_times(self) -> None:
        """It is accepted where it has that meaning."""
        limits = Limits(connections=0, connections_per_peer=0, idle=0, stall=0)
        assert (limits.connections, limits.connections_per_peer) == (0, 0)
        assert (limits.idle, limits.stall) == (0, 0)

    @law
    @given(waiting=waitings)
    def test_the_parts_make_no_more_than_the_whole(self, waiting: int) -> None:
        """Queue, a full write buffer with one batch more, and one reply fit into the bound."""
        limits = limits_of(waiting)
        assert limits.queue + 2 * limits.write_buffer + REPLY_SIZE == waiting

    @law
    @given(waiting=waitings)
    def test_there_is_room_to_work_in_either_part(self, waiting: int) -> None:
        """The longest reply fits into queue and write buffer, and so does what is guaranteed."""
        limits = limits_of(waiting)
        assert min(limits.queue, limits.write_buffer) >= REPLY_SIZE
        assert limits.queue >= GUARANTEED


class ParseTests(unittest.TestCase):
    """How many workers are wanted."""

    def test_a_number_or_one_for_each_core(self) -> None:
        """``auto`` knows the cores; beyond the most there are never more."""
        assert parse_workers("3", cores=2) == 3
        assert parse_workers("auto", cores=2) == 2
        assert parse_workers("auto", cores=10_000) == MOST_WORKERS

    def test_anything_else_is_one_line(self) -> None:
        """None, less than one, too many, words and other digits."""
        for text in ("0", "-1", "", "257", "1.5", "two", "²", "1" * 5000, "00000000199"):
            with self.subTest(text=text), pytest.raises(ValueError, match="neither auto nor"):
                parse_workers(text, cores=2)


class ShareTests(unittest.TestCase):
    """Limits, divided."""

    @law
    @given(st.integers(0, 10**12), st.integers(1, MOST_WORKERS))
    def test_parts_add_up_and_differ_by_one_at_most(self, total: int, parts: int) -> None:
        """Whatever the number."""
        divided = divide(total, parts)
        assert len(divided) == parts
        assert sum(divided) == total
        assert max(divided) - min(divided) <= 1

    def test_the_workers_together_hold_what_the_service_may(self) -> None:
        """What is the service's is divided; what is a connection's is not."""
        limits = Limits(connections=101, connections_per_peer=7, idle=5.0)
        shares = shares_of(limits, 3)
        assert [share.connections for share in shares] == [34, 34, 33]
        assert [share.connections_per_peer for share in shares] == [3, 2, 2]
        assert sum(share.total_waiting_bytes for share in shares) == limits.total_waiting_bytes
        assert {share.waiting_bytes for share in shares} == {limits.waiting_bytes}
        assert {share.idle for share in shares} == {5.0}

    def test_no_bound_stays_none(self) -> None:
        """0 is not a share of nothing."""
        shares = shares_of(Limits(connections=0), 4)
        assert {share.connections for share in shares} == {0}

    def test_what_cannot_be_divided_is_refused_by_name(self) -> None:
        """A bound below the number of workers would be none for some of them."""
        for field, value in (
            ("connections", 1),
            ("connections", 3),
            ("connections_per_peer", 2),
            ("total_waiting_bytes", 1_000_000),
        ):
            fields: dict[str, Any] = {field: value}
            with self.subTest(**fields), pytest.raises(ValueError, match=f"^{field}: .*4 workers"):
                shares_of(Limits(**fields), 4)

    def test_a_share_in_words(self) -> None:
        """The cap for each peer is named where there is one."""
        assert describe_shares(shares_of(Limits(connections=100), 2)) == (
            "2 workers of up to 50 connections, 67108864 waiting bytes each"
        )
        assert describe_shares(shares_of(Limits(connections_per_peer=3), 1)) == (
            "1 worker of up to 10000 connections, 3 of one peer, 134217728 waiting bytes"
        )


class AdmissionTests(SynchronousTestCase):
    """Who may come in."""

    def test_peers_are_counted_as_one_where_they_are_one(self) -> None:
        """IPv4 alone, mapped IPv4 as IPv4, IPv6 by /64, Unix sockets together."""
        assert counted_as(tcp("192.0.2.7")) == "192.0.2.7"
        assert counted_as(tcp("::ffff:192.0.2.7")) == "192.0.2.7"
        assert counted_as(tcp("2001:db8::1")) == counted_as(tcp("2001:db8::ffff:1"))
        assert counted_as(tcp("2001:db8::1")) != counted_as(tcp("2001:db8:0:1::1"))
        assert counted_as(tcp("fe80::1%eth0")) == "fe80::/64"
        assert counted_as(UNIXAddress("/run/x")) == counted_as(None) == "local"

    def test_connections_over_a_cap_are_refused_and_counted(self) -> None:
        """In all, and per peer; a place is free again when somebody leaves."""
        limits = Limits(connections=3, connections_per_peer=2)
        factory = EchoFactory(Clock(), limits=limits)

        def come(host: str) -> Any:
            protocol = factory.buildProtocol(tcp(host))
            if protocol is not None:
                protocol.makeConnection(Pipe())
            return protocol

        first, second = come("192.0.2.1"), come("192.0.2.1")
        assert come("192.0.2.1") is None
        assert come("192.0.2.2") is not None
        assert come("192.0.2.3") is None
        assert factory.counts.refused == {"too-many-from-peer": 1, "too-many-connections": 1}
        first.connectionLost(Failure(ConnectionDone()))
        first.connectionLost(Failure(ConnectionDone()))
        assert come("192.0.2.1") is not None
        assert second is not None

    def test_a_peer_that_has_left_is_forgotten(self) -> None:
        """Nothing grows with the number of peers seen."""
        for most in (0, 1):
            admission = Admission(Limits(connections_per_peer=most))
            for number in range(1000):
                address = tcp(f"10.0.{number // 250}.{number % 250}")
                admission.enter(address)
                admission.leave(address)
            assert not admission._by_peer
