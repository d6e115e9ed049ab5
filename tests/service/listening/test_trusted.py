"""Which peers are trusted proxies."""

import unittest

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from twistecho.service.listening.trusted import TrustedProxies, parse_trusted


class TrustedTests(unittest.TestCase):
    """Addresses in and out of what was named."""

    def test_addresses_and_networks(self) -> None:
        """One address, a network, and nothing beside them."""
        trusted = parse_trusted(["192.0.2.1", "10.0.0.0/8", "fd00::/16"])
        for host, inside in {
            "192.0.2.1": True,
            "192.0.2.2": False,
            "10.255.0.1": True,
            "11.0.0.1": False,
        }.items():
            assert (IPv4Address("TCP", host, 1) in trusted) is inside
            assert (IPv6Address("TCP", f"::ffff:{host}", 1) in trusted) is inside
        assert IPv6Address("TCP", "fd00::1", 1) in trusted
        assert IPv6Address("TCP", "fd01::1", 1) not in trusted
        assert IPv6Address("TCP", "fe80::1%eth0", 1) not in trusted

    def test_unix_sockets_are_named_by_a_word(self) -> None:
        """Their peers have no address to tell them apart by."""
        assert UNIXAddress(None) in parse_trusted(["unix"])
        assert UNIXAddress(None) not in parse_trusted(["0.0.0.0/0", "::/0"])
        assert IPv4Address("TCP", "127.0.0.1", 1) not in parse_trusted(["unix"])

    def test_nobody_is_trusted_by_default(self) -> None:
        """Nor is what is no address."""
        assert IPv4Address("TCP", "127.0.0.1", 1) not in TrustedProxies()
        assert object() not in parse_trusted(["unix"])

    @given(st.text(max_size=20))
    def test_any_text_is_read_or_refused_in_one_line(self, text: str) -> None:
        """Never another exception than ValueError."""
        try:
            parse_trusted([text])
        except ValueError as error:
            assert "ADDRESS/BITS" in str(error)

    def test_host_bits_are_pointed_out(self) -> None:
        """What is probably a slip is not guessed at."""
        with pytest.raises(ValueError, match="host bits set"):
            parse_trusted(["10.0.0.1/8"])
