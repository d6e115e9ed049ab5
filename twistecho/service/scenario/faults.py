"""Which fault applies to a message or connection: a pure function of seed, connection and message.

At most one fault applies to a message. All candidates share one drawn number: the first fault takes
the range from 0 to its probability, the next one starts where that range ends, and so on. So each
applies with exactly its probability, and the first ones take precedence where the sum exceeds 1.

Faults with a limit are tried before these, each with a drawn number of its own. Whether one is used
up depends on earlier messages; this affects the other faults only where it takes their place.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from twistecho.base.networks import Address
from twistecho.base.seeding import uniform

from .contradictions import refuse_contradictions
from .fault import ALWAYS, OF_MESSAGES, Direction, Fault, Kind

MEETS_MESSAGE = "fault"
"""The purpose (see `seeding`) of the number that selects the fault of a message."""

Take = Callable[[Fault], bool]
"""Counts one use of a fault with a limit; returns whether the limit still allows it."""


def without_limit(_fault: Fault) -> bool:
    """Allow every fault, whatever its limit. See `Take`."""
    return True


@dataclass(frozen=True)
class Bandwidth:
    """The bandwidth of one connection, in bytes per second; None is unlimited.

    ``met`` are the faults that limit it.
    """

    inward: float | None = None
    outward: float | None = None
    met: tuple[Fault, ...] = field(default=(), compare=False)


UNBOUNDED = Bandwidth()
"""The bandwidth of a connection that no fault limits."""


def _bandwidth_of(met: Mapping[Direction, Fault]) -> Bandwidth:
    inward, outward = (met[way].rate if way in met else None for way in Direction)
    return Bandwidth(inward, outward, tuple(dict.fromkeys(met.values())))


class _Group(NamedTuple):
    """Faults of which at most one applies at a time: those with a limit, and the others."""

    limited: tuple[tuple[str, Fault], ...]
    others: tuple[Fault, ...]
    anywhere: bool  # whether the others may apply to every message or connection


@dataclass(frozen=True)
class Faults:
    """All the faults of a service, in the order in which they take precedence.

    Raises ValueError where they contradict each other.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse faults that contradict each other."""
        refuse_contradictions(self.faults)

    def _group(self, kinds: Collection[Kind]) -> _Group:
        """Return the faults of these kinds; each with a limit has a purpose of its own."""
        named = enumerate(fault for fault in self.faults if fault.limit is not None)
        others = tuple(f for f in self.faults if f.kind in kinds and f.limit is None)
        return _Group(
            tuple((f"limit-{at}", fault) for at, fault in named if fault.kind in kinds),
            others,
            all(f.schedule is ALWAYS and not (f.peer or f.match) for f in others),
        )

    @cached_property
    def _refusals(self) -> _Group:
        return self._group({Kind.REFUSE})

    @cached_property
    def _bandwidths(self) -> _Group:
        return self._group({Kind.BANDWIDTH})

    @cached_property
    def _of_messages(self) -> _Group:
        return self._group(OF_MESSAGES)

    @cached_property
    def unaccepted(self) -> bool:
        """Whether no connection attempt completes."""
        return any(fault.kind is Kind.UNACCEPTED for fault in self.faults)

    def of_connection(
        self, connection: int, peer: Address | None = None, take: Take = without_limit
    ) -> Fault | None:
        """Return the fault that refuses a connection as it is accepted, if one does.

        ``peer`` is the address of the client; None for a Unix socket.
        """
        limited, others, _ = self._refusals
        for purpose, fault in limited:
            if self._comes(fault, purpose, connection, peer) and take(fault):
                return fault
        met = [fault for fault in others if fault.may_meet(connection, connection, b"", peer)]
        return _drawn(met, self.seed, "refuse", connection, 0)

    def of_message(
        self,
        connection: int,
        number: int,
        message: bytes = b"",
        peer: Address | None = None,
        take: Take = without_limit,
    ) -> Fault | None:
        """Return the fault that applies to a message, if one does; ``peer`` as above."""
        limited, others, anywhere = self._of_messages
        for purpose, fault in limited:
            if (
                fault.may_meet(connection, number, message, peer)
                and _comes_by_itself(fault, self.seed, purpose, connection, number)
                and take(fault)
            ):
                return fault
        if not anywhere:
            others = tuple(f for f in others if f.may_meet(connection, number, message, peer))
        return _drawn(others, self.seed, MEETS_MESSAGE, connection, number)

    @cached_property
    def chance_of_message(self) -> float | None:
        """The drawn number below which a fault applies to a message.

        None where the drawn number is not enough: a fault has a limit, schedule, peer or match.
        """
        limited, others, anywhere = self._of_messages
        if limited or not anywhere:
            return None
        reached = 0.0
        for fault in others:  # as in `_drawn`: sum() of newer Python versions rounds differently
            reached += fault.probability
        return reached

    def bandwidth(
        self, connection: int, peer: Address | None = None, take: Take = without_limit
    ) -> Bandwidth:
        """Return the bandwidth of a connection as it is accepted; ``peer`` as above.

        At most one fault applies per direction; both directions use the same drawn number.
        """
        limited, others, _ = self._bandwidths
        found: dict[Direction, Fault] = {}
        for purpose, fault in limited:
            free = [way for way in Direction if fault.goes(way) and way not in found]
            if free and self._comes(fault, purpose, connection, peer) and take(fault):
                found |= dict.fromkeys(free, fault)
        met = [fault for fault in others if fault.may_meet(connection, connection, b"", peer)]
        for way in Direction:
            there = [fault for fault in met if fault.goes(way)]
            drawn = found.get(way) or _drawn(there, self.seed, "bandwidth", connection, 0)
            if drawn is not None:
                found[way] = drawn
        return _bandwidth_of(found) if found else UNBOUNDED

    def _comes(self, fault: Fault, purpose: str, connection: int, peer: Address | None) -> bool:
        """Return whether a fault with a limit would apply to a connection."""
        return fault.may_meet(connection, connection, b"", peer) and _comes_by_itself(
            fault, self.seed, purpose, connection, 0
        )

    def multiply(self, delay: float) -> None:
        """Raise ValueError if a fault multiplies the delay of a reply and that delay is 0."""
        late = [fault for fault in self.faults if fault.kind is Kind.LATE]
        if late and not delay:
            raise ValueError(f"{late[0].text}: needs a delay of each reply, which it multiplies")

    def longest(self, delay: float, size: int) -> float:
        """Return the longest time that a reply of ``size`` bytes can be held, in seconds.

        ``delay`` is the longest delay.
        """
        held = _slowest(self.faults, OF_MESSAGES, delay, size)
        extra = max((f.size or 0 for f in self.faults if f.kind is Kind.EXTRA), default=0)
        return delay + held + _slowest(self.faults, {Kind.BANDWIDTH}, delay, size + extra)

    def __str__(self) -> str:
        """Return the texts that the faults were read from."""
        return " ".join(fault.text for fault in self.faults)


def _slowest(faults: Sequence[Fault], kinds: Collection[Kind], delay: float, size: int) -> float:
    slowdowns = (fault.slowdown(delay, size) for fault in faults if fault.kind in kinds)
    return max(slowdowns, default=0.0)


def _comes_by_itself(fault: Fault, seed: int, purpose: str, connection: int, message: int) -> bool:
    """Draw whether a fault that may apply does, with a number of its own."""
    return fault.probability == 1 or uniform(seed, purpose, connection, message) < fault.probability


def _drawn(
    faults: Sequence[Fault], seed: int, purpose: str, connection: int, message: int
) -> Fault | None:
    """Draw one of the faults that may apply, or none; each has its probability."""
    if not faults:
        return None
    drawn, reached = uniform(seed, purpose, connection, message), 0.0
    for fault in faults:
        reached += fault.probability
        if drawn < reached:
            return fault
    return None


NO_FAULTS = Faults()
"""No faults."""
