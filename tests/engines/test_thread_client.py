"""A client of the threads engine: connecting on 127.0.0.1, and the gate that ends its waits."""

import errno
import os
import select
import socket
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pytest

from tests.support.peers import read_exactly, unused_port
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.plans.addresses import Address
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.thread_engine.client import _SLICE, Client
from twistecho.fleet.thread_engine.connecting import Gate, StoppedError, await_event, connect


def at(port: int) -> Address:
    """Give the address of a port."""
    return Address(socket.AF_INET, ("127.0.0.1", port))


def open_files() -> set[str]:
    """Name the pipes and sockets that this process has open."""
    names = (str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink())
    return {name for name in names if ":[" in name}


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
        """Make the gate that ends the run; find ports on which nobody listens."""
        self.nobody = [at(unused_port()) for _ in range(2)]
        self.stop = Gate()
        self.addCleanup(self.stop.close)
        files = open_files()
        # What others have left open may be closed meanwhile.
        self.addCleanup(lambda: self.assertLessEqual(open_files(), files))

    def test_it_gives_a_connected_socket_that_blocks(self) -> None:
        """To the first address that takes it: the others' refusal does not matter."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            where = at(listener.getsockname()[1])
            with connect([self.nobody[0], where], patient, self.stop) as connection:
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
            connect(self.nobody, patient, self.stop)
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


class ClientTests(unittest.TestCase):
    """A client that is connected, before it runs or between two of its waits."""

    def client(self, size: int = 1) -> Any:
        """Make one that has a message of this size to send, and its peer."""
        ours, self.peer = socket.socketpair()
        gates = [Gate(), Gate()]
        resources: list[Any] = [ours, self.peer, *gates]
        for resource in resources:
            self.addCleanup(resource.close)
        plan = Plan(clients=1, messages=(b"m" * size,), repeat=2, reply=ReplyFormat.RAW)
        self.talk = Conversation(plan, 0, Recording())
        self.talk.connecting(0.0)
        begin, stop = gates
        return Client(ours, self.talk, lambda: 1.0, begin=begin, stop=stop)

    def test_a_message_is_sent_before_anything_is_waited_for(self) -> None:
        """Nothing is left to be sent later."""
        client = self.client()
        client.say(self.talk.connected(0.0))
        assert self.peer.recv(9, socket.MSG_DONTWAIT) == b"m"
        assert client._interest() == select.POLLIN

    def test_what_the_system_does_not_take_is_kept_in_order(self) -> None:
        """And is cut inside its message."""
        client = self.client(5_000_000)
        client.say(self.talk.connected(0.0))
        assert client._sending()
        assert client._interest() == select.POLLIN | select.POLLOUT
        client._say(b"n")
        read = 0
        while client._unsent:
            read += len(self.peer.recv(65536, socket.MSG_DONTWAIT))
            client._write()
        assert read_exactly(self.peer, 5_000_001 - read)[-2:] == b"mn"

    def test_a_timeout_while_a_message_is_cut_is_of_the_phase_send(self) -> None:
        """One that was taken whole waits for its reply."""
        for size, cause in ((5_000_000, "send:timeout"), (1, "receive:timeout")):
            client = self.client(size)
            client.say(self.talk.connected(-self.talk.plan.timeout))
            client.run()
            assert str(self.talk.outcome) == cause

    def talkative(self, *, end_after: float = inf) -> Any:
        """Make a client whose peer says bytes for ever; each look at the time takes a second.

        The run ends after so many bytes.
        """
        client, ticks, said = self.client(1000), count(), count(1)
        client._now = lambda: float(next(ticks))
        client.say(self.talk.connected(0.0))

        def recv(_size: int) -> bytes:
            if next(said) == end_after:
                client._end.open()
            return b"m"

        end = (client._end.fileno(), select.POLLIN)
        client._connection = mock.Mock(**{"recv.side_effect": recv})
        client._poller = mock.Mock(**{"poll.return_value": [end]})
        return client

    def test_a_peer_that_talks_on_has_no_more_time_than_others(self) -> None:
        """There is always something to receive, and the reply is never whole."""
        client = self.talkative()
        client.run()
        assert str(self.talk.outcome) == "receive:timeout"
        client._poller.poll.assert_not_called()

    def test_a_peer_that_talks_on_does_not_hold_up_the_end(self) -> None:
        """The gate is looked at although nobody waits there."""
        self.talkative(end_after=3).run()
        assert str(self.talk.outcome) == "receive:interrupted"

    def test_nothing_is_received_for_longer_than_there_is_time(self) -> None:
        """The poller waits for what is left of it."""
        client = self.client()
        client._connection = mock.Mock(**{"send.return_value": 1})
        client._poller = mock.Mock(**{"poll.return_value": []})
        times = iter([29.98, 29.98, 31.0, 31.0])
        client._now = lambda: next(times)
        client.say(self.talk.connected(0.0))
        client.run()
        assert str(self.talk.outcome) == "receive:timeout"
        client._connection.recv.assert_not_called()

    def test_a_system_that_takes_nothing_after_all_loses_nothing(self) -> None:
        """It may say that it can, and then not."""
        client = self.client()
        client._connection = mock.Mock(**{"send.side_effect": [BlockingIOError, BlockingIOError]})
        client.say(self.talk.connected(0.0))
        client._write()
        assert (client._unsent, self.talk.outcome) == (b"m", None)

    def test_what_came_before_a_reset_is_read_although_sending_found_it(self) -> None:
        """The system names it once: a broken pipe follows."""
        client = self.client()
        reset, pipe = ConnectionResetError(errno.ECONNRESET, ""), BrokenPipeError(errno.EPIPE, "")
        client._connection = mock.Mock(**{"send.side_effect": [reset, pipe]})
        client.say(self.talk.connected(0.0))
        client._connection.recv.side_effect = [b"m", b""]
        client._receive()
        assert (self.talk.messages, self.talk.outcome) == (1, None)
        client._receive()
        assert str(self.talk.outcome) == "receive:reset"

    def test_sending_that_fails_without_an_event_is_named_when_it_fails_again(self) -> None:
        """By what it failed with at first; what can be sent after all was no failure."""
        client = self.client()
        unreachable, pipe = OSError(errno.ENETUNREACH, ""), BrokenPipeError(errno.EPIPE, "")
        client._connection = mock.Mock(**{"send.side_effect": [unreachable, 1, unreachable, pipe]})
        client.say(self.talk.connected(0.0))
        client._write()
        assert (self.talk.outcome, client._refused) == (None, None)
        client._say(b"m")
        client._write()
        assert str(self.talk.outcome) == "receive:unreachable"

    def test_a_wait_ends_in_time(self) -> None:
        """The poller is asked for whole milliseconds that fit in; it would round up others."""
        client = self.client()
        for seconds, asked in ((0.0057, [5]), (2, [2000]), (inf, [])):
            client._poller = mock.Mock()
            with mock.patch("select.select", side_effect=AssertionError):
                client._wait(seconds)
            client._poller.poll.assert_called_once_with(*asked)
        client._poller = mock.Mock()
        with mock.patch("select.select") as waited:
            client._wait(0.0007)
            assert waited.call_args.args[3] == 0.0007
            client._poller.poll.assert_called_once_with(0)
            waited.side_effect = ValueError  # too many files are open
            with mock.patch("time.sleep") as slept:
                client._wait(0.0007)
        slept.assert_called_once_with(_SLICE)

    def test_a_short_wait_ends_with_an_event(self) -> None:
        """Something to read, room to write, the run's end."""
        client = self.client()
        client._poller.register(client._connection)
        client._poller.modify(client._connection, client._interest())
        self.peer.sendall(b"m")
        with mock.patch("time.sleep", side_effect=AssertionError):
            [(number, events)] = client._wait(0.0009)
        assert (number, events) == (client._connection.fileno(), select.POLLIN)
