"""What a whole service does to its messages: an immutable value that decides about each of them.

A decision is a pure function of the number of the connection, from 0 in the order of accept, the
number of the message on it, from 0, and what the message says, where the service looks at that. So
whoever has the scenario can say beforehand what each client meets. What has a ``limit`` is the
exception: that depends on the order of arrival too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

from twistecho.base.networks import Address
from twistecho.base.notation import LONGEST_TIME, FieldError, check_time
from twistecho.base.reply_formats import ReplyFormat, longest_reply
from twistecho.base.seeding import uniform

from .answers import On
from .delay import NO_DELAY, Constant, Delay, DelayPer
from .fault import Fault, Kind, pieces_of
from .faults import NO_FAULTS, UNBOUNDED, Bandwidth, Faults
from .fields import FIELDS, read_field, seed_of, seeded
from .framing import READ, Framing
from .parsing import MARK, bounded, parse_in_band

Limited = Fault | On
"""What may have a limit."""

Take = Callable[[Limited], bool]
"""Counts something with a limit that would come about; says whether it may."""


def always(_limited: Limited) -> bool:
    """Let it come about."""
    return True


class Decision(NamedTuple):
    """What becomes of one message.

    Its reply is held for ``delay`` seconds from its arrival and meets ``fault``, if there is one.
    ``obeyed`` tells whether its in-band word was understood; None where it has none. ``content`` is
    what is replied instead of what the format says; ``close`` ends the connection afterwards.
    """

    delay: float
    fault: Fault | None = None
    obeyed: bool | None = None
    content: bytes | None = None
    close: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the reply is what the format says, and no more happens."""
        return self.fault is None and self.content is None and not self.close


class _Place(NamedTuple):
    """A message, and where it stands: see `Scenario.decide`."""

    connection: int
    number: int
    message: bytes
    peer: Address | None
    take: Take


BANNER = -1
"""The number of the banner, which is sent before there is a message."""


@dataclass(frozen=True, init=False)
class Scenario:
    """How a stream becomes messages, what is replied, when, and what goes wrong.

    Each field may be given as text as well. ``framing`` cuts the stream; ``banner`` is sent on
    accept, after ``banner_delay``, and may meet ``banner_fault``; the first of ``on`` that matches
    a message answers it, else it is ``reply``. ``delay`` holds each reply, or each connection once
    (``delay_per``). ``faults`` go wrong; ``in_band`` lets messages ask for a delay or a fault
    themselves. All that is drawn is drawn from ``seed``; where none is given, a delay and faults
    that are no texts keep their own.

    Raises FieldError, which names the field as a path (``on[1].delay``), for what cannot be.
    """

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

    def __init__(
        self,
        *,
        framing: Framing | str | bytes = READ,
        banner: bytes | str = b"",
        banner_delay: Delay | float | str = NO_DELAY,
        banner_fault: Fault | str | None = None,
        on: Iterable[On] = (),
        reply: ReplyFormat | str = ReplyFormat.STAMPED,
        delay: Delay | float | str = NO_DELAY,
        delay_per: DelayPer | str = DelayPer.REPLY,
        faults: Faults | str | Iterable[Fault | str] = NO_FAULTS,
        in_band: bool = False,
        seed: int | None = None,
    ) -> None:
        given: dict[str, object] = {
            "framing": framing,
            "banner": banner,
            "banner_delay": banner_delay,
            "banner_fault": banner_fault,
            "on": on,
            "reply": reply,
            "delay": delay,
            "delay_per": delay_per,
            "faults": faults,
            "in_band": in_band,
        }
        own = seed_of(delay, faults) if seed is None else read_field("seed", seed, 0)
        for name, each in given.items():
            value = read_field(name, each, own)
            object.__setattr__(self, name, value if seed is None else seeded(value, own))
        object.__setattr__(self, "seed", own)
        self._check()

    def _check(self) -> None:
        """Refuse what cannot come about."""
        try:
            self.faults.multiply(self.delay.longest if self.delays_replies else 0.0)
            if self.faults.faults:
                check_time(self.longest)
        except ValueError as error:
            raise FieldError("faults", str(error)) from None
        _check_fits("banner", self.framing, self.banner)
        for at, on in enumerate(self.on):
            for reply in on.reply or ():
                _check_fits(f"on[{at}].reply", self.framing, reply)

    def replace(self, **changes: Any) -> Self:
        """Give another scenario with some fields changed; see the class."""
        unknown = next(iter(changes.keys() - FIELDS.keys() - {"seed"}), None)
        if unknown is not None:
            raise TypeError(f"a scenario has no field {unknown!r}")
        kept = {name: getattr(self, name) for name in FIELDS}
        if "seed" in changes:
            return type(self)(**{**kept, **changes})
        read = {name: read_field(name, value, self.seed) for name, value in changes.items()}
        made = type(self)(**{**kept, **read})
        object.__setattr__(made, "seed", self.seed)
        return made

    @cached_property
    def limited(self) -> tuple[Limited, ...]:
        """All that has a limit, in the order in which it is asked for."""
        faults = (*self.faults.faults, *filter(None, self._own_faults))
        both: tuple[Limited, ...] = (*self.on, *faults)
        return tuple(one for one in both if one.limit is not None)

    @cached_property
    def takes_turns(self) -> bool:
        """Whether what is replied depends on how often an answer was given before."""
        return any(len(on.pieces) > 1 for on in self.on)

    @cached_property
    def delays_replies(self) -> bool:
        """Whether each reply is held, not the connection once, nor nothing."""
        return self.delay_per is DelayPer.REPLY and self.delay.longest > 0

    @cached_property
    def holds(self) -> bool:
        """Whether each connection is held once, before it is read."""
        return self.delay_per is DelayPer.CONNECTION and self.delay.longest > 0

    @cached_property
    def may_fail(self) -> bool:
        """Whether anything can go wrong on purpose."""
        return bool(self.faults.faults or self.in_band or any(self._own_faults))

    @property
    def _own_faults(self) -> tuple[Fault | None, ...]:
        """Those of the banner and of answers."""
        return (self.banner_fault, *(on.fault for on in self.on))

    @cached_property
    def same_for_all(self) -> Decision | None:
        """The decision about every message, where there is only one."""
        return None if self.may_fail or self.on else self._without_fault

    @cached_property
    def _without_fault(self) -> Decision | None:
        """The decision about every message that meets no fault, where there is only one."""
        if not self.delays_replies:
            return Decision(0.0)
        return Decision(self.delay.longest) if isinstance(self.delay, Constant) else None

    def hold(self, connection: int) -> float:
        """Say how long a connection is held before it is read, in seconds."""
        return self.delay.seconds(connection, 0) if self.holds else 0.0

    def refusal(
        self, connection: int, peer: Address | None = None, take: Take = always
    ) -> Fault | None:
        """Give the fault that meets a connection as it is accepted, if one does."""
        return self.faults.of_connection(connection, peer, take)

    @cached_property
    def bandwidths(self) -> tuple[Fault, ...]:
        """The faults that leave connections less bandwidth than there is."""
        return tuple(fault for fault in self.faults.faults if fault.kind is Kind.BANDWIDTH)

    @cached_property
    def looks_at_peers(self) -> bool:
        """Whether it counts from which address a peer comes."""
        faults = (*self.faults.faults, *filter(None, self._own_faults))
        return any(fault.peer is not None for fault in faults)

    def bandwidth(
        self, connection: int, peer: Address | None = None, take: Take = always
    ) -> Bandwidth:
        """Give the bandwidth of a connection."""
        return self.faults.bandwidth(connection, peer, take) if self.bandwidths else UNBOUNDED

    def greeting(
        self, connection: int, peer: Address | None = None, take: Take = always
    ) -> Decision:
        """Say what becomes of the banner of a connection."""
        at = _Place(connection, BANNER, self.banner, peer, take)
        fault = self._own_fault(self.banner_fault, "banner", at)
        delay = self.banner_delay.seconds(connection, BANNER)
        return _decision(delay, fault)._replace(content=self.banner)

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
        """Say what becomes of a message.

        ``peer`` is the address that it comes from, None where that is a Unix socket. ``take`` is
        asked about what has a limit. ``turns`` is the connection's own: how many messages each
        answer has met, by its place.
        """
        if not (self.on or self.in_band):
            fault = self.faults.of_message(connection, number, message, peer, take)
            if fault is None and self._without_fault is not None:
                return self._without_fault
            return _decision(self._delay_of(connection, number), fault)
        at = _Place(connection, number, message, peer, take)
        if self.on:
            for place, on in enumerate(self.on):
                groups = on.match.groups_in(message)
                if groups is not None and (on.limit is None or take(on)):
                    turn = 0 if turns is None else turns.get(place, 0)
                    if turns is not None:
                        turns[place] = turn + 1
                    decided = self._decide_in_band(at) or self._decide_answered(on, at)
                    return decided._replace(content=on.reply_to(groups, turn), close=on.close)
        return self._decide_in_band(at) or self._decide_drawn(at)

    def _decide_drawn(self, at: "_Place") -> Decision:
        """Decide by what is drawn."""
        return _decision(self._delay_of(at.connection, at.number), self.faults.of_message(*at))

    def _decide_answered(self, on: On, at: "_Place") -> Decision:
        """Decide about a message that has an answer of its own."""
        if on.delay is None:
            delay = self._delay_of(at.connection, at.number)
        else:
            delay = on.delay.seconds(at.connection, at.number)
        if on.fault is None:
            return _decision(delay, self.faults.of_message(*at))
        return _decision(delay, self._own_fault(on.fault, "on", at))

    def _own_fault(self, fault: Fault | None, purpose: str, at: "_Place") -> Fault | None:
        """Draw the fault of a banner or an answer."""
        number = max(0, at.number)
        if fault is None or not fault.may_meet(at.connection, number, at.message, at.peer):
            return None
        if uniform(self.seed, purpose, at.connection, at.number) >= fault.probability:
            return None
        return fault if fault.limit is None or at.take(fault) else None

    def _delay_of(self, connection: int, number: int) -> float:
        return self.delay.seconds(connection, number) if self.delays_replies else 0.0

    def _decide_in_band(self, at: "_Place") -> Decision | None:
        """Do what the message asks for, where it may; None where it asks for nothing.

        What is not understood is decided otherwise.
        """
        if not (self.in_band and at.message.startswith(MARK)):
            return None
        delay = self._delay_of(at.connection, at.number)
        try:
            asked = parse_in_band(at.message)
            if asked.fault is not None:
                self._bound(asked.fault, delay, len(at.message))
        except ValueError:
            return _decision(delay, self.faults.of_message(*at), obeyed=False)
        return _decision(delay if asked.delay is None else asked.delay, asked.fault, obeyed=True)

    def _bound(self, fault: Fault, delay: float, size: int) -> None:
        """Raise ValueError where a fault that a message of ``size`` bytes asks for is too long.

        Its times count as a whole, on top of the delay. That alone may be longer: it is the
        service's own.
        """
        longer = fault.slowdown(delay, longest_reply(self.reply, size))
        if longer:
            bounded(delay + longer)

    def pieces(self, fault: Fault, reply: bytes, connection: int, number: int) -> list[bytes]:
        """Give what is sent instead of the reply to a message that meets a fault."""
        return pieces_of(
            fault, reply, lambda: uniform(self.faults.seed, "corrupt", connection, number)
        )

    @property
    def drawn_from(self) -> int | None:
        """The seed; None where nothing is drawn."""
        if self.faults.faults or any(self._own_faults):
            return self.seed
        delays = (self.delay, self.banner_delay, *(on.delay for on in self.on))
        # A delay of the user's own may have none.
        seeds = (getattr(delay, "seed", None) for delay in delays)
        return next((seed for seed in seeds if seed is not None), None)

    @property
    def is_numbered(self) -> bool:
        """Whether the number of a connection says what becomes of it."""
        return self.may_fail or self.drawn_from is not None

    @property
    def longest(self) -> float:
        """How long a reply can be held, by its delay and by faults, in seconds."""
        size = longest_reply(self.reply, self.framing.longest)
        longest = self.faults.longest(self.delay.longest, size)
        for on in self.on:
            held = self.delay.longest if on.delay is None else on.delay.longest
            own = 0.0 if on.fault is None else on.fault.slowdown(held, size)
            longest = max(longest, held + own)
        return longest

    def describe(self) -> str:
        """Say in a few words when replies come, and what goes wrong."""
        words = [] if self.framing.is_read else [f"{self.framing} framing"]
        words += ["a banner"] if self.banner else []
        words += [f"{len(self.on)} answers" if len(self.on) > 1 else "1 answer"] if self.on else []
        if self.delay.longest:
            words += [f"{self.delay} after each {_SINCE[self.delay_per]}"]
        else:
            words += ["no delay"]
        words += [f"faults {self.faults}"] if self.faults.faults else []
        words += ["in-band control words"] if self.in_band else []
        words += [] if self.drawn_from is None else [f"seed {self.drawn_from}"]
        return ", ".join(words)


_SINCE = {DelayPer.REPLY: "message", DelayPer.CONNECTION: "accept"}


def _check_fits(name: str, framing: Framing, reply: bytes) -> None:
    """Raise FieldError for a reply whose length the framing cannot tell."""
    try:
        framing.wrap(reply)
    except ValueError as error:
        raise FieldError(name, str(error)) from None


def _decision(delay: float, fault: Fault | None, *, obeyed: bool | None = None) -> Decision:
    if fault is not None:
        delay = min(LONGEST_TIME, delay * fault.times)
    return Decision(delay, fault, obeyed)
