"""Who may come in: connections are counted in all and per peer, and refused over a cap."""

from collections import Counter
from ipaddress import IPv6Network, ip_address

from .limits import Limits


class Admission:
    """Counts the open connections of a service against its `Limits`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open = 0
        self._by_peer: Counter[str] = Counter()

    def refusal(self, address: object) -> str | None:
        """Say why a connection from this address may not come in, or None where it may."""
        limits = self._limits
        if limits.connections and self._open >= limits.connections:
            return "too-many-connections"
        per_peer = limits.connections_per_peer
        if per_peer and self._by_peer[counted_as(address)] >= per_peer:
            return "too-many-from-peer"
        return None

    def enter(self, address: object) -> None:
        """Count a connection in."""
        self._open += 1
        if self._limits.connections_per_peer:
            self._by_peer[counted_as(address)] += 1

    def leave(self, address: object) -> None:
        """Count a connection out; a peer without connections is forgotten."""
        self._open -= 1
        if self._limits.connections_per_peer:
            peer = counted_as(address)
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]


def counted_as(address: object) -> str:
    """Give what connections from an address are counted under.

    An IPv4 address counts alone, also where a dual-stack socket shows it as an IPv6 one
    (``::ffff:192.0.2.1``); of IPv6 a whole /64 counts as one peer, since one host is given as many.
    All peers of Unix sockets count as one, and so does what is no address.
    """
    host = getattr(address, "host", None)
    try:
        ip = ip_address(str(host).partition("%")[0])
    except ValueError:
        return "local"
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(IPv6Network((ip, 64), strict=False))
