"""Limits: what the service holds at most."""

import math
import unittest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.reply_formats import REPLY_SIZE
from twistecho.service.echo.limits import GUARANTEED, Limits

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
