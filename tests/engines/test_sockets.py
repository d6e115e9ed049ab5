"""The sockets of the reactor's engine: what they note, and whose place they take."""

import errno
import socket
import unittest
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from twistecho.fleet.reactor_engine.sockets import (
    NotingSocket,
    TimedSocket,
    errno_of,
    note_errors,
    timed_socket,
    waited_for,
)


class NotingTests(unittest.TestCase):
    """A socket that keeps the number of what broke it."""

    def test_whichever_call_found_out(self) -> None:
        """That a call would block is no error."""
        for call, argument in (("recv", 9), ("send", b"x"), ("recvmsg", 9)):
            for error, kept in (
                (ConnectionResetError(errno.ECONNRESET, ""), errno.ECONNRESET),
                (BlockingIOError(errno.EAGAIN, ""), None),
            ):
                noting = NotingSocket(mock.Mock(**{f"{call}.side_effect": error}))
                with pytest.raises(OSError):
                    getattr(noting, call)(argument)
                assert errno_of(Failure(ConnectionLost()), noting) == kept

    def test_what_the_transport_says_itself_comes_first(self) -> None:
        """One of another make; where nobody knows, there is no number."""
        lost: Any = ConnectionLost()
        lost.osError = OSError(errno.EHOSTUNREACH, "")
        assert errno_of(Failure(lost), None) == errno.EHOSTUNREACH
        assert errno_of(Failure(ConnectionDone()), None) is None

    def test_only_twisted_s_own_transports_are_noted(self) -> None:
        """Others may do with their socket what they like."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert note_errors(SimpleNamespace(socket=ours)) is None


class TimedTests(unittest.TestCase):
    """A socket in the place of a transport's."""

    def setUp(self) -> None:
        """Have a transport with a real socket, and a timing that notes what it is told."""
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        self.ours = self.enterContext(socket.create_connection(listening.getsockname()))
        self.theirs = self.enterContext(listening.accept()[0])
        self.transport: Any = SimpleNamespace(
            socket=NotingSocket(self.ours), dataBuffer=b"", offset=0, _tempDataLen=0
        )
        timed = timed_socket(self.transport, lambda: 5.0)
        assert timed is not None
        self.timed: TimedSocket = timed
        self.told: Any = mock.Mock()
        self.timed.timing = self.told

    def test_it_takes_the_place_and_gives_it_back(self) -> None:
        """Unless the connection is lost: its transport has no socket then."""
        before = self.transport.socket
        self.timed.switch(True)
        assert self.transport.socket is self.timed
        assert self.transport.socket.fileno() == self.ours.fileno()
        self.timed.switch(False)
        assert self.transport.socket is before
        del self.transport.socket
        self.timed.switch(True)
        assert not hasattr(self.transport, "socket")

    def test_a_message_is_sent_when_nothing_is_left_of_it(self) -> None:
        """Neither in the transport's buffers nor of what was given; errors are noted below."""
        assert self.timed.send(b"all") == 3
        self.told.taken.assert_called_once_with(5.0)
        self.transport.dataBuffer = b"more"
        assert self.timed.send(b"mor") == 3
        self.ours.setblocking(False)
        self.transport.dataBuffer = b""
        assert self.timed.send(b"x" * 50_000_000) < 50_000_000
        self.told.taken.assert_called_once_with(5.0)
        with pytest.raises(BlockingIOError):
            while self.timed.send(b"x" * 50_000_000):
                """Until the system takes no more."""
        assert self.transport.socket.error is None

    def test_what_comes_has_its_time(self) -> None:
        """On the fleet's clock; without a stamp there is none."""
        self.theirs.sendall(b"x")
        assert self.timed.recv(9) == b"x"
        assert self.told.arrived is None
        with mock.patch(
            "twistecho.fleet.reactor_engine.sockets.receive_stamped", return_value=(b"y", 2.0)
        ):
            assert self.timed.recv(9) == b"y"
        assert self.told.arrived == 3.0

    def test_what_is_no_socket_is_not_timed(self) -> None:
        """A transport of another make may have none, and Unix sockets tell nothing."""
        assert timed_socket(SimpleNamespace(), lambda: 5.0) is None
        assert waited_for(SimpleNamespace(socket="none")) is None
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert timed_socket(SimpleNamespace(socket=ours), lambda: 5.0) is None
        waited = waited_for(self.transport)
        assert waited is not None
        assert waited >= 0
