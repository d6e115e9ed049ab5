"""Who may come in: connections are counted in all and per peer, and refused over a cap."""

from collections import Counter

from .limits import Limits
from .peer import counted_as


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
