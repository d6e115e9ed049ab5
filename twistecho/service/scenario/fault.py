"""Which replies go wrong, and how: a pure function of seed, connection and message.

At most one fault meets a message. Those that may, by their schedule, share one drawn number: the
first takes its probability from 0 upwards, the next one goes on where it ended, and so on. So each
has exactly its probability, and whoever comes first takes precedence where they exceed 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from twistecho.base.notation import TextEnum
from twistecho.base.seeding import uniform


class Kind(TextEnum):
    """What goes wrong; the values are the names used on the command line."""

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


class Moment(TextEnum):
    """When a connection ends: before its reply, in the middle of it, or after it."""

    BEFORE = "before"
    MIDDLE = "middle"
    AFTER = "after"


ENDING = frozenset({Kind.RESET, Kind.CLOSE})
"""The kinds that end a connection, at a `Moment`."""


@dataclass(frozen=True)
class Schedule:
    """Where a fault may come about: messages, or for ``refuse`` connections, are counted from 0.

    ``every`` third one, only ``after`` the first so many, only on one ``connection``.
    """

    every: int = 1
    after: int = 0
    connection: int | None = None

    def includes(self, connection: int, number: int) -> bool:
        """Tell whether a fault may come about here."""
        return (
            number >= self.after
            and (number - self.after + 1) % self.every == 0
            and self.connection in (None, connection)
        )


ALWAYS = Schedule()
"""Everywhere."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Fault:
    """One way of going wrong.

    ``probability`` is that of each message on the ``schedule``. What else counts depends on the
    kind: ``at`` for what ends a connection; ``size`` in bytes for ``truncate`` (cut off; None is
    half), ``extra`` and ``drip``; ``seconds`` for ``drip`` (between two pieces) and ``stall``;
    ``times`` for ``late``. ``text`` is the fault as it was asked for.
    """

    kind: Kind
    probability: float = 1.0
    schedule: Schedule = ALWAYS
    at: Moment = Moment.BEFORE
    size: int | None = None
    seconds: float = 0.0
    times: float = 1.0
    text: str = ""
    limit: int | None = None

    def slowdown(self, delay: float, size: int) -> float:
        """Say how much longer than ``delay`` this fault can make a reply wait, in seconds.

        That is until the last of the reply's bytes, which are ``size`` at most.
        """
        if self.kind is Kind.LATE:
            return delay * max(0.0, self.times - 1)
        if self.kind is Kind.DRIP:
            return self.seconds * max(0, ceil(size / (self.size or 1)) - 1)
        return self.seconds


@dataclass(frozen=True)
class Faults:
    """All the faults of a service, in the order in which they take precedence.

    Raises ValueError where they contradict each other.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot all come true."""
        refusing, others = self._of_connections, self._of_messages
        _refuse_contradictions(refusing)
        _refuse_contradictions(others)
        if others and any(f.schedule == ALWAYS and f.probability == 1 for f in refusing):
            raise ValueError(f"{others[0].text} cannot come about: every connection is refused")

    @cached_property
    def _of_connections(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if fault.kind is Kind.REFUSE)

    @cached_property
    def _of_messages(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if fault.kind is not Kind.REFUSE)

    def of_connection(self, connection: int) -> Fault | None:
        """Give the fault that meets a connection as it is accepted, if one does."""
        met = [f for f in self._of_connections if f.schedule.includes(connection, connection)]
        return _drawn(met, self.seed, "refuse", connection, 0)

    def of_message(self, connection: int, message: int) -> Fault | None:
        """Give the fault that meets a message, if one does."""
        met = [
            fault
            for fault in self._of_messages
            if fault.schedule is ALWAYS or fault.schedule.includes(connection, message)
        ]
        return _drawn(met, self.seed, "fault", connection, message)

    def multiply(self, delay: float) -> None:
        """Raise ValueError where a fault multiplies the delay of a reply and there is none."""
        late = [fault for fault in self.faults if fault.kind is Kind.LATE]
        if late and not delay:
            raise ValueError(f"{late[0].text}: needs a delay of each reply, which it multiplies")

    def longest(self, delay: float, size: int) -> float:
        """Say how long a reply of ``size`` bytes can be held, in seconds.

        ``delay`` is the longest delay.
        """
        return delay + max((fault.slowdown(delay, size) for fault in self.faults), default=0.0)

    def __str__(self) -> str:
        """Give the faults as they were asked for."""
        return " ".join(fault.text for fault in self.faults)


def _drawn(
    faults: Sequence[Fault], seed: int, purpose: str, connection: int, message: int
) -> Fault | None:
    """Draw one of the faults that may come about, or none; each has its probability."""
    if not faults:
        return None
    drawn, reached = uniform(seed, purpose, connection, message), 0.0
    for fault in faults:
        reached += fault.probability
        if drawn < reached:
            return fault
    return None


def _refuse_contradictions(faults: Sequence[Fault]) -> None:
    """Raise ValueError where the probabilities of one schedule add up to more than 1.

    Nor can a fault come about after others that leave nothing to any schedule.
    """
    taken: dict[Schedule, float] = {}
    for at, fault in enumerate(faults):
        together = taken.get(fault.schedule, 0.0) + fault.probability
        if together > 1 + _ROUNDING or taken.get(ALWAYS, 0.0) >= 1:
            names = ", ".join(f.text for f in faults[: at + 1])
            raise ValueError(f"{names}: together more probable than 1")
        taken[fault.schedule] = together


NO_FAULTS = Faults()
"""Nothing goes wrong."""


_FLIP = 0x80
_EXTRA = b"!"


def pieces_of(fault: Fault, reply: bytes, where: Callable[[], float]) -> list[bytes]:
    """Give what is sent instead of a reply; each piece but the first waits the fault's seconds.

    ``where``, which draws from [0, 1), says which byte is corrupted: its highest bit is flipped, so
    that no reply to text is right by accident.
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
    """Give what is sent of a reply before its connection ends: all of it where it does not."""
    if fault.kind not in (Kind.RESET, Kind.CLOSE) or fault.at is Moment.AFTER:
        return reply
    return reply[: len(reply) // 2] if fault.at is Moment.MIDDLE else b""
