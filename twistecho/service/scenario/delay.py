"""How long a reply waits.

A delay is a function of the number of the connection and the number of the message on it, both
counted from 0. It returns seconds. It has no state: the same arguments give the same delay.
"""

import math
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import NormalDist
from typing import Protocol

from twistecho.base.notation import LONGEST_TIME, check_time, parse_seconds
from twistecho.base.seeding import HIGHEST, block, uniform

_NORMAL = NormalDist()

_PURPOSE = "delay"
"""The purpose under which delays are drawn; see `seeding`."""


class Distribution(Protocol):
    """A distribution of seconds, 0 or more."""

    @property
    def bounded(self) -> bool:
        """Whether there is a longest delay: the quantile at 1."""

    @property
    def mean(self) -> float:
        """The mean, in seconds."""

    def quantile(self, at: float) -> float:
        """Return the seconds that a fraction ``at`` of all delays does not exceed."""


@dataclass(frozen=True)
class Uniform:
    """Equally likely from ``low`` to ``high`` seconds. Raises ValueError if ``low`` is greater."""

    low: float
    high: float
    bounded = True

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if self.low > self.high:
            raise ValueError(f"uniform: {self.low:g} is above {self.high:g}")

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return (self.low + self.high) / 2

    def quantile(self, at: float) -> float:
        """Return the quantile, in seconds."""
        return self.low + (self.high - self.low) * at


@dataclass(frozen=True)
class Exponential:
    """Exponentially distributed, ``mean`` in seconds. Raises ValueError for a mean of 0."""

    mean: float
    bounded = False

    def __post_init__(self) -> None:
        """Refuse invalid parameters."""
        if self.mean <= 0:
            raise ValueError("exponential: the mean must be above 0")
        _refuse_endless(self)

    def quantile(self, at: float) -> float:
        """Return the quantile, in seconds; ``at`` is below 1."""
        return -self.mean * math.log1p(-at)


@dataclass(frozen=True)
class LogNormal:
    """Log-normally distributed, ``median`` in seconds.

    ``sigma`` is the standard deviation of the delay's natural logarithm. Raises ValueError for a
    median of 0 and a negative sigma.
    """

    median: float
    sigma: float
    bounded = False

    def __post_init__(self) -> None:
        """Refuse invalid parameters."""
        if self.median <= 0:
            raise ValueError("lognormal: the median must be above 0")
        if not self.sigma >= 0:
            raise ValueError(f"lognormal: sigma {self.sigma:g} is not 0 or more")
        _refuse_endless(self)

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return self.median * math.exp(self.sigma**2 / 2)

    def quantile(self, at: float) -> float:
        """Return the quantile, in seconds; ``at`` is below 1."""
        return self.median * math.exp(self.sigma * _NORMAL.inv_cdf(at)) if at > 0 else 0.0


@dataclass(frozen=True)
class Choice:
    """One of several ``delays`` in seconds, with the probabilities ``chances``.

    Raises ValueError where the probabilities do not add up to 1.
    """

    delays: tuple[float, ...]
    chances: tuple[float, ...]
    bounded = True

    def __post_init__(self) -> None:
        """Refuse probabilities that do not add up to 1."""
        total = math.fsum(self.chances)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"choice: the probabilities add up to {total:g}, not to 1")

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return math.fsum(d * c for d, c in zip(self.delays, self.chances, strict=True))

    def quantile(self, at: float) -> float:
        """Return the quantile, in seconds; the delays are taken in ascending order."""
        pairs = sorted(zip(self.delays, self.chances, strict=True))
        possible = [(delay, chance) for delay, chance in pairs if chance]
        reached = accumulate(chance for _, chance in possible)
        found = (delay for (delay, _), up_to in zip(possible, reached, strict=True) if at < up_to)
        return next(found, possible[-1][0])


def _refuse_endless(distribution: Distribution) -> None:
    """Raise ValueError where the greatest delay that can be drawn is not a finite number."""
    try:
        endless = not math.isfinite(distribution.quantile(HIGHEST))
    except OverflowError:
        endless = True
    if endless:
        raise ValueError("the longest delay is not a finite number")


class Delay(Protocol):
    """How long each reply is held, in seconds."""

    @property
    def longest(self) -> float:
        """The longest delay, in seconds."""

    def seconds(self, connection: int, message: int) -> float:
        """Return the delay of one reply, in seconds, never negative."""


@dataclass(frozen=True)
class Constant:
    """The same delay for every reply, in seconds. Raises ValueError for an invalid time.

    ``text`` is the text that it was read from, if any.
    """

    longest: float
    text: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a negative time, NaN, and a time above `LONGEST_TIME`."""
        check_time(self.longest)

    def seconds(self, connection: int, message: int) -> float:  # noqa: ARG002 - a constant needs neither
        """Return the delay, in seconds."""
        return self.longest

    def __str__(self) -> str:
        """Return the number of seconds as text, for display."""
        return f"{self.longest:g} s"


NO_DELAY = Constant(0.0)
"""No delay: replies are not held."""


def parse_delay(text: str) -> Constant:
    """Read a constant delay, as on the command line: ``2``, ``20ms``.

    Raises ValueError with one line that says why. Delays that vary are read in `parsing`.
    """
    return Constant(parse_seconds(text), text)


LONGEST_QUANTILE = 0.999
"""The quantile that counts as the longest delay of an unbounded distribution."""

LONGEST_AWAITED = 3600.0
"""The most, in seconds, that may count as the longest delay of an unbounded distribution."""


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest delay, in seconds. Raises ValueError if ``low`` is greater."""

    low: float = 0.0
    high: float = LONGEST_TIME

    def __post_init__(self) -> None:
        """Refuse bounds that no delay satisfies."""
        if self.low > self.high:
            raise ValueError(f"min {self.low:g} is above max {self.high:g}")

    def keep(self, seconds: float) -> float:
        """Return the delay, clamped to the bounds."""
        return min(self.high, max(self.low, seconds))


@dataclass(frozen=True)
class Drawn:
    """A delay drawn for each reply: a pure function of seed, connection and message.

    ``text`` is the text that it was read from.
    """

    distribution: Distribution
    bounds: Bounds
    seed: int
    text: str

    @property
    def longest(self) -> float:
        """The longest delay, in seconds; if unbounded the 99.9 % quantile, at most 1 hour."""
        if self.distribution.bounded:
            return self.bounds.keep(self.distribution.quantile(1.0))
        if self.bounds.high < LONGEST_TIME:
            return self.bounds.high
        return min(LONGEST_AWAITED, self.bounds.keep(self.distribution.quantile(LONGEST_QUANTILE)))

    def seconds(self, connection: int, message: int) -> float:
        """Return the delay of one reply, in seconds."""
        drawn = uniform(self.seed, _PURPOSE, connection, message)
        return self.bounds.keep(self.distribution.quantile(drawn))

    def of_block(self, connection: int, number: int) -> tuple[float, ...]:
        """Return the delays of eight replies, in seconds: one block, as `seeding` draws it."""
        bounds, quantile = self.bounds, self.distribution.quantile
        low, high = bounds.low, bounds.high
        drawn = [quantile(at) for at in block(self.seed, _PURPOSE, connection, number)]
        return tuple([each if low <= each <= high else bounds.keep(each) for each in drawn])

    def __str__(self) -> str:
        """Return the text that the delay was read from."""
        return self.text


@dataclass(frozen=True)
class Trace:
    """Delays in seconds, one per reply of a connection, repeated after the last."""

    delays: tuple[float, ...]
    text: str

    @property
    def longest(self) -> float:
        """The longest delay, in seconds."""
        return max(self.delays)

    def seconds(self, connection: int, message: int) -> float:  # noqa: ARG002 - the same for all connections
        """Return the delay of one reply, in seconds."""
        return self.delays[message % len(self.delays)]

    def __str__(self) -> str:
        """Return the text that the delay was read from."""
        return self.text


AskedDelay = Constant | Drawn | Trace
"""A delay with its ``text``, from which another process can read it again."""
