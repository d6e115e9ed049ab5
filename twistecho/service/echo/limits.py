"""What the service holds at most, and what counts against it.

A peer chooses how much it sends, how often it connects and whether it ever reads; these numbers
bound what that can cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from twistecho.base.notation import LONGEST_TIME, FieldError
from twistecho.base.reply_formats import LONGEST_MESSAGE, REPLY_SIZE

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

    Ended: a connection whose message has more than ``message_size`` bytes, or ``waiting_bytes``
    where that is less, unless the framing is ``read``. What has come of an unfinished one counts
    among the waiting bytes of all.

    Forgotten: what was received before the last ``received_messages``, of ``received_bytes``, where
    messages are recorded.

    Dropped, that is reset: a connection on which nothing came and nothing was owed for ``idle``
    seconds; one whose peer read nothing of a full write buffer for ``stall`` seconds.

    0 stands for no bound of connections and of times. Raises FieldError for bounds that contradict
    each other or leave no room to work in.
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
        """Refuse bounds under which no reply could be written, and contradictions."""
        least = 4 * REPLY_SIZE
        if self.waiting_bytes < least:
            raise FieldError(
                "waiting_bytes", f"{self.waiting_bytes} is too few, four replies need {least}"
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
                f" of one connection, {self.waiting_bytes}",
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
        """The most bytes of a message, unless the framing is ``read``."""
        return min(self.message_size, self.waiting_bytes)

    @property
    def write_buffer(self) -> int:
        """The bytes at which a write buffer is full; one batch of this size more may go in."""
        return self.waiting_bytes // 4

    @property
    def queue(self) -> int:
        """The part of ``waiting_bytes``, in bytes, that may stand in the queue."""
        return self.waiting_bytes - 2 * self.write_buffer - REPLY_SIZE


def write_buffer_of(limits: Limits, connections: int) -> int:
    """Say at how many bytes a write buffer is full where so many connections are open.

    What stands in a buffer that is not full is charged to nobody, or a message that leaves at once
    would cost more. So all of them together, each with one read more, stay within the total, unless
    what is guaranteed to each exceeds that.
    """
    share = limits.total_waiting_bytes // (2 * connections)
    return min(limits.write_buffer, max(GUARANTEED, share))


MOST_WORKERS = 256
"""More processes than that are a mistake."""


def parse_workers(text: str, cores: int) -> int:
    """Read how many workers are wanted: a number, or ``auto`` for one on each core.

    Raises ValueError with one line.
    """
    if text == "auto":
        return min(cores, MOST_WORKERS)
    known = text.isascii() and text.isdecimal() and len(text) < 10
    if not (known and 1 <= int(text) <= MOST_WORKERS):
        raise ValueError(f"{text[:40]!r} is neither auto nor a number from 1 to {MOST_WORKERS}")
    return int(text)


def divide(total: int, parts: int) -> list[int]:
    """Divide a whole number into so many, which differ by one at most; the greater come first."""
    each, over = divmod(total, parts)
    return [each + (part < over) for part in range(parts)]


def shares_of(limits: Limits, workers: int) -> list[Limits]:
    """Give each worker its limits. Raises FieldError where one gets nothing."""
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
            f" of one connection, {limits.waiting_bytes}",
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
    """Say in a few words what each worker may hold at most."""
    first = shares[0]
    words = [f"{first.connections} connections"]
    if first.connections_per_peer:
        words.append(f"{first.connections_per_peer} of one peer")
    words.append(f"{first.total_waiting_bytes} waiting bytes")
    if len(shares) == 1:
        return f"1 worker of up to {', '.join(words)}"
    return f"{len(shares)} workers of up to {', '.join(words)} each"
