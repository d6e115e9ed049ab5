"""PROXY headers: whole, in pieces, with bytes behind them, and wrong ones; who is trusted."""

import struct
import unittest
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import address

from twistecho.service.listening.proxy_header import (
    SIGNATURE,
    V1_SIZE,
    V2_SIZE,
    ProxyHeader,
    ProxyHeaderError,
    TrustedProxies,
    parse_trusted,
    read_header,
)

PORTS = st.integers(0, 65535)
IPV4 = st.ip_addresses(v=4)
IPV6 = st.ip_addresses(v=6)


def v1(source: object, port: int) -> bytes:
    """Write a header of version 1."""
    family = 4 if isinstance(source, IPv4Address) else 6
    return f"PROXY TCP{family} {source} {source} {port} 5000\r\n".encode()


def v2(block: bytes, family: int, command: int = 0x21) -> bytes:
    """Write a header of version 2."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(block)) + block


def v2_of(source: IPv4Address | IPv6Address, port: int, extensions: bytes = b"") -> bytes:
    """Write a header of version 2 for a client."""
    family = 0x11 if source.version == 4 else 0x21
    return v2(source.packed * 2 + struct.pack("!HH", port, 5000) + extensions, family)


class WholeTests(unittest.TestCase):
    """What a header says."""

    @given(st.one_of(IPV4, IPV6), PORTS, st.binary(max_size=300))
    def test_a_client_is_read_back_from_either_version(
        self, source: IPv4Address | IPv6Address, port: int, rest: bytes
    ) -> None:
        """Address and port, whatever follows."""
        for header in (v1(source, port), v2_of(source, port), v2_of(source, port, b"\x04\0\1x")):
            assert read_header(header + rest) == ProxyHeader(len(header), (str(source), port))

    def test_the_specifications_example(self) -> None:
        """Version 1, section 2.1."""
        line = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
        assert read_header(line + b"GET / HTTP/1.1") == ProxyHeader(47, ("192.168.0.1", 56324))

    def test_a_proxy_may_speak_for_itself(self) -> None:
        """UNKNOWN, LOCAL, and clients without an IP address."""
        for header in (
            b"PROXY UNKNOWN\r\n",
            b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n",
            v2(b"", 0, 0x20),
            v2(b"\xff" * 12, 0x11, 0x20),
            v2(b"", 0x00),
            v2(b"/tmp/a".ljust(216, b"\0"), 0x31),
            *(v2(bytes(36), family) for family in (0x00, 0x12, 0x22, 0x31, 0x32)),
        ):
            assert read_header(header + b"hi") == ProxyHeader(len(header), None), header

    @given(st.one_of(IPV4, IPV6), PORTS)
    def test_a_header_may_come_byte_by_byte(
        self, source: IPv4Address | IPv6Address, port: int
    ) -> None:
        """It is not whole before its last byte."""
        for header in (v1(source, port), v2_of(source, port, b"\x04\0\1x")):
            assert all(read_header(header[:size]) is None for size in range(len(header)))


class WrongTests(unittest.TestCase):
    """What is no header is refused as soon as that is clear."""

    def refused(self, data: bytes) -> None:
        """Hold that bytes are no header, whatever may still come."""
        with pytest.raises(ProxyHeaderError):
            read_header(data)

    def test_anything_else(self) -> None:
        """A client that speaks at once, a web browser, the other version's beginning."""
        for data in (
            b"hi",
            b"GET / HTTP/1.0\r\n\r\n",
            b"PROXX",
            b"\r\n\r\n\x01",
            b"proxy tcp4",
            b"\0",
        ):
            self.refused(data)

    def test_wrong_lines(self) -> None:
        """Families, addresses, ports and spaces."""
        for words in (
            "TCP5 1.1.1.1 1.1.1.1 1 1",
            "TCP4 1.1.1.1 1.1.1.1 1",
            "TCP4 1.1.1.1 1.1.1.1 1 1 ",
            "TCP4  1.1.1.1 1.1.1.1 1 1",
            "TCP4 ::1 ::1 1 1",
            "TCP6 1.1.1.1 1.1.1.1 1 1",
            "TCP6 ::1%\x1b[2J ::1 1 1",
            "TCP4 1.1.1.1 1.1.1.1 65536 1",
            "TCP4 1.1.1.1 1.1.1.1 -1 1",
            "TCP4 1.1.1.1 1.1.1.1 1_0 1",
            "TCP4 1.1.1.1 1.1.1.300 1 1",
            "TCP4 1.1.1.1 1.1.1.1 1 \u0661",
            "",
        ):
            self.refused(f"PROXY {words}\r\n".encode())

    def test_what_does_not_end(self) -> None:
        """Neither version is read beyond its bound."""
        assert read_header(b"PROXY ".ljust(V1_SIZE - 1, b"x")) is None
        unknown = b"PROXY UNKNOWN "
        longest = unknown.ljust(V1_SIZE - 2, b"x") + b"\r\n"
        assert read_header(longest) == ProxyHeader(V1_SIZE, None)
        for data in (unknown.ljust(V1_SIZE, b"x"), unknown.ljust(V1_SIZE - 1, b"x") + b"\r\n"):
            self.refused(data)
        self.refused(SIGNATURE + struct.pack("!BBH", 0x21, 0x11, V2_SIZE))

    def test_wrong_binary_headers(self) -> None:
        """Version, command, family, and a length that holds no address."""
        for command, family, block in (
            (0x11, 0x11, bytes(12)),
            (0x22, 0x11, bytes(12)),
            (0x21, 0x41, bytes(12)),
            (0x21, 0x13, bytes(12)),
            (0x21, 0x11, bytes(11)),
            (0x21, 0x21, bytes(35)),
        ):
            self.refused(v2(block, family, command))

    @given(st.binary(max_size=200), st.sampled_from([b"", b"PROXY ", b"PROXY TCP6 ", SIGNATURE]))
    def test_any_bytes_are_read_or_refused(self, data: bytes, start: bytes) -> None:
        """Never another exception; and never more than has come."""
        try:
            header = read_header(start + data)
        except ProxyHeaderError:
            return
        assert header is None or header.size <= len(start + data)


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
            assert (address.IPv4Address("TCP", host, 1) in trusted) is inside
            assert (address.IPv6Address("TCP", f"::ffff:{host}", 1) in trusted) is inside
        assert address.IPv6Address("TCP", "fd00::1", 1) in trusted
        assert address.IPv6Address("TCP", "fd01::1", 1) not in trusted
        assert address.IPv6Address("TCP", "fe80::1%eth0", 1) not in trusted

    def test_ipv4_may_be_named_as_ipv6_writes_it(self) -> None:
        """Which is how the peers of a dual-stack socket look."""
        trusted = parse_trusted(["::ffff:192.0.2.0/120"])
        assert address.IPv4Address("TCP", "192.0.2.9", 1) in trusted
        assert address.IPv6Address("TCP", "::ffff:192.0.2.9", 1) in trusted

    def test_unix_sockets_are_named_by_a_word(self) -> None:
        """Their peers have no address to tell them apart by."""
        assert address.UNIXAddress(None) in parse_trusted(["unix"])
        assert address.UNIXAddress(None) not in parse_trusted(["0.0.0.0/0", "::/0"])
        assert address.IPv4Address("TCP", "127.0.0.1", 1) not in parse_trusted(["unix"])

    def test_nobody_is_trusted_by_default(self) -> None:
        """Nor is what is no address."""
        assert address.IPv4Address("TCP", "127.0.0.1", 1) not in TrustedProxies()
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
