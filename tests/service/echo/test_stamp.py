"""The text of the time in stamps."""

import time
import unittest
from unittest import mock

from twistecho.service.echo.stamp import ctime


class StampTests(unittest.TestCase):
    """Whatever the clock says."""

    def test_it_is_the_time_s_text(self) -> None:
        """Of each second, also where the clock is set back."""
        for now in (1_500_000_000.0, 1_500_000_000.999, 1_500_000_001.0, 1_500_000_000.5, 0.25):
            with mock.patch("time.time", return_value=now):
                assert ctime() == time.ctime(now)

    def test_it_is_written_once_a_second(self) -> None:
        """That takes longer than to look at the clock."""
        with mock.patch("time.time", return_value=1_600_000_000.5):
            first = ctime()
            assert ctime() is first
