"""Which peers are proxies whose word on their client's address is taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

LOCAL = "unix"
"""Stands for every peer of a Unix socket."""


@dataclass(frozen=True)
class TrustedProxies:
    """The networks that proxies speak from; ``local``: so do the peers of Unix sockets.

    An IPv4 peer is the same whether a dual-stack socket shows it as an IPv6 one or not.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    local: bool = False

    def __contains__(self, address: object) -> bool:
        """Tell whether a peer's address is one of these."""
        host = getattr(address, "host", None)
        if host is None:
            return self.local and hasattr(address, "name")
        ip = ip_address(str(host).partition("%")[0])
        mapped = getattr(ip, "ipv4_mapped", None)
        return any((mapped or ip) in network for network in self.networks)


def parse_trusted(texts: Iterable[str]) -> TrustedProxies:
    """Read addresses, networks (``192.0.2.0/24``) and ``unix``. Raises ValueError for others."""
    networks, local = [], False
    for text in texts:
        if text == LOCAL:
            local = True
        else:
            networks.append(_network(text))
    return TrustedProxies(tuple(networks), local)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; it must be ADDRESS, ADDRESS/BITS or {LOCAL}") from None
