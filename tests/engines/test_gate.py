"""The gate, with poll as threads use it."""

import os
import select
import socket
import threading
import unittest
from unittest import mock

from twistecho.fleet.thread_engine.gate import Gate


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

    def test_one_who_has_passed_it_finds_it_open(self) -> None:
        """Even at once: between the byte that lets through and the note of it nobody looks."""
        seen: list[bool] = []
        passed = threading.Thread(target=lambda: seen.append(self.gate.is_open))

        def write_and_be_overtaken(descriptor: int, data: bytes) -> int:
            written = os_write(descriptor, data)
            passed.start()
            passed.join(0.1)  # as far as it comes
            return written

        os_write = os.write
        with mock.patch.object(os, "write", write_and_be_overtaken):
            self.gate.open()
        passed.join()
        assert seen == [True]
