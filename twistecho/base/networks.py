"""IP addresses and networks: reading them, and IPv4 addresses that are written as IPv6."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def plain(address: Address) -> Address:
    """Return the IPv4 address for an IPv6 one like ``::ffff:192.0.2.1``, else the address."""
    return getattr(address, "ipv4_mapped", None) or address


def parse_network(text: str) -> Network:
    """Read ``192.0.2.1``, ``192.0.2.0/24``, ``fd00::1`` or ``fd00::/16``. Raises ValueError.

    An IPv4 network that is written as IPv6, ``::ffff:192.0.2.0/120``, is read as IPv4.
    """
    network = ip_network(text)
    first = plain(network.network_address)
    if first.version == network.version or network.prefixlen < 96:
        return network
    return IPv4Network((int(first), network.prefixlen - 96))
