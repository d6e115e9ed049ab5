"""Limits: what the service holds at most."""

import unittest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.limits import Limits
from twistecho.wire import REPLY_SIZE

SMALLEST = 4 * REPLY_SIZE


class LimitsTests(unittest.TestCase):
    """The bounds of one service."""

    def test_by_default_256_kib_wait(self) -> None:
        """The promise of the documentation."""
        assert Limits().waiting_bytes == 256 * 1024

    def test_too_small_a_bound_is_refused(self) -> None:
        """Under four replies there is a ValueError that tells both numbers."""
        for bad in (SMALLEST - 1, 0, -1):
            with (
                self.subTest(bad=bad),
                pytest.raises(ValueError, match=f"{bad} .*bytes.* {SMALLEST}"),
            ):
                Limits(waiting_bytes=bad)

    def test_the_smallest_bound_works(self) -> None:
        """Four replies are enough."""
        assert Limits(waiting_bytes=SMALLEST).waiting_bytes == SMALLEST

    @settings(max_examples=100, deadline=None)
    @given(waiting=st.integers(SMALLEST, 2**40))
    def test_the_parts_make_no_more_than_the_whole(self, waiting: int) -> None:
        """Queue, a full write buffer with one batch more, and one reply fit into the bound."""
        limits = Limits(waiting_bytes=waiting)
        assert limits.queue + 2 * limits.write_buffer + REPLY_SIZE == waiting

    @settings(max_examples=100, deadline=None)
    @given(waiting=st.integers(SMALLEST, 2**40))
    def test_a_reply_fits_into_either_part(self, waiting: int) -> None:
        """Neither the queue nor the write buffer is too small for the longest reply."""
        limits = Limits(waiting_bytes=waiting)
        assert limits.queue >= REPLY_SIZE
        assert limits.write_buffer >= REPLY_SIZE
