"""Which messages and connections meet a fault: a pure function of seed, connection and message.

At most one fault meets a message. Those that may share one drawn number: the first takes its
probability from 0 upwards, the next one goes on where it ended, and so on. So each has exactly its
probability, and whoever comes first takes precedence where they exceed 1.

Faults with a limit are tried before these, each with a number of its own: whether one is used up
depends on what came before, and the others do not notice but where it takes their place.
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
"""The purpose of the number that says which fault meets a message."""

Take = Callable[[Fault], bool]
"""Counts a fault with a limit that is about to come about, and says whether it still may."""


def without_limit(_fault: Fault) -> bool:
    """Let every fault come about, however often it has. See `Take`."""
    return True


@dataclass(frozen=True)
class Bandwidth:
    """What one connection has, in bytes per second; None is as much as there is.

    ``met`` are the faults that made it so.
    """

    inward: float | None = None
    outward: float | None = None
    met: tuple[Fault, ...] = field(default=(), compare=False)


UNBOUNDED = Bandwidth()
"""That of a connection that no fault meets."""


def _bandwidth_of(met: Mapping[Direction, Fault]) -> Bandwidth:
    inward, outward = (met[way].rate if way in met else None for way in Direction)
    return Bandwidth(inward, outward, tuple(dict.fromkeys(met.values())))


class _Group(NamedTuple):
    """Faults of which one at most comes about at a time: those with a limit, and the others."""

    limited: tuple[tuple[str, Fault], ...]
    others: tuple[Fault, ...]
    anywhere: bool  # whether the others may all come about wherever there is something to meet


@dataclass(frozen=True)
class Faults:
    """All the faults of a service, in the order in which they take precedence.

    Raises ValueError where they contradict each other.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot all come true."""
        refuse_contradictions(self.faults)

    def _group(self, kinds: Collection[Kind]) -> _Group:
        """Give the faults of these kinds; those with a limit have each a purpose of its own."""
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
        """Whether no connect is to complete."""
        return any(fault.kind is Kind.UNACCEPTED for fault in self.faults)

    def of_connection(
        self, connection: int, peer: Address | None = None, take: Take = without_limit
    ) -> Fault | None:
        """Give the fault that meets a connection as it is accepted, if one does.

        ``peer`` is the address that it comes from; None where that is a Unix socket.
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
        """Give the fault that meets a message, if one does; ``peer`` as above."""
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
        """Below which drawn number a message meets a fault; None where that alone does not tell.

        Nor does it where a fault has a limit, a schedule, a peer or a match.
        """
        limited, others, anywhere = self._of_messages
        if limited or not anywhere:
            return None
        reached = 0.0
        for fault in others:  # as `_drawn` adds them: newer Pythons' sum() rounds otherwise
            reached += fault.probability
        return reached

    def bandwidth(
        self, connection: int, peer: Address | None = None, take: Take = without_limit
    ) -> Bandwidth:
        """Give the bandwidth of a connection as it is accepted; ``peer`` as above.

        Each direction meets one fault at most; what is drawn for it is the same for both.
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
        """Tell whether a connection would meet a fault that has a limit."""
        return fault.may_meet(connection, connection, b"", peer) and _comes_by_itself(
            fault, self.seed, purpose, connection, 0
        )

    def multiply(self, delay: float) -> None:
        """Raise ValueError where a fault multiplies the delay of a reply and there is none."""
        late = [fault for fault in self.faults if fault.kind is Kind.LATE]
        if late and not delay:
            raise ValueError(f"{late[0].text}: needs a delay of each reply, which it multiplies")

    def longest(self, delay: float, size: int) -> float:
        """Say how long a reply of ``size`` bytes can be held, in seconds.

        ``delay`` is the longest delay.
        """
        held = _slowest(self.faults, OF_MESSAGES, delay, size)
        extra = max((f.size or 0 for f in self.faults if f.kind is Kind.EXTRA), default=0)
        return delay + held + _slowest(self.faults, {Kind.BANDWIDTH}, delay, size + extra)

    def __str__(self) -> str:
        """Give the faults as they were asked for."""
        return " ".join(fault.text for fault in self.faults)


def _slowest(faults: Sequence[Fault], kinds: Collection[Kind], delay: float, size: int) -> float:
    slowdowns = (fault.slowdown(delay, size) for fault in faults if fault.kind in kinds)
    return max(slowdowns, default=0.0)


def _comes_by_itself(fault: Fault, seed: int, purpose: str, connection: int, message: int) -> bool:
    """Tell whether a fault that may come about does, by a number of its own."""
    return fault.probability == 1 or uniform(seed, purpose, connection, message) < fault.probability


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


NO_FAULTS = Faults()
"""Nothing goes wrong."""
