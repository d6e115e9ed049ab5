"""What a whole service does to its messages: an immutable value that decides about each of them.

A decision is a pure function of the number of the connection, from 0 in the order of accept, the
number of the message on it, from 0, and what the message says, where the service listens to that.
So whoever has the scenario can say beforehand what each client meets.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from twistecho.base.notation import LONGEST_TIME, check_time
from twistecho.base.reply_formats import MESSAGE_SIZE, ReplyFormat, longest_reply
from twistecho.base.seeding import uniform

from .delay import NO_DELAY, Constant, Delay, DelayPer
from .fault import Fault, pieces_of
from .faults import NO_FAULTS, Faults
from .parsing import MARK, bounded, parse_in_band


class Decision(NamedTuple):
    """What becomes of one message.

    Its reply is held for ``delay`` seconds from its arrival and meets ``fault``, if there is one.
    ``obeyed`` tells whether its in-band word was understood; None where it has none.
    """

    delay: float
    fault: Fault | None = None
    obeyed: bool | None = None


@dataclass(frozen=True)
class Scenario:
    """The format of replies, how long they are held, and what goes wrong.

    ``in_band`` lets messages ask for a delay or a fault themselves. Raises ValueError for a fault
    that multiplies the delay of a reply where there is none, or makes it longer than anybody waits.
    """

    reply: ReplyFormat = ReplyFormat.STAMPED
    delay: Delay = NO_DELAY
    delay_per: DelayPer = DelayPer.REPLY
    faults: Faults = NO_FAULTS
    in_band: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot come about."""
        self.faults.multiply(self.delay.longest if self.delays_replies else 0.0)
        if self.faults.faults:
            check_time(self.longest)

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
        return bool(self.faults.faults or self.in_band)

    @cached_property
    def same_for_all(self) -> Decision | None:
        """The decision about every message, where there is only one."""
        return None if self.may_fail else self._without_fault

    @cached_property
    def _without_fault(self) -> Decision | None:
        """The decision about every message that meets no fault, where there is only one."""
        if not self.delays_replies:
            return Decision(0.0)
        return Decision(self.delay.longest) if isinstance(self.delay, Constant) else None

    def hold(self, connection: int) -> float:
        """Say how long a connection is held before it is read, in seconds."""
        return self.delay.seconds(connection, 0) if self.holds else 0.0

    def refusal(self, connection: int) -> Fault | None:
        """Give the fault that meets a connection as it is accepted, if one does."""
        return self.faults.of_connection(connection)

    def decide(self, connection: int, number: int, message: bytes) -> Decision:
        """Say what becomes of a message."""
        fault = self.faults.of_message(connection, number, message)
        if self.in_band and message.startswith(MARK):
            return self._decide_in_band(connection, number, message, fault)
        if fault is None and self._without_fault is not None:
            return self._without_fault
        return _decision(self._delay_of(connection, number), fault)

    def _delay_of(self, connection: int, number: int) -> float:
        return self.delay.seconds(connection, number) if self.delays_replies else 0.0

    def _decide_in_band(
        self, connection: int, number: int, message: bytes, fault: Fault | None
    ) -> Decision:
        """Do what the message asks for; if it is not understood, what it would have met."""
        delay = self._delay_of(connection, number)
        try:
            asked = parse_in_band(message)
            if asked.fault is not None:
                self._bound(asked.fault, delay, len(message))
        except ValueError:
            return _decision(delay, fault, obeyed=False)
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
    def seed(self) -> int | None:
        """What is drawn is drawn from this; None where nothing is drawn."""
        drawn_from = self.faults if self.faults.faults else self.delay
        return getattr(drawn_from, "seed", None)  # a delay of the user's own may have none

    @property
    def is_numbered(self) -> bool:
        """Whether the number of a connection says what becomes of it."""
        return self.may_fail or self.seed is not None

    @property
    def longest(self) -> float:
        """How long a reply can be held, by its delay and by faults, in seconds."""
        return self.faults.longest(self.delay.longest, longest_reply(self.reply, MESSAGE_SIZE))

    def describe(self) -> str:
        """Say in a few words when replies come, and what goes wrong."""
        words = ["no delay"]
        if self.delay.longest:
            words = [f"{self.delay} after each {_SINCE[self.delay_per]}"]
        words += [f"faults {self.faults}"] if self.faults.faults else []
        words += ["in-band control words"] if self.in_band else []
        words += [] if self.seed is None else [f"seed {self.seed}"]
        return ", ".join(words)


_SINCE = {DelayPer.REPLY: "message", DelayPer.CONNECTION: "accept"}


def _decision(delay: float, fault: Fault | None, *, obeyed: bool | None = None) -> Decision:
    if fault is not None:
        delay = min(LONGEST_TIME, delay * fault.times)
    return Decision(delay, fault, obeyed)
