"""The addresses of a target."""

import errno
import socket
import unittest

import pytest

from twistecho.fleet.plans.addresses import Address, reachable_from, resolve, source_of_other_family
from twistecho.fleet.plans.target import Target, parse_target


class ResolvingTests(unittest.TestCase):
    """Addresses to be tried, without a name service."""

    def test_a_scope_names_an_interface(self) -> None:
        """It stays with the address, also where the system would not read it; TLS knows none."""
        target = parse_target("[::1%7]:5000")
        assert resolve(target) == [Address(socket.AF_INET6, ("::1", 5000, 0, 7))]
        assert target.name == "::1"
        lo = socket.if_nametoindex("lo")
        assert resolve(parse_target("[::1%lo]:5000"))[0].where == ("::1", 5000, 0, lo)

    def test_what_cannot_be_asked_for_is_an_oserror(self) -> None:
        """The same as a name that nobody knows, whoever made the target."""
        for host in ("a..b", "a\0b", "::1%nosuchinterface"):
            with self.subTest(host=host), pytest.raises(OSError, match=r"not|no |No"):
                resolve(Target(host, host=host, port=5000))

    def test_a_source_reaches_addresses_of_its_family(self) -> None:
        """Where there is none, it is the system's error for that."""
        four = Address(socket.AF_INET, ("127.0.0.1", 1))
        six = Address(socket.AF_INET6, ("::1", 1))
        assert reachable_from([six, four], None) == [six, four]
        assert reachable_from([six, four], "127.0.0.2") == [four]
        assert reachable_from([six, four], "::1") == [six]
        assert reachable_from([], "::1") == []
        with pytest.raises(OSError, match="family") as caught:
            reachable_from([four], "::1")
        assert caught.value.errno == errno.EAFNOSUPPORT

    def test_a_source_of_the_other_family_is_seen_in_the_text(self) -> None:
        """But not for a name."""
        assert source_of_other_family(("127.0.0.1", "::1"), parse_target("5000")) == "::1"
        assert source_of_other_family(("::1",), parse_target("[::1%lo]:5000")) is None
        assert source_of_other_family(("::1",), parse_target("localhost:5000")) is None
        assert source_of_other_family(("::1",), parse_target("unix:/x")) is None
