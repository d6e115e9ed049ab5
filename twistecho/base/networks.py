"""IP addresses and networks, as values: how they are written, and which are the same."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def plain(address: Address) -> Address:
    """Give the IPv4 address where this is one that IPv6 shows as ``::ffff:192.0.2.1``."""
    return getattr(address, "ipv4_mapped", None) or address


def parse_network(text: str) -> Network:
    """Read ``192.0.2.1``, ``192.0.2.0/24``, ``fd00::1`` or ``fd00::/16``. Raises ValueError.

    A network of IPv4 addresses that IPv6 shows as ``::ffff:192.0.2.0/120`` is one of IPv4.
    """
    network = ip_network(text)
    first = plain(network.network_address)
    if first.version == network.version or network.prefixlen < 96:
        return network
    return IPv4Network((int(first), network.prefixlen - 96))
