"""What the service holds at most, and what counts against it.

A peer chooses how much it sends, how often it connects and whether it ever reads; these numbers
bound what that can cost.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv6Network
from typing import Protocol

from twistecho.base.notation import LONGEST_TIME, FieldError
from twistecho.base.reply_formats import REPLY_SIZE
from twistecho.base.sockets import ip_of
from twistecho.service.scenario.framing import LONGEST_MESSAGE, Framing, FramingKind

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


def check_size(framing: Framing, most: int) -> None:
    """Raise FieldError for a framing whose messages are all longer than may come, in bytes."""
    least = framing.size if framing.kind is FramingKind.FIXED else len(framing.delimiter)
    if least > most:
        raise FieldError("framing", f"{framing}: no message may have more than {most} bytes")


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


class Reader(Protocol):
    """Something that reads from a peer while there is room."""

    def take_turn(self) -> None:
        """Read again, if nothing else stands against it."""


class Budget:
    """A number of bytes in use, of ``total``; a turn is good for ``turn`` bytes.

    Where nothing is left, one reader at a time that is amid a message may go on to its end: all
    might wait for each other, each for the rest of its own. So one message more may be in use.
    """

    __slots__ = ("_amid_message", "_finishing", "_held", "_in_line", "_since", "total", "turn",
                 "used")  # fmt: skip

    def __init__(self, total: int, turn: int) -> None:
        self.total = total
        self.turn = turn
        self.used = 0
        self._in_line: OrderedDict[Reader, None] = OrderedDict()
        self._amid_message: OrderedDict[Reader, None] = OrderedDict()  # those of them that are
        self._finishing: Reader | None = None  # who may go on to the end of its message
        self._held = -1  # what it held at a look, and since when
        self._since = 0.0

    def __len__(self) -> int:
        """Count those who wait for a turn."""
        return len(self._in_line)

    def __bool__(self) -> bool:
        """Tell whether anybody waits, or may go on to the end of its message."""
        return bool(self._in_line) or self._finishing is not None

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.total

    def wait(self, reader: Reader, *, amid_message: bool = False) -> bool:
        """Wait in line for a turn, unless it does so already; say whether it is its turn now."""
        if amid_message and self._finishing in (None, reader):
            if self._finishing is None:
                self._finishing, self._held = reader, -1
            return True
        self._in_line.setdefault(reader)
        if amid_message:
            self._amid_message.setdefault(reader)
        return False

    def finished(self, reader: Reader) -> None:
        """Let another one go on, if this was the one that might."""
        if self._finishing is reader:
            self._finishing = None

    def unchanged(self, reader: Reader, held: int, now: float) -> float:
        """Say for how many seconds others have waited for it to hold more than these bytes."""
        others_wait = self._amid_message and self.total - self.used < self.turn
        if self._finishing is not reader or not others_wait:
            self._held = -1 if self._finishing is reader else self._held
            return 0.0
        if held != self._held:
            self._held, self._since = held, now
        return now - self._since

    def leave(self, reader: Reader) -> None:
        """Leave the line."""
        self._in_line.pop(reader, None)
        self._amid_message.pop(reader, None)
        self.finished(reader)

    def give_turns(self) -> None:
        """Let those who have waited longest read again, as far as what is free reaches."""
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

    An IPv4 address counts alone; of IPv6 a whole /64 counts as one peer, since one host is given as
    many. All peers of Unix sockets count as one, and so does what is no address.
    """
    ip = ip_of(address)
    if ip is None:
        return "local"
    return str(ip if ip.version == 4 else IPv6Network((ip, 64), strict=False))
