"""The local addresses from which the clients connect.

Addresses and ports identify a connection. So each further source address allows as many more
connections to the same service as the system has local ports.
"""

import ipaddress
from collections.abc import Iterator

MOST_SOURCES = 65_536
"""The most addresses that one text may name."""

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_sources(text: str) -> tuple[str, ...]:
    """Read ``127.0.0.2``, ``127.0.0.2-127.0.0.9`` or ``127.0.1.0/24``. Raises ValueError."""
    if "-" in text:
        first, _, last = text.partition("-")
        return _range(ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip()))
    network = ipaddress.ip_network(text, strict=False)
    if network.num_addresses == 1:
        return (str(network.network_address),)
    if network.num_addresses > MOST_SOURCES:
        raise ValueError(f"{text}: more than {MOST_SOURCES:,} addresses")
    return tuple(str(address) for address in network.hosts())


def _range(first: _IP, last: _IP) -> tuple[str, ...]:
    if first.version != last.version:
        raise ValueError(f"{first}-{last}: one is IPv4, the other IPv6")
    count = int(last) - int(first) + 1
    if not 0 < count <= MOST_SOURCES:
        raise ValueError(f"{first}-{last}: not 1 to {MOST_SOURCES:,} addresses")
    return tuple(str(first + number) for number in range(count))


def source_of(sources: tuple[str, ...], client: int, connects: int = 0) -> str | None:
    """Return the address that a client connects from, taken in turn; None: the system chooses.

    ``connects`` is the number of connections that the client had before this one.
    """
    return sources[(client + connects) % len(sources)] if sources else None


def families(sources: tuple[str, ...]) -> Iterator[int]:
    """Yield the IP versions of the addresses, 4 or 6, each once."""
    yield from sorted({ipaddress.ip_address(source).version for source in sources})
