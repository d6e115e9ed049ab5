"""One fault: what goes wrong, where it may apply, and how it changes a reply."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from twistecho.base.networks import Address, Network, plain
from twistecho.base.notation import TextEnum

from .patterns import Pattern


class Kind(TextEnum):
    """The kind of a fault; the values are the names used on the command line."""

    REFUSE = "refuse"
    RESET = "reset"
    CLOSE = "close"
    SILENT = "silent"
    TRUNCATE = "truncate"
    CORRUPT = "corrupt"
    EXTRA = "extra"
    DRIP = "drip"
    STALL = "stall"
    LATE = "late"
    BANDWIDTH = "bandwidth"
    UNACCEPTED = "unaccepted"


class Moment(TextEnum):
    """When a connection ends: before its reply, in the middle of it, or after it."""

    BEFORE = "before"
    MIDDLE = "middle"
    AFTER = "after"


class Direction(TextEnum):
    """Which way bytes go: from the peer, or to it."""

    IN = "in"
    OUT = "out"


ENDING = frozenset({Kind.RESET, Kind.CLOSE})
"""The kinds that end a connection, at a `Moment`."""

IN_ONE_PIECE = frozenset({Kind.CORRUPT, Kind.EXTRA})
"""The kinds that change the bytes of a reply, and nothing else."""

OF_CONNECTIONS = frozenset({Kind.REFUSE, Kind.BANDWIDTH})
"""The kinds that apply to a connection as it is accepted, not to a message."""

OF_MESSAGES = frozenset(Kind) - OF_CONNECTIONS - {Kind.UNACCEPTED}
"""The kinds that apply to a message."""


@dataclass(frozen=True)
class Schedule:
    """Where a fault may apply: by the number, from 0, of a message (`OF_CONNECTIONS`: connection).

    Every ``every``-th one, none of the first ``after``, only on one ``connection``.
    """

    every: int = 1
    after: int = 0
    connection: int | None = None

    def includes(self, connection: int, number: int) -> bool:
        """Return whether a fault may apply here."""
        return (
            number >= self.after
            and (number - self.after + 1) % self.every == 0
            and self.connection in (None, connection)
        )


ALWAYS = Schedule()
"""No restriction: the fault may apply everywhere."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    It applies with ``probability`` to each message on the ``schedule``, from an address in
    ``peer``, in which ``match`` is found, where these are given; ``limit`` times at most. The
    other fields depend on the kind: ``at`` for `ENDING`; ``size`` in bytes for ``truncate`` (cut
    off; None is half), ``extra`` and ``drip``; ``seconds`` for ``drip`` (between two pieces) and
    ``stall``; ``times`` for ``late``; ``rate`` in bytes per second and ``direction`` (None is
    both) for ``bandwidth``. ``text`` is the text that it was read from.
    """

    kind: Kind
    probability: float = 1.0
    schedule: Schedule = ALWAYS
    at: Moment = Moment.BEFORE
    size: int | None = None
    seconds: float = 0.0
    times: float = 1.0
    rate: float = 0.0
    direction: Direction | None = None
    limit: int | None = None
    peer: Network | None = None
    match: Pattern | None = None
    text: str = ""

    def may_meet(
        self, connection: int, number: int, message: bytes = b"", peer: Address | None = None
    ) -> bool:
        """Return whether it may apply here. ``peer`` is None for a Unix socket."""
        return (
            self.schedule.includes(connection, number)
            and (self.peer is None or (peer is not None and plain(peer) in self.peer))
            and (self.match is None or self.match.found_in(message))
        )

    def goes(self, direction: Direction) -> bool:
        """Return whether it bounds the bandwidth of this direction."""
        return self.kind is Kind.BANDWIDTH and self.direction in (None, direction)

    def slowdown(self, delay: float, size: int) -> float:
        """Return how much longer than ``delay`` this fault can make a reply wait, in seconds.

        The wait ends with the last byte of the reply, which has at most ``size`` bytes.
        """
        if self.kind is Kind.BANDWIDTH:
            return size / self.rate if self.goes(Direction.OUT) else 0.0
        if self.kind is Kind.LATE:
            return delay * max(0.0, self.times - 1)
        if self.kind is Kind.DRIP:
            return self.seconds * max(0, ceil(size / (self.size or 1)) - 1)
        return self.seconds


_FLIP = 0x80
_EXTRA = b"!"


def pieces_of(fault: Fault, reply: bytes, where: Callable[[], float]) -> list[bytes]:
    """Return the pieces to send instead of a reply; the fault's ``seconds`` pass between two.

    ``where``, which draws from [0, 1), selects the byte to corrupt. Its highest bit is flipped, so
    that a corrupted ASCII text is never ASCII.
    """
    if fault.kind is Kind.SILENT:
        return []
    if fault.kind is Kind.TRUNCATE:
        cut = len(reply) - len(reply) // 2 if fault.size is None else fault.size
        return [reply[: max(0, len(reply) - cut)]]
    if fault.kind is Kind.CORRUPT and reply:
        at = int(where() * len(reply))
        return [reply[:at] + bytes([reply[at] ^ _FLIP]) + reply[at + 1 :]]
    if fault.kind is Kind.EXTRA:
        return [reply + _EXTRA * (fault.size or 1)]
    if fault.kind is Kind.DRIP:
        size = fault.size or 1
        return [reply[at : at + size] for at in range(0, len(reply), size)]
    return [_until(fault, reply)]


def _until(fault: Fault, reply: bytes) -> bytes:
    """Return the part of a reply that is sent before the fault ends the connection, if it does."""
    if fault.kind not in (Kind.RESET, Kind.CLOSE) or fault.at is Moment.AFTER:
        return reply
    return reply[: len(reply) // 2] if fault.at is Moment.MIDDLE else b""
