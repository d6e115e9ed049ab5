"""Notifications to systemd, received on real datagram sockets."""

import os
import socket
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.support.listening import LONGEST_WAIT
from tests.support.peers import connect, read_exactly
from twistecho.service.process.notify import Notifications

from .test_tap import twist_echo


class Manager:
    """Receives what a service tells, at an address of its own."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(LONGEST_WAIT)

    def next(self) -> str:
        """Wait for the next notification."""
        return self.socket.recv(4096).decode()

    def all_now(self) -> list[str]:
        """Give what has come until now."""
        self.socket.setblocking(False)
        came = []
        try:
            while True:
                came.append(self.next())
        except BlockingIOError:
            return came


class NotificationsTests(SynchronousTestCase):
    """What is told, and when, by a clock of the test's own."""

    def setUp(self) -> None:
        """Make a manager behind an abstract socket."""
        self.name = f"twistecho-test-{uuid4()}"
        self.manager = Manager("\0" + self.name)
        self.addCleanup(self.manager.socket.close)
        self.clock = Clock()

    def notifications(self, **environ: str) -> Notifications:
        """Make what a service has, with the manager's address."""
        return Notifications(self.clock, {"NOTIFY_SOCKET": "@" + self.name, **environ})

    def test_ready_and_stopping(self) -> None:
        """One datagram each; no signs of life where none are wanted."""
        told = self.notifications()
        told.ready()
        assert self.clock.getDelayedCalls() == []
        told.stopping()
        told.stop()
        assert self.manager.all_now() == ["READY=1", "STOPPING=1"]

    def test_a_sign_of_life_twice_in_the_time_until_the_very_end(self) -> None:
        """Also while what is owed is delivered; not after it."""
        told = self.notifications(WATCHDOG_USEC="10000000", WATCHDOG_PID=str(os.getpid()))
        told.ready()
        assert self.manager.all_now() == ["READY=1", "WATCHDOG=1"]
        self.clock.pump([4.9, 0.1, 5.0])
        assert self.manager.all_now() == ["WATCHDOG=1"] * 2
        told.stopping()
        self.clock.advance(5)
        assert self.manager.all_now() == ["STOPPING=1", "WATCHDOG=1"]
        told.stop()
        assert self.clock.getDelayedCalls() == []

    def test_a_pipe_in_place_of_an_address(self) -> None:
        """A line each; one that is full, or has no reader, is no error."""
        reading, writing = os.pipe()
        told = Notifications(self.clock, {"WATCHDOG_USEC": "2000000"}, writing)
        self.addCleanup(os.close, writing)
        told.ready()
        assert os.read(reading, 100) == b"READY=1\nWATCHDOG=1\n"
        self.clock.pump([1.0] * 10_000)
        os.close(reading)
        told.stopping()
        told.stop()

    def test_another_process_is_watched(self) -> None:
        """The variable names whose watchdog it is."""
        told = self.notifications(WATCHDOG_USEC="10000000", WATCHDOG_PID="1")
        told.ready()
        assert self.clock.getDelayedCalls() == []

    def test_nobody_wants_to_know(self) -> None:
        """Without an address, or with one of a kind that is not known, nothing is tried."""
        for address in ("", "vsock:2:1234", "relative"):
            told = Notifications(self.clock, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"})
            with capturedLogs() as logged:
                told.ready()
                told.stopping()
                told.stop()
            assert (self.clock.getDelayedCalls(), logged) == ([], [])

    def test_a_manager_that_is_not_there_is_told_of_once_and_tried_again(self) -> None:
        """The log's line says why; should the manager come back, it is told."""
        self.manager.socket.close()
        told = self.notifications()
        with capturedLogs() as logged:
            told.ready()
            told.stopping()
        (line,) = map(formatEvent, logged)
        assert line == "Cannot notify READY=1: [Errno 111] Connection refused"
        self.manager = Manager("\0" + self.name)
        self.addCleanup(self.manager.socket.close)
        told.stopping()
        assert self.manager.all_now() == ["STOPPING=1"]

    def test_a_manager_that_does_not_read_is_not_waited_for(self) -> None:
        """It gets what its socket holds, and no more."""
        told = self.notifications()
        with capturedLogs() as logged:
            for _ in range(1000):
                told.stopping()
        assert 0 < len(self.manager.all_now()) < 1000
        assert [formatEvent(event)[:27] for event in logged] == ["Cannot notify STOPPING=1: ["]


class ProcessTests(unittest.TestCase):
    """The real command tells its manager."""

    def test_ready_alive_stopping(self) -> None:
        """Ready means that it answers; signs of life come while the last reply is still owed."""
        with TemporaryDirectory() as folder:
            path = str(Path(folder) / "notify")
            environ = ["env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=200000"]
            manager = Manager(path)
            with (
                manager.socket,
                twist_echo("-p0", "-rraw", "-d1", prefix=environ) as (running, started),
            ):
                assert manager.next() == "READY=1"
                assert [manager.next() for _ in range(3)] == ["WATCHDOG=1"] * 3
                with connect(started[0]["port"]) as connection:
                    connection.sendall(b"owed")
                    running.process.terminate()
                    while (told := manager.next()) == "WATCHDOG=1":
                        pass
                    assert told == "STOPPING=1"
                    assert manager.next() == "WATCHDOG=1"
                    assert read_exactly(connection, 4) == b"owed"
                running.process.wait(LONGEST_WAIT)
                assert set(manager.all_now()) <= {"WATCHDOG=1"}
