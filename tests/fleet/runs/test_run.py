"""Engines from a command: what signals do to a run."""

import signal
import threading
import unittest

import pytest

from twistecho.fleet.runs.engine import ENGINES, engine_named
from twistecho.fleet.runs.run import interruptible


class SignalTests(unittest.TestCase):
    """SIGINT and SIGTERM."""

    def setUp(self) -> None:
        """Note what is called."""
        self.called: list[str] = []

    def stop(self) -> None:
        """Be the gentle end."""
        self.called.append("stop")

    def abandon(self) -> None:
        """Be the other one."""
        self.called.append("abandon")

    def test_the_first_stops_and_those_after_it_abandon(self) -> None:
        """Whichever of the two they are."""
        with interruptible(self.stop, self.abandon):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
                signal.raise_signal(number)
        assert self.called == ["stop", "abandon", "abandon"]

    def test_handlers_are_as_before_afterwards(self) -> None:
        """Also where the run failed."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.getsignal(number) for number in numbers]
        with pytest.raises(OSError, match="failed"), interruptible(self.stop, self.abandon):
            raise OSError("failed")
        assert [signal.getsignal(number) for number in numbers] == before

    def test_in_another_thread_nothing_happens(self) -> None:
        """It gets no signals, and may set no handlers."""
        done: list[bool] = []

        def run() -> None:
            with interruptible(self.stop, self.abandon):
                done.append(True)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(timeout=10)
        assert done == [True]


class NameTests(unittest.TestCase):
    """Engines by name."""

    def test_only_those_that_exist(self) -> None:
        """Others are refused."""
        assert [engine_named(name) for name in ENGINES] == list(ENGINES)
        with pytest.raises(ValueError, match="'rockets' is not an engine"):
            engine_named("rockets")
