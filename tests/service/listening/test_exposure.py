"""Which ports can be reached from other machines."""

import unittest

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from twistecho.service.listening.exposure import is_exposed


class ExposureTests(unittest.TestCase):
    """The addresses that ports have."""

    def test_the_loopback_and_unix_sockets_are_not_exposed(self) -> None:
        """In all their spellings."""
        for host in ("127.0.0.1", "127.9.9.9"):
            assert not is_exposed(IPv4Address("TCP", host, 5000))
        for host in ("::1", "::ffff:127.0.0.1"):
            assert not is_exposed(IPv6Address("TCP", host, 5000))
        assert not is_exposed(UNIXAddress(b"/run/echo.sock"))

    def test_everything_else_is(self) -> None:
        """All interfaces, and any one of them."""
        for host in ("0.0.0.0", "192.0.2.1", "10.0.0.1"):
            assert is_exposed(IPv4Address("TCP", host, 5000))
        for host in ("::", "fd00::1", "fe80::1%eth0", "::ffff:192.0.2.1"):
            assert is_exposed(IPv6Address("TCP", host, 5000))
