"""What a server costs, where the system does not show it."""

import subprocess
import sys
from unittest import TestCase, mock

import psutil

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
        assert meter.cost is None

    def test_a_process_that_ended_before_a_second_look_has_no_cost(self) -> None:
        """What it showed at the beginning is not what the run took of it."""
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        meter = Meter(child.pid)
        child.communicate(b"\n")
        with meter:
            pass
        assert meter.cost is None

    def test_a_look_before_the_kill_is_enough(self) -> None:
        """However short the run was."""
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
            meter = Meter(child.pid)
            meter.look()
            child.kill()
        assert meter.cost is not None
        assert meter.cost.memory_peak >= meter.cost.memory_idle > 2**10
        assert (meter.cost.processes, meter.cost.threads) == (1, 1)
