r"""PROXY protocol headers, versions 1 and 2: the client's address, and the trusted proxies.

    v1   PROXY TCP4 192.0.2.1 198.51.100.7 56324 5000\r\n     at most 107 bytes
    v2   signature, command, family, length, addresses, extensions

Source: https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt, section 2. Twisted's parsers
are private, do not check addresses and ports, and refuse a v2 header that arrives in two pieces;
`proxy-protocol` of PyPI (alpha, last released in 2024) does not find the end of a header. Finding
that end is most of the work, so headers are parsed here.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from twistecho.base.networks import Network, parse_network
from twistecho.base.sockets import ip_of

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
"""The first bytes of a header of version 2."""

V1_SIZE = 107
"""The longest header of version 1, in bytes, with its line end."""

V2_SIZE = 4096
"""The longest header of version 2 that is accepted, in bytes: enough for all known extensions."""

_FIXED = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_BLOCKS = {0x11: struct.Struct("!4s4sHH"), 0x21: struct.Struct("!16s16sHH")}
_WITHOUT_CLIENT = {0x00, 0x12, 0x22, 0x31, 0x32}  # unspecified, datagrams, Unix sockets


UNIX_PEERS = "unix"
"""The word for all peers of Unix sockets in a list of trusted addresses."""


class ProxyHeaderError(ValueError):
    """The bytes are not a PROXY header."""


class ProxyHeader(NamedTuple):
    """A complete header: its size in bytes, and the client's address and port.

    ``client`` is None for the proxy's own connection (a health check), and for a client without an
    IP address.
    """

    size: int
    client: tuple[str, int] | None


def read_header(data: bytes) -> ProxyHeader | None:
    """Read the header at the start of the received bytes; return None while it is incomplete.

    Raises ProxyHeaderError as soon as the bytes cannot be the start of a header.
    """
    if data[:6] == b"PROXY "[: len(data)]:
        return _read_v1(data)
    if data[:12] == SIGNATURE[: len(data)]:
        return _read_v2(data)
    raise ProxyHeaderError("it does not begin like a header")


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, V1_SIZE)
    if end < 0:
        if len(data) >= V1_SIZE:
            raise ProxyHeaderError("the line does not end")
        return None
    words = data[:end].decode("ascii", "replace").split(" ")
    if words[1] == "UNKNOWN":
        return ProxyHeader(end + 2, None)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise ProxyHeaderError("the line is malformed")
    _, family, source, destination, source_port, destination_port = words
    _address(family, destination)
    _port(destination_port)
    return ProxyHeader(end + 2, (_address(family, source), _port(source_port)))


def _address(family: str, text: str) -> str:
    try:
        if family == "TCP4":
            return str(IPv4Address(text))
        # A scope may be any text, and is meaningless on another host.
        return str(IPv6Address(text if "%" not in text else ""))
    except ValueError:
        raise ProxyHeaderError("an address is invalid") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise ProxyHeaderError("a port is invalid")
    return int(text)


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _FIXED.size:
        return None
    _, command, family, length = _FIXED.unpack_from(data)
    size = _FIXED.size + length
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderError("the version or command is unknown")
    if size > V2_SIZE:
        raise ProxyHeaderError("it is too long")
    if command == _LOCAL:
        return ProxyHeader(size, None) if len(data) >= size else None
    block = _BLOCKS.get(family)
    if block is None and family not in _WITHOUT_CLIENT:
        raise ProxyHeaderError("the address family is unknown")
    if block is not None and length < block.size:
        raise ProxyHeaderError("it is too short for its addresses")
    if len(data) < size:
        return None
    return ProxyHeader(size, _client(data, block) if block is not None else None)


def _client(data: bytes, block: struct.Struct) -> tuple[str, int]:
    packed, _, port, _ = block.unpack_from(data, _FIXED.size)
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)), port


@dataclass(frozen=True)
class TrustedProxies:
    """The networks of trusted proxies; ``local`` is whether peers of Unix sockets are trusted too.

    An IPv4 peer is also recognized when a dual-stack socket shows it as an IPv6 address.
    """

    networks: tuple[Network, ...] = ()
    local: bool = False

    def __contains__(self, address: object) -> bool:
        """Return whether a peer's address is trusted."""
        ip = ip_of(address)
        if ip is None:
            return self.local and hasattr(address, "name")
        return any(ip in network for network in self.networks)


def parse_trusted(texts: Iterable[str]) -> TrustedProxies:
    """Read addresses, networks (``192.0.2.0/24``) and ``unix``. Raises ValueError for any other."""
    networks, local = [], False
    for text in texts:
        if text == UNIX_PEERS:
            local = True
        else:
            networks.append(_network(text))
    return TrustedProxies(tuple(networks), local)


def _network(text: str) -> Network:
    try:
        return parse_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; it must be ADDRESS, ADDRESS/BITS or {UNIX_PEERS}") from None
