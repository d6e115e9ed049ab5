"""Admission: connections within a service's limits, and reads within its total of waiting bytes."""

from collections import Counter, OrderedDict
from ipaddress import IPv6Network
from typing import Protocol

from twistecho.base.sockets import ip_of

from .limits import Limits


class Reader(Protocol):
    """A connection that reads from its peer while there is room."""

    def take_turn(self) -> None:
        """Read again, unless something else prevents it."""


class Budget:
    """A number of bytes in use, of ``total``; each turn allows ``turn`` bytes.

    When nothing is left, one reader at a time may go on to the end of a message that it has begun.
    Otherwise all could wait for each other, each with an unfinished message. So the bytes of one
    more message may be in use.
    """

    __slots__ = ("_amid_message", "_finishing", "_held", "_in_line", "_since", "total", "turn",
                 "used")  # fmt: skip

    def __init__(self, total: int, turn: int) -> None:
        self.total = total
        self.turn = turn
        self.used = 0
        self._in_line: OrderedDict[Reader, None] = OrderedDict()
        self._amid_message: OrderedDict[Reader, None] = OrderedDict()  # those with a begun message
        self._finishing: Reader | None = None  # the one that may go on to the end of its message
        self._held = -1  # the bytes that it held when last looked at, and since when
        self._since = 0.0

    def __len__(self) -> int:
        """Count the readers that wait for a turn."""
        return len(self._in_line)

    def __bool__(self) -> bool:
        """Return whether a reader waits, or may go on to the end of its message."""
        return bool(self._in_line) or self._finishing is not None

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.total

    def wait(self, reader: Reader, *, amid_message: bool = False) -> bool:
        """Put a reader in line for a turn, once; return whether it may read now."""
        if amid_message and self._finishing in (None, reader):
            if self._finishing is None:
                self._finishing, self._held = reader, -1
            return True
        self._in_line.setdefault(reader)
        if amid_message:
            self._amid_message.setdefault(reader)
        return False

    def finished(self, reader: Reader) -> None:
        """Let another reader go on to the end of its message, if this was the one that might."""
        if self._finishing is reader:
            self._finishing = None

    def unchanged(self, reader: Reader, held: int, now: float) -> float:
        """Return for how many seconds others have waited while it held just these bytes."""
        others_wait = self._amid_message and self.total - self.used < self.turn
        if self._finishing is not reader or not others_wait:
            self._held = -1 if self._finishing is reader else self._held
            return 0.0
        if held != self._held:
            self._held, self._since = held, now
        return now - self._since

    def leave(self, reader: Reader) -> None:
        """Remove a reader from the line."""
        self._in_line.pop(reader, None)
        self._amid_message.pop(reader, None)
        self.finished(reader)

    def give_turns(self) -> None:
        """Let the readers that have waited longest read again, as far as the free bytes reach."""
        turns = min(len(self._in_line), (self.total - self.used) // self.turn)
        for _ in range(turns):
            reader, _ = self._in_line.popitem(last=False)
            self._amid_message.pop(reader, None)
            reader.take_turn()
        if self._amid_message and self._finishing is None and turns < 1:
            reader, _ = self._amid_message.popitem(last=False)
            self._in_line.pop(reader, None)
            reader.take_turn()


class Admission:
    """Counts the open connections of a service against its `Limits`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open = 0
        self._by_peer: Counter[str] = Counter()

    def refusal(self, address: object) -> str | None:
        """Return why a connection from this address is refused, or None if it is admitted."""
        limits = self._limits
        if limits.connections and self._open >= limits.connections:
            return "too-many-connections"
        per_peer = limits.connections_per_peer
        if per_peer and self._by_peer[counted_as(address)] >= per_peer:
            return "too-many-from-peer"
        return None

    def enter(self, address: object) -> None:
        """Count a new connection."""
        self._open += 1
        if self._limits.connections_per_peer:
            self._by_peer[counted_as(address)] += 1

    def leave(self, address: object) -> None:
        """Stop counting a connection; forget a peer without connections."""
        self._open -= 1
        if self._limits.connections_per_peer:
            peer = counted_as(address)
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]


def counted_as(address: object) -> str:
    """Return the peer under which connections from an address are counted.

    Each IPv4 address is a peer of its own. A whole IPv6 /64 is one peer, since one host usually
    gets that many addresses. All peers of Unix sockets, and values that are not addresses, are one.
    """
    ip = ip_of(address)
    if ip is None:
        return "local"
    return str(ip if ip.version == 4 else IPv6Network((ip, 64), strict=False))
