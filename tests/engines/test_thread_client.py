"""A client of the threads engine: connecting on 127.0.0.1, and the gate that ends its waits."""

import errno
import os
import select
import socket
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest

from tests.support.peers import unused_port
from twistecho.fleet.plans.target import Address
from twistecho.fleet.thread_engine.client import Gate, StoppedError, await_event, connect


def at(port: int) -> Address:
    """Give the address of a port."""
    return Address(socket.AF_INET, ("127.0.0.1", port))


def open_files() -> int:
    """Count the files that this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def patient() -> float:
    """Leave twenty seconds."""
    return 20.0


@contextmanager
def full_listener() -> Iterator[Address]:
    """Listen with a backlog that is full, so that connecting hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        where = listener.getsockname()
        filling = [socket.socket() for _ in range(4)]
        try:
            for one in filling:
                one.setblocking(False)
                one.connect_ex(where)
            yield at(where[1])
        finally:
            for one in filling:
                one.close()


class ConnectTests(unittest.TestCase):
    """The first address that takes it, within the time, unless the run ends."""

    def setUp(self) -> None:
        """Make the gate that ends the run."""
        self.stop = Gate()
        self.addCleanup(self.stop.close)
        files = open_files()
        self.addCleanup(lambda: self.assertEqual(open_files(), files))

    def test_it_gives_a_connected_socket_that_blocks(self) -> None:
        """To the first address that takes it: the others' refusal does not matter."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            where = at(listener.getsockname()[1])
            with connect([at(unused_port()), where], patient, self.stop) as connection:
                assert connection.getpeername() == where.where
                assert connection.getblocking()

    def test_it_connects_from_the_source_that_is_named(self) -> None:
        """127.0.0.7 is an address of the loopback too."""
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            connect([at(listener.getsockname()[1])], patient, self.stop, "127.0.0.7") as connection,
        ):
            assert connection.getsockname()[0] == "127.0.0.7"

    def test_unix_sockets(self) -> None:
        """A path that is listened on, and one that is not there."""
        with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            path = str(Path(folder) / "echo")
            address = Address(socket.AF_UNIX, path)
            with pytest.raises(FileNotFoundError):
                connect([address], patient, self.stop)
            listener.bind(path)
            listener.listen()
            connect([address], patient, self.stop).close()

    def test_the_last_address_s_error_is_raised(self) -> None:
        """With its number."""
        with pytest.raises(ConnectionRefusedError) as raised:
            connect([at(unused_port()), at(unused_port())], patient, self.stop)
        assert raised.value.errno == errno.ECONNREFUSED

    def test_no_address_at_all(self) -> None:
        """Is the resolver's error."""
        with pytest.raises(socket.gaierror):
            connect([], patient, self.stop)

    def test_a_connect_that_hangs_ends_with_its_time(self) -> None:
        """And what has no time left does not even begin."""
        with full_listener() as address:
            for left in (0.05, 0.0):
                with pytest.raises(TimeoutError):
                    connect([address], lambda left=left: left, self.stop)  # type: ignore[misc]  # a default

    def test_time_that_is_over_is_not_waited_for(self) -> None:
        """A step may have ended before anybody looks: less than no time is left then."""
        one, other = socket.socketpair()
        with one, other:
            for left in (0.0, -1.0):
                with pytest.raises(TimeoutError):
                    await_event(one, select.POLLIN, left, self.stop)

    def test_stopping_ends_a_connect_that_hangs(self) -> None:
        """Long before its time is over, from another thread."""
        with full_listener() as address:
            opening = threading.Timer(0.05, self.stop.open)
            opening.start()
            with pytest.raises(StoppedError):
                connect([address], patient, self.stop)
            opening.join()

    def test_after_the_end_nothing_connects(self) -> None:
        """The gate is open already."""
        self.stop.open()
        with full_listener() as address, pytest.raises(StoppedError):
            connect([address], patient, self.stop)


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
