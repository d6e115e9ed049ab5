"""Sockets: the fast listening socket, passed descriptors, timestamps, local ports."""

import socket
import struct
import sys
import time
from math import inf
from types import SimpleNamespace
from unittest import TestCase, mock, skipUnless

from tests.support.stamps import stamped
from twistecho.base.sockets import (
    Listener,
    check_listening,
    handshake_time,
    receive_stamped,
    share_local_ports,
    stamp_arrivals,
    take_place,
    tells_arrivals,
)


class ListenerTests(TestCase):
    """The listening socket that takes over another's descriptor."""

    def test_accepts_what_the_other_would_have(self) -> None:
        """Over IPv4, IPv6 and Unix sockets; the descriptor is the same."""
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", 0)),
            (socket.AF_INET6, ("::1", 0)),
            (socket.AF_UNIX, ""),  # Linux finds a name
        ):
            with self.subTest(family=family), socket.socket(family) as listening:
                listening.bind(address)
                listening.listen()
                port = SimpleNamespace(socket=listening)
                number = listening.fileno()
                take_place(port, Listener(listening))
                self.addCleanup(port.socket.close)
                assert port.fileno() == number
                with socket.socket(family) as peer:
                    peer.connect(port.socket.getsockname())
                    accepted, where = port.socket.accept()
                    with accepted:
                        assert (accepted.family, where) == (family, peer.getsockname())
                        assert not accepted.get_inheritable()
                        accepted.sendall(b"x")
                        assert peer.recv(1) == b"x"


class CheckListeningTests(TestCase):
    """A descriptor that another process has passed."""

    def test_only_a_stream_socket_that_listens_will_do(self) -> None:
        """Of any family; the error names the other type."""
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        check_listening(listening.fileno())
        connected = self.enterContext(socket.create_connection(listening.getsockname()))
        with self.assertRaisesRegex(OSError, "does not listen"):
            check_listening(connected.fileno())
        for family in (socket.AF_INET, socket.AF_UNIX):
            datagram = self.enterContext(socket.socket(family, socket.SOCK_DGRAM))
            with self.assertRaisesRegex(OSError, "SOCK_DGRAM"):
                check_listening(datagram.fileno())


@skipUnless(sys.platform == "linux", "other systems do not tell")
class TimeTests(TestCase):
    """Times of arrival, and of connecting, as the kernel measures them."""

    def test_bytes_have_the_time_when_they_came(self) -> None:
        """They waited for 50 ms; without the option there is no time."""
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        ours = self.enterContext(socket.create_connection(listening.getsockname()))
        theirs, _ = listening.accept()
        self.enterContext(theirs)
        theirs.sendall(b"x")
        assert receive_stamped(ours.recvmsg, 9) == (b"x", None)
        assert tells_arrivals(ours)
        self.enterContext(stamped())
        stamp_arrivals(ours)
        began = time.monotonic()
        theirs.sendall(b"x")
        time.sleep(0.05)
        for flags in (socket.MSG_PEEK, 0):
            data, ago = receive_stamped(ours.recvmsg, 9, flags)
            assert data == b"x"
            assert ago is not None
            assert 0.05 <= ago <= time.monotonic() - began
        stamp_arrivals(ours, on=False)
        theirs.sendall(b"x")
        assert receive_stamped(ours.recvmsg, 9) == (b"x", None)
        theirs.close()
        stamp_arrivals(ours)
        assert receive_stamped(ours.recvmsg, 9) == (b"", None)

    def test_a_unix_socket_tells_nothing(self) -> None:
        """It has no times of bytes or of connecting."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert not tells_arrivals(ours)
            assert handshake_time(ours) is None

    def test_connecting_took_a_round_trip(self) -> None:
        """Also if it is read late."""
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        began = time.monotonic()
        ours = self.enterContext(socket.create_connection(listening.getsockname()))
        took = time.monotonic() - began
        time.sleep(0.02)
        waited = handshake_time(ours)
        assert waited is not None
        assert 0 <= waited <= took

    def test_a_connection_that_was_tried_again_took_all_the_time(self) -> None:
        """Lost time is not the fleet's: the kernel's round trip covers only the last try."""
        told = mock.Mock(family=socket.AF_INET)
        told.getsockopt.return_value = struct.pack("=68xI28xI", 1500, 0)
        assert handshake_time(told) == 0.0015
        told.getsockopt.return_value = struct.pack("=68xI28xI", 1500, 1)
        assert handshake_time(told) == inf
        told.getsockopt.return_value = b"short"
        assert handshake_time(told) is None


class LocalPortTests(TestCase):
    """Many connections from one address."""

    @skipUnless(sys.platform == "linux", "other systems lack it")
    def test_binding_to_an_address_takes_no_port_yet(self) -> None:
        """Connecting chooses one."""
        connection = self.enterContext(socket.socket())
        share_local_ports(connection)
        connection.bind(("127.0.0.1", 0))
        assert connection.getsockname() == ("127.0.0.1", 0)
