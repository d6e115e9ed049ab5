"""What the service holds at most.

A peer chooses how much it sends, how often it connects and whether it ever reads; these numbers
bound what that can cost.
"""

from dataclasses import dataclass

from twistecho.base.reply_formats import REPLY_SIZE

MESSAGE_COST = 128
"""What a waiting message costs besides its own bytes, in bytes: an allowance for the objects."""

GUARANTEED = 4096
"""Bytes that a connection may have waiting however little of the common budget is left."""


@dataclass(frozen=True)
class Limits:
    """The bounds of one service; a peer that reaches one is held back, refused or dropped.

    Held back, that is no longer read from until replies have left: ``waiting_bytes`` and
    ``waiting_messages`` of one connection, queue and write buffer together, one read more on top;
    ``total_waiting_bytes`` of all connections. Every waiting message counts `MESSAGE_COST` bytes
    besides its own.

    Refused, that is closed at once: more than ``connections`` in all, more than
    ``connections_per_peer`` of one IPv4 address or IPv6 /64.

    Dropped, that is reset: a connection on which nothing came and nothing was owed for ``idle``
    seconds; one whose peer read nothing of a full write buffer for ``stall`` seconds.

    0 stands for no bound in the last four. Raises ValueError, naming the field, for bounds that
    contradict each other or leave no room to work in.
    """

    waiting_bytes: int = 256 * 1024
    waiting_messages: int = 1024
    total_waiting_bytes: int = 128 * 1024 * 1024
    connections: int = 10_000
    connections_per_peer: int = 0
    idle: float = 3600.0
    stall: float = 60.0

    def __post_init__(self) -> None:
        """Refuse bounds under which no reply could be written, and contradictions."""
        least = 4 * REPLY_SIZE
        if self.waiting_bytes < least:
            raise ValueError(
                f"waiting_bytes: {self.waiting_bytes} is too few, four replies need {least}"
            )
        if self.waiting_messages < 1:
            raise ValueError(f"waiting_messages: {self.waiting_messages} is not 1 or more")
        if self.total_waiting_bytes < self.waiting_bytes:
            raise ValueError(
                f"total_waiting_bytes: {self.total_waiting_bytes} is less than "
                f"waiting_bytes of one connection, {self.waiting_bytes}"
            )
        self._check_not_negative("connections", "connections_per_peer", "idle", "stall")

    def _check_not_negative(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name}: {value:g} is not 0 or more")

    @property
    def write_buffer(self) -> int:
        """The bytes at which a write buffer is full; one batch of this size more may go in."""
        return self.waiting_bytes // 4

    @property
    def queue(self) -> int:
        """The part of ``waiting_bytes``, in bytes, that may stand in the queue."""
        return self.waiting_bytes - 2 * self.write_buffer - REPLY_SIZE
