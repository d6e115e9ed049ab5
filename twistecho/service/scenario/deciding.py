"""The decisions of a scenario about each connection and message, and properties derived from them.

The functions that are called for each message are here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from twistecho.base.networks import Address
from twistecho.base.reply_formats import ReplyFormat
from twistecho.base.seeding import uniform

from .answers import On
from .decision import BANNER, Decision, Limited, Place, Take, always, asked_for, decision
from .delay import Constant, Delay, Drawn
from .delay_per import DelayPer
from .fault import Fault, Kind, pieces_of
from .faults import MEETS_MESSAGE, UNBOUNDED, Bandwidth, Faults
from .framing import Framing
from .parsing import MARK


class Delayed(Protocol):
    """A connection with its ``number``, and a cache of drawn ``delays``, None at first.

    The cache holds the delays of eight messages, in seconds, and then the number of their block.
    """

    number: int
    delays: tuple[float, ...] | None


PlainDelay = Callable[[Delayed, int, bytes], float | None]
"""Takes a connection, the number of its message, and the message: see `plain_delay`."""


def never_plain(_connection: Delayed, _number: int, _message: bytes) -> None:
    """Leave every message to `Deciding.decide`."""


@dataclass(frozen=True, init=False)
class Deciding:
    """The fields of a scenario, and their decisions about connections and messages."""

    framing: Framing
    banner: bytes
    banner_delay: Delay
    banner_fault: Fault | None
    on: tuple[On, ...]
    reply: ReplyFormat
    delay: Delay
    delay_per: DelayPer
    faults: Faults
    in_band: bool
    seed: int

    @cached_property
    def limited(self) -> tuple[Limited, ...]:
        """All answers and faults with a limit, in a fixed order."""
        faults = (*self.faults.faults, *filter(None, self._own_faults))
        both: tuple[Limited, ...] = (*self.on, *faults)
        return tuple(one for one in both if one.limit is not None)

    @cached_property
    def takes_turns(self) -> bool:
        """Whether a reply may depend on how often its answer was used before."""
        return any(len(on.pieces) > 1 for on in self.on)

    @cached_property
    def delays_replies(self) -> bool:
        """Whether each reply is held, not the connection once."""
        return self.delay_per is DelayPer.REPLY and self.delay.longest > 0

    @cached_property
    def holds(self) -> bool:
        """Whether each connection is held once, before it is read."""
        return self.delay_per is DelayPer.CONNECTION and self.delay.longest > 0

    @cached_property
    def may_fail(self) -> bool:
        """Whether a fault may apply, or a message request one."""
        return bool(self.faults.faults or self.in_band or any(self._own_faults))

    @property
    def _own_faults(self) -> tuple[Fault | None, ...]:
        """The faults of the banner and of answers."""
        return (self.banner_fault, *(on.fault for on in self.on))

    @cached_property
    def same_for_all(self) -> Decision | None:
        """The decision about every message, where it is always the same."""
        return None if self.may_fail or self.on else self._without_fault

    @cached_property
    def _without_fault(self) -> Decision | None:
        """The decision about every message without a fault, where it is always the same."""
        if not self.delays_replies:
            return Decision(0.0)
        return Decision(self.delay.longest) if isinstance(self.delay, Constant) else None

    def plain_delay(self) -> PlainDelay:
        """Return a function that recognizes plain messages: a reply after a delay, nothing else.

        It is called for each message. It returns the delay of a plain one, in seconds, or None
        where `decide` must be called.
        """
        chance = self.faults.chance_of_message
        if self.on or chance is None:
            return never_plain
        seed, in_band, without_fault = self.faults.seed, self.in_band, self._delay_without_fault()
        if not (in_band or chance):
            return without_fault

        def plain_delay(connection: Delayed, number: int, message: bytes) -> float | None:
            if in_band and message.startswith(MARK):
                return None
            if chance and uniform(seed, MEETS_MESSAGE, connection.number, number) < chance:
                return None
            return without_fault(connection, number, message)

        return plain_delay

    def _delay_without_fault(self) -> Callable[[Delayed, int, bytes], float]:
        """Return a function that gives the delay of a message without a fault, in seconds.

        Drawn delays are cached on the connection: one cache for many connections would be slower
        than drawing.
        """
        same, delay = self._without_fault, self.delay
        if same is not None:
            constant = same.delay
            return lambda _connection, _number, _message: constant
        if not isinstance(delay, Drawn):
            return lambda connection, number, _message: delay.seconds(connection.number, number)

        def drawn(connection: Delayed, number: int, _message: bytes) -> float:
            delays, block = connection.delays, number >> 3
            if delays is None or delays[8] != block:
                delays = connection.delays = (*delay.of_block(connection.number, block), block)
            return delays[number & 7]

        return drawn

    def hold(self, connection: int) -> float:
        """Return how long a connection is held before it is read, in seconds."""
        return self.delay.seconds(connection, 0) if self.holds else 0.0

    def refusal(
        self, connection: int, peer: Address | None = None, take: Take = always
    ) -> Fault | None:
        """Return the fault that refuses a connection as it is accepted, if one does."""
        return self.faults.of_connection(connection, peer, take)

    @cached_property
    def bandwidths(self) -> tuple[Fault, ...]:
        """The faults that limit the bandwidth of connections."""
        return tuple(fault for fault in self.faults.faults if fault.kind is Kind.BANDWIDTH)

    @cached_property
    def looks_at_peers(self) -> bool:
        """Whether decisions depend on the address of the peer."""
        faults = (*self.faults.faults, *filter(None, self._own_faults))
        return any(fault.peer is not None for fault in faults)

    def bandwidth(
        self, connection: int, peer: Address | None = None, take: Take = always
    ) -> Bandwidth:
        """Return the bandwidth of a connection."""
        return self.faults.bandwidth(connection, peer, take) if self.bandwidths else UNBOUNDED

    def greeting(
        self, connection: int, peer: Address | None = None, take: Take = always
    ) -> Decision:
        """Decide about the banner of a connection."""
        at = Place(connection, BANNER, self.banner, peer, take)
        fault = self._own_fault(self.banner_fault, "banner", at)
        delay = self.banner_delay.seconds(connection, BANNER)
        return decision(delay, fault)._replace(content=self.banner)

    def decide(
        self,
        connection: int,
        number: int,
        message: bytes,
        *,
        peer: Address | None = None,
        take: Take = always,
        turns: dict[int, int] | None = None,
    ) -> Decision:
        """Decide about a message.

        ``peer`` is the address of the client, None for a Unix socket. ``take`` counts each use of
        a fault or answer with a limit. ``turns`` belongs to the connection: how many messages each
        answer has matched, by its index in ``on``.
        """
        if not (self.on or self.in_band):
            fault = self.faults.of_message(connection, number, message, peer, take)
            if fault is None and self._without_fault is not None:
                return self._without_fault
            return decision(self._delay_of(connection, number), fault)
        at = Place(connection, number, message, peer, take)
        if self.on:
            for place, on in enumerate(self.on):
                groups = on.match.groups_in(message)
                if groups is not None and (on.limit is None or take(on)):
                    turn = 0 if turns is None else turns.get(place, 0)
                    if turns is not None:
                        turns[place] = turn + 1
                    decided = self._decide_answered(on, at)
                    return decided._replace(content=on.reply_to(groups, turn), close=on.close)
        return self._decide_in_band(at) or self._decide_drawn(at)

    def _decide_drawn(self, at: Place) -> Decision:
        """Decide by the drawn delay and fault."""
        return decision(self._delay_of(at.connection, at.number), self.faults.of_message(*at))

    def _decide_answered(self, on: On, at: Place) -> Decision:
        """Decide about a message that matched an answer."""
        if on.delay is None:
            delay = self._delay_of(at.connection, at.number)
        else:
            delay = on.delay.seconds(at.connection, at.number)
        if on.fault is None:
            return decision(delay, self.faults.of_message(*at))
        return decision(delay, self._own_fault(on.fault, "on", at))

    def _own_fault(self, fault: Fault | None, purpose: str, at: Place) -> Fault | None:
        """Draw the fault of an answer, or of a banner, whose schedule counts connections."""
        number = at.connection if at.number == BANNER else at.number
        if fault is None or not fault.may_meet(at.connection, number, at.message, at.peer):
            return None
        if uniform(self.seed, purpose, at.connection, at.number) >= fault.probability:
            return None
        return fault if fault.limit is None or at.take(fault) else None

    def _delay_of(self, connection: int, number: int) -> float:
        return self.delay.seconds(connection, number) if self.delays_replies else 0.0

    def _decide_in_band(self, at: Place) -> Decision | None:
        """Decide by the in-band word; None where the message has none, or may not have one.

        Where the word is not understood, the decision is drawn.
        """
        if not (self.in_band and at.message.startswith(MARK)):
            return None
        delay = self._delay_of(at.connection, at.number)
        try:
            asked = asked_for(at.message, delay, self.reply)
        except ValueError:
            return decision(delay, self.faults.of_message(*at), obeyed=False)
        return decision(delay if asked.delay is None else asked.delay, asked.fault, obeyed=True)

    def pieces(self, fault: Fault, reply: bytes, connection: int, number: int) -> list[bytes]:
        """Return the pieces to send instead of a reply to which a fault applies."""
        return pieces_of(
            fault, reply, lambda: uniform(self.faults.seed, "corrupt", connection, number)
        )
