r"""What a message asks for itself, where the service allows it: ``!delay 2 hello``.

    !delay SECONDS   this reply is held so long, whatever the service's delay
    !KIND[,option]   this message meets that fault: !reset  !close,at=middle  !drip,pause=5ms
    !none            this message meets no fault

The word ends at a space, at the end of a line or at the end of the message; the whole message, the
word included, is what the reply is to. What begins with ``!`` and is none of these is an ordinary
message. No time may be above `LONGEST`: it is the peer that chooses it.
"""

import re
from dataclasses import dataclass

from twistecho.base.duration import parse_seconds

from .fault import Fault, Kind
from .parsing import parse_fault

LONGEST = 3600.0
"""The longest time, in seconds, that a message may ask for."""

MARK = b"!"
"""What a message that wants to be obeyed begins with."""

_DELAY = re.compile(r"!delay (?P<seconds>\S+)(?:\s.*)?", re.DOTALL | re.ASCII)
_WORD = re.compile(r"!(?P<word>\S+)(?:\s.*)?", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class Script:
    """What a message chose: a delay in seconds, or a fault; neither is: no fault."""

    delay: float | None = None
    fault: Fault | None = None


def parse_script(message: bytes) -> Script:
    """Read the control word that a message begins with. Raises ValueError if it is none."""
    text = message.decode("latin-1")  # what follows the word may be anything
    if match := _DELAY.fullmatch(text):
        return Script(delay=_bounded(parse_seconds(match["seconds"])))
    match = _WORD.fullmatch(text)
    if match is None:
        raise ValueError("no control word")
    if match["word"] == "none":
        return Script()
    fault = parse_fault(match["word"], scheduled=False)
    if fault.kind is Kind.REFUSE:
        raise ValueError("a connection that has sent a message cannot be refused")
    _bounded(fault.seconds)
    return Script(fault=fault)


def _bounded(seconds: float) -> float:
    if seconds > LONGEST:
        raise ValueError(f"{seconds:g} s is longer than {LONGEST:g}")
    return seconds
