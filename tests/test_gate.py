"""The gate, with poll as threads use it."""

import select
import socket
import threading
import unittest

from twistecho.gate import Gate


class GateTests(unittest.TestCase):
    """Closed, then open for good."""

    def setUp(self) -> None:
        """Make a gate and what waits at it."""
        self.gate = Gate()
        self.closed = False
        self.addCleanup(self.close)
        self.poller = select.poll()
        self.poller.register(self.gate, select.POLLIN)

    def close(self) -> None:
        """Close it once."""
        if not self.closed:
            self.closed = True
            self.gate.close()

    def test_it_is_closed_at_first(self) -> None:
        """Nobody gets through."""
        assert not self.gate.is_open
        assert self.poller.poll(0) == []

    def test_once_open_it_stays_open(self) -> None:
        """For all, every time, however often it is opened."""
        for _ in range(3):
            self.gate.open()
            assert self.gate.is_open
            assert self.poller.poll(0) == [(self.gate.fileno(), select.POLLIN)]

    def test_opening_it_too_late_does_nothing(self) -> None:
        """Its descriptors are gone, and may be another's by now."""
        self.close()
        with socket.socket(), socket.socket():  # which get their numbers
            self.gate.open()
            assert not self.gate.is_open

    def test_it_wakes_all_that_wait(self) -> None:
        """Threads that wait in poll come back when it is opened."""
        passed: list[int] = []

        def wait() -> None:
            poller = select.poll()
            poller.register(self.gate, select.POLLIN)
            passed.append(len(poller.poll(20_000)))

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        self.gate.open()
        for thread in threads:
            thread.join(20)
        assert passed == [1, 1, 1]
