"""The listening socket that accepts by the shortest way."""

import socket
import sys
from types import SimpleNamespace
from unittest import TestCase, skipUnless

from twistecho.base.sockets import Listener, check_listening, share_local_ports, take_place


class ListenerTests(TestCase):
    """It is the socket whose place it takes."""

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
    """A descriptor that somebody else has passed."""

    def test_only_a_stream_socket_that_listens_will_do(self) -> None:
        """Of any family; what it is instead is said."""
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        check_listening(listening.fileno())
        connected = self.enterContext(socket.create_connection(listening.getsockname()))
        with self.assertRaisesRegex(OSError, "does not listen"):
            check_listening(connected.fileno())
        for family in (socket.AF_INET, socket.AF_UNIX):
            datagram = self.enterContext(socket.socket(family, socket.SOCK_DGRAM))
            with self.assertRaisesRegex(OSError, "SOCK_DGRAM"):
                check_listening(datagram.fileno())


class LocalPortTests(TestCase):
    """Many connections from one address."""

    @skipUnless(sys.platform == "linux", "other systems lack it")
    def test_binding_to_an_address_takes_no_port_yet(self) -> None:
        """It is connecting that chooses one."""
        connection = self.enterContext(socket.socket())
        share_local_ports(connection)
        connection.bind(("127.0.0.1", 0))
        assert connection.getsockname() == ("127.0.0.1", 0)
