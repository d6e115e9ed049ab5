"""Connecting plain sockets on 127.0.0.1."""

import errno
import socket
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.peers import unused_port
from twistecho.fleet.plans.target import Address
from twistecho.fleet.thread_engine.connecting import StoppedError, connect
from twistecho.fleet.thread_engine.gate import Gate


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
