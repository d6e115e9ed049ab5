"""A decision about one message: when its reply leaves, what it says, and what goes wrong."""

from collections.abc import Callable
from typing import NamedTuple

from twistecho.base.networks import Address
from twistecho.base.notation import LONGEST_TIME
from twistecho.base.reply_formats import ReplyFormat, longest_reply

from .answers import On
from .fault import Fault
from .parsing import InBand, bounded, parse_in_band

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


class Place(NamedTuple):
    """A message, and where it stands: see `Scenario.decide`."""

    connection: int
    number: int
    message: bytes
    peer: Address | None
    take: Take


BANNER = -1
"""The number of the banner, which is sent before there is a message."""


def decision(delay: float, fault: Fault | None, *, obeyed: bool | None = None) -> Decision:
    """Decide for a delay, in seconds, and a fault, which may multiply it."""
    if fault is not None:
        delay = min(LONGEST_TIME, delay * fault.times)
    return Decision(delay, fault, obeyed)


def asked_for(message: bytes, delay: float, reply: ReplyFormat) -> InBand:
    """Read what a message asks for, whose reply, of a format, is held for ``delay`` seconds.

    Raises ValueError where it is not understood, or would be held too long: the times of a fault
    count as a whole, on top of the delay. That alone may be longer: it is the service's own.
    """
    asked = parse_in_band(message)
    if asked.fault is not None:
        longer = asked.fault.slowdown(delay, longest_reply(reply, len(message)))
        if longer:
            bounded(delay + longer)
    return asked
