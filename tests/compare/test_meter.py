"""What a server costs, where the system does not show it."""

from unittest import TestCase, mock

import psutil

from twistecho.compare.comparison import ServerCost
from twistecho.compare.meter import Meter


class MeterTests(TestCase):
    """A process that cannot be seen."""

    def test_a_process_that_is_not_shown_costs_nothing_that_is_known(self) -> None:
        """As without /proc."""
        with (
            mock.patch("psutil.Process", side_effect=psutil.NoSuchProcess(1)),
            Meter(1) as meter,
        ):
            pass
        assert meter.cost == ServerCost(0.0, 0, 0, 0, 0)
