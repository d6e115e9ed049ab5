"""The limits of a service: connections, waiting messages and bytes, and times.

A peer chooses how much it sends, how often it connects and whether it ever reads; these limits
bound the memory and open files that this can cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from twistecho.base.notation import LONGEST_TIME, FieldError
from twistecho.base.reply_formats import LONGEST_MESSAGE, REPLY_SIZE

MESSAGE_COST = 128
"""The bytes that a waiting message counts for besides its own: an estimate for its objects."""

GUARANTEED = 4096
"""Bytes that may wait on each connection even when the shared budget is spent."""


@dataclass(frozen=True)
class Limits:
    """The bounds of one service, and what happens when a peer reaches one.

    Reading from the peer stops until replies have left: at ``waiting_bytes`` and
    ``waiting_messages`` of one connection, queue and write buffer together, plus one read; and at
    ``total_waiting_bytes`` of all connections. Every waiting message counts `MESSAGE_COST` bytes
    besides its own.

    A new connection is refused, that is closed at once: above ``connections`` in all, or
    ``connections_per_peer`` of one IPv4 address or IPv6 /64.

    A connection is ended: when a message has more than ``message_size`` bytes, or ``waiting_bytes``
    if that is less, unless the framing is ``read``. The bytes of an unfinished message count in
    the waiting bytes of all connections.

    Recorded messages are forgotten: all but the last ``received_messages``, and all but the last
    ``received_bytes`` bytes.

    A connection is dropped, that is reset: when no message arrived and no reply was pending for
    ``idle`` seconds; when the peer read nothing of a full write buffer for ``stall`` seconds.

    0 means no bound for connections and times. Raises FieldError for bounds that contradict each
    other or are too small.
    """

    waiting_bytes: int = 256 * 1024
    waiting_messages: int = 1024
    total_waiting_bytes: int = 128 * 1024 * 1024
    connections: int = 10_000
    connections_per_peer: int = 0
    idle: float = 3600.0
    stall: float = 60.0
    message_size: int = LONGEST_MESSAGE
    received_messages: int = 1000
    received_bytes: int = 1024 * 1024

    def __post_init__(self) -> None:
        """Refuse bounds that are too small to write a reply, and contradictions."""
        least = 4 * REPLY_SIZE
        if self.waiting_bytes < least:
            raise FieldError(
                "waiting_bytes", f"{self.waiting_bytes} is too few: four replies need {least}"
            )
        if self.waiting_messages < 1:
            raise FieldError("waiting_messages", f"{self.waiting_messages} is not 1 or more")
        if self.message_size < 1:
            raise FieldError("message_size", f"{self.message_size} is not 1 or more")
        if self.total_waiting_bytes < self.waiting_bytes:
            raise FieldError(
                "total_waiting_bytes",
                f"{self.total_waiting_bytes} is less than ",
                "waiting_bytes",
                f" per connection, {self.waiting_bytes}",
            )
        self._check_not_negative(
            "connections",
            "connections_per_peer",
            "idle",
            "stall",
            "received_messages",
            "received_bytes",
        )

    def _check_not_negative(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise FieldError(name, f"{value:g} is not 0 or more")
            if name in ("idle", "stall") and value > LONGEST_TIME:
                raise FieldError(name, f"{value:g} s is longer than {LONGEST_TIME:,.0f} s")

    @property
    def longest_message(self) -> int:
        """The longest message, in bytes, unless the framing is ``read``."""
        return min(self.message_size, self.waiting_bytes)

    @property
    def write_buffer(self) -> int:
        """The size at which a write buffer is full, in bytes; one more batch of it may follow."""
        return self.waiting_bytes // 4

    @property
    def queue(self) -> int:
        """The part of ``waiting_bytes`` that the queue may hold, in bytes."""
        return self.waiting_bytes - 2 * self.write_buffer - REPLY_SIZE


def write_buffer_of(limits: Limits, connections: int) -> int:
    """Return the size at which a write buffer is full, in bytes, with this many connections open.

    The budget does not count a buffer that is not full: counting would slow every message that
    leaves at once. So the buffers are small enough that all of them, each with one more read, stay
    within the total, unless the guaranteed bytes per connection exceed it.
    """
    share = limits.total_waiting_bytes // (2 * connections)
    return min(limits.write_buffer, max(GUARANTEED, share))


MOST_WORKERS = 256
"""The most workers that may be asked for."""


def parse_workers(text: str, cores: int) -> int:
    """Read the number of workers: a number, or ``auto`` for one per core.

    Raises ValueError with one line.
    """
    if text == "auto":
        return min(cores, MOST_WORKERS)
    known = text.isascii() and text.isdecimal() and len(text) < 10
    if not (known and 1 <= int(text) <= MOST_WORKERS):
        raise ValueError(f"{text[:40]!r} is neither auto nor a number from 1 to {MOST_WORKERS}")
    return int(text)


def divide(total: int, parts: int) -> list[int]:
    """Divide a number into ``parts`` that differ by at most one; the greater ones come first."""
    each, over = divmod(total, parts)
    return [each + (part < over) for part in range(parts)]


def shares_of(limits: Limits, workers: int) -> list[Limits]:
    """Return the limits of each worker. Raises FieldError where a share is too small."""
    for name in ("connections", "connections_per_peer"):
        if 0 < getattr(limits, name) < workers:
            raise FieldError(
                name, f"{getattr(limits, name)} cannot be divided among {workers} workers"
            )
    least = limits.total_waiting_bytes // workers
    if least < limits.waiting_bytes:
        raise FieldError(
            "total_waiting_bytes",
            f"divided among {workers} workers that is {least} each, less than ",
            "waiting_bytes",
            f" per connection, {limits.waiting_bytes}",
        )
    return [
        replace(
            limits,
            total_waiting_bytes=total,
            connections=connections,
            connections_per_peer=per_peer,
        )
        for total, connections, per_peer in zip(
            divide(limits.total_waiting_bytes, workers),
            divide(limits.connections, workers),
            divide(limits.connections_per_peer, workers),
            strict=True,
        )
    ]


def describe_shares(shares: Sequence[Limits]) -> str:
    """Summarize the limits of each worker in a few words."""
    first = shares[0]
    words = [f"{first.connections} connections"]
    if first.connections_per_peer:
        words.append(f"{first.connections_per_peer} of one peer")
    words.append(f"{first.total_waiting_bytes} waiting bytes")
    if len(shares) == 1:
        return f"1 worker of up to {', '.join(words)}"
    return f"{len(shares)} workers of up to {', '.join(words)} each"
