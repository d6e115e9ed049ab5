"""A decision about one message: when its reply leaves, its content, and what goes wrong."""

from collections.abc import Callable
from typing import NamedTuple

from twistecho.base.networks import Address
from twistecho.base.notation import LONGEST_TIME
from twistecho.base.reply_formats import ReplyFormat, longest_reply

from .answers import On
from .fault import Fault
from .parsing import InBand, bounded, parse_in_band

Limited = Fault | On
"""A fault or an answer, which may have a limit."""

Take = Callable[[Limited], bool]
"""Counts one use of a fault or answer with a limit; returns whether the limit allows it."""


def always(_limited: Limited) -> bool:
    """Allow every use. See `Take`."""
    return True


class Decision(NamedTuple):
    """The decision about one message.

    Its reply is held for ``delay`` seconds from its arrival; ``fault``, if there is one, applies to
    it. ``obeyed`` is whether its in-band word was understood; None where it has none. ``content``
    replaces the reply of the reply format; ``close`` ends the connection after the reply.
    """

    delay: float
    fault: Fault | None = None
    obeyed: bool | None = None
    content: bytes | None = None
    close: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the reply is that of the reply format, and nothing else happens."""
        return self.fault is None and self.content is None and not self.close


class Place(NamedTuple):
    """A message and its position: the arguments of `Scenario.decide`."""

    connection: int
    number: int
    message: bytes
    peer: Address | None
    take: Take


BANNER = -1
"""The message number of the banner, which precedes all messages."""


def decision(delay: float, fault: Fault | None, *, obeyed: bool | None = None) -> Decision:
    """Make a decision of a delay, in seconds, and a fault, which may multiply the delay."""
    if fault is not None:
        delay = min(LONGEST_TIME, delay * fault.times)
    return Decision(delay, fault, obeyed)


def asked_for(message: bytes, delay: float, reply: ReplyFormat) -> InBand:
    """Read the request of a message, whose reply, of format ``reply``, is held ``delay`` seconds.

    Raises ValueError where the word is not understood, or where a fault would hold the reply too
    long: the time that it adds counts in full, on top of the delay. The delay alone is not checked:
    it is the service's own.
    """
    asked = parse_in_band(message)
    if asked.fault is not None:
        longer = asked.fault.slowdown(delay, longest_reply(reply, len(message)))
        if longer:
            bounded(delay + longer)
    return asked
