"""Delays that vary from reply to reply: drawn from a distribution, or taken from a trace."""

import math
from dataclasses import dataclass

from twistecho.base.seeding import uniform

from .distribution import Distribution

LONGEST_QUANTILE = 0.999
"""Which delay counts as the longest of a distribution that has none."""

LONGEST_AWAITED = 3600.0
"""The most, in seconds, that the longest delay of a distribution without a bound can count as."""


@dataclass(frozen=True)
class Bounds:
    """What no delay is below or above, in seconds. Raises ValueError where they are swapped."""

    low: float = 0.0
    high: float = math.inf

    def __post_init__(self) -> None:
        """Refuse bounds that nothing satisfies."""
        if self.low > self.high:
            raise ValueError(f"min {self.low:g} is above max {self.high:g}")

    def keep(self, seconds: float) -> float:
        """Give the delay, or the bound that it is beyond."""
        return min(self.high, max(self.low, seconds))


@dataclass(frozen=True)
class Drawn:
    """A delay drawn for each reply: a pure function of seed, connection and message.

    ``text`` is the delay as it was asked for.
    """

    distribution: Distribution
    bounds: Bounds
    seed: int
    text: str

    @property
    def longest(self) -> float:
        """The longest delay, in seconds; without an upper bound the 99.9 % quantile, to 1 hour."""
        if self.distribution.bounded:
            return self.bounds.keep(self.distribution.quantile(1.0))
        if self.bounds.high < math.inf:
            return self.bounds.high
        return min(LONGEST_AWAITED, self.bounds.keep(self.distribution.quantile(LONGEST_QUANTILE)))

    def seconds(self, connection: int, message: int) -> float:
        """Give the delay of one reply, in seconds."""
        drawn = uniform(self.seed, "delay", connection, message)
        return self.bounds.keep(self.distribution.quantile(drawn))

    def __str__(self) -> str:
        """Give the delay as it was asked for."""
        return self.text


@dataclass(frozen=True)
class Trace:
    """Delays in seconds, one for each reply of a connection, over and over."""

    delays: tuple[float, ...]
    text: str

    @property
    def longest(self) -> float:
        """The longest delay, in seconds."""
        return max(self.delays)

    def seconds(self, connection: int, message: int) -> float:  # noqa: ARG002 - alike for all
        """Give the delay of one reply, in seconds."""
        return self.delays[message % len(self.delays)]

    def __str__(self) -> str:
        """Give the delay as it was asked for."""
        return self.text
