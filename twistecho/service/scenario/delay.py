"""How long a reply waits.

A delay is asked for by the number of the connection and of the message on it, both counted from
0, and answers in seconds; it holds no state, so the same question always has the same answer.
"""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from twistecho.base.duration import parse_seconds


class DelayPer(str, Enum):
    """What is delayed; the values are the names used on the command line.

    ``reply``: each reply, from the arrival of its message. ``connection``: each connection once,
    from accept, during which nothing is read (the notebook's ``sleep(5)`` in its threaded server).
    """

    REPLY = "reply"
    CONNECTION = "connection"

    def __str__(self) -> str:
        """Give the name alone, as options and reports show it."""
        return self.value


class Delay(Protocol):
    """How long each reply is held, in seconds."""

    @property
    def longest(self) -> float:
        """The longest delay that can be given, in seconds."""

    def seconds(self, connection: int, message: int) -> float:
        """Give the delay of one reply, in seconds, never negative."""


@dataclass(frozen=True)
class Constant:
    """The same delay for every reply, in seconds. Raises ValueError if it cannot be waited for."""

    longest: float

    def __post_init__(self) -> None:
        """Refuse what is negative, infinite or no number."""
        if not math.isfinite(self.longest) or self.longest < 0:
            raise ValueError(f"{self.longest:g} is not a number of seconds, 0 or more")

    def seconds(self, connection: int, message: int) -> float:  # noqa: ARG002 - a constant needs neither
        """Give the delay, in seconds."""
        return self.longest

    def __str__(self) -> str:
        """Give the delay as it is written on the command line."""
        return f"{self.longest:g} s"


NO_DELAY = Constant(0.0)
"""Replies are not held."""


def parse_delay(text: str) -> Delay:
    """Read a delay that is always the same, as the command line gives it: ``2``, ``20ms``.

    Raises ValueError with one line that says why. Delays that vary are read in `delays`.
    """
    return Constant(parse_seconds(text))
