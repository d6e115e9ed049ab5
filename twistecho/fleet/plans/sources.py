"""Local addresses to connect from: one, a range of them or a network.

A connection is told apart by its addresses and ports, so that each further source address is good
for as many connections to the same service as the system has local ports.
"""

import ipaddress
from collections.abc import Iterator

MOST = 65_536
"""So many addresses one text may stand for."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_sources(text: str) -> tuple[str, ...]:
    """Read ``127.0.0.2``, ``127.0.0.2-127.0.0.9`` or ``127.0.1.0/24``. Raises ValueError."""
    if "-" in text:
        first, _, last = text.partition("-")
        return _range(ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip()))
    network = ipaddress.ip_network(text, strict=False)
    if network.num_addresses == 1:
        return (str(network.network_address),)
    if network.num_addresses > MOST:
        raise ValueError(f"{text}: more than {MOST:,} addresses")
    return tuple(str(address) for address in network.hosts())


def _range(first: _Address, last: _Address) -> tuple[str, ...]:
    if first.version != last.version:
        raise ValueError(f"{first}-{last}: addresses of two kinds")
    count = int(last) - int(first) + 1
    if not 0 < count <= MOST:
        raise ValueError(f"{first}-{last}: not 1 to {MOST:,} addresses")
    return tuple(str(first + number) for number in range(count))


def source_of(sources: tuple[str, ...], client: int) -> str | None:
    """Give the address that a client connects from: in turn; None leaves it to the system."""
    return sources[client % len(sources)] if sources else None


def families(sources: tuple[str, ...]) -> Iterator[int]:
    """Give the versions of IP that the addresses are of, 4 or 6, each once."""
    yield from sorted({ipaddress.ip_address(source).version for source in sources})
