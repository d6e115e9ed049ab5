"""IP addresses and networks: how they are written, and which are the same."""

from ipaddress import ip_address, ip_network
from unittest import TestCase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistecho.base.networks import parse_network, plain


class NetworkTests(TestCase):
    """What is read."""

    def test_addresses_and_networks_of_both_kinds(self) -> None:
        """An address is a network of one."""
        for text in ("192.0.2.1", "192.0.2.0/24", "0.0.0.0/0", "fd00::1", "fd00::/16", "::/0"):
            assert parse_network(text) == ip_network(text)

    def test_ipv4_that_ipv6_shows_is_ipv4(self) -> None:
        """Wider networks stay IPv6."""
        assert parse_network("::ffff:192.0.2.1") == ip_network("192.0.2.1")
        assert parse_network("::ffff:10.0.0.0/104") == ip_network("10.0.0.0/8")
        assert parse_network("::ffff:0:0/96") == ip_network("0.0.0.0/0")
        assert parse_network("::fffe:0:0/95") == ip_network("::fffe:0:0/95")

    @given(st.ip_addresses(v=4))
    def test_an_address_is_the_same_either_way(self, address: object) -> None:
        """Other IPv6 addresses stay unchanged."""
        assert plain(ip_address(f"::ffff:{address}")) == address
        assert plain(ip_address("fd00::1")) == ip_address("fd00::1")

    def test_host_bits_and_other_slips_are_refused(self) -> None:
        """With one line."""
        for text in ("", "x", "10.0.0.1/8", "10.0.0.0/33", "::1/129", "10.0.0"):
            with self.subTest(text=text), pytest.raises(ValueError, match=r"\S") as caught:
                parse_network(text)
            assert "\n" not in str(caught.value)
