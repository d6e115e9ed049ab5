"""How delays are spread: distributions of seconds, each given by its quantiles.

A quantile function turns a number drawn from [0, 1) into a delay, so that one drawn number is all
that a delay needs, and the longest delay to be expected is simply a high quantile.
"""

import math
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from typing import Protocol

from twistecho.base.seeding import HIGHEST

_NORMAL = NormalDist()


class Distribution(Protocol):
    """A distribution of seconds, 0 or more."""

    @property
    def bounded(self) -> bool:
        """Whether there is a longest delay; then it is the quantile at 1."""

    @property
    def mean(self) -> float:
        """The mean, in seconds."""

    def quantile(self, at: float) -> float:
        """Give the seconds that a share ``at`` of all delays does not exceed."""


@dataclass(frozen=True)
class Uniform:
    """Equally likely from ``low`` to ``high`` seconds. Raises ValueError where they are swapped."""

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
        """Give the quantile, in seconds."""
        return self.low + (self.high - self.low) * at


@dataclass(frozen=True)
class Exponential:
    """Without memory, with a ``mean`` in seconds. Raises ValueError for a mean of 0."""

    mean: float
    bounded = False

    def __post_init__(self) -> None:
        """Refuse what is no distribution."""
        if self.mean <= 0:
            raise ValueError("exponential: the mean must be above 0")
        _refuse_endless(self)

    def quantile(self, at: float) -> float:
        """Give the quantile, in seconds; ``at`` is below 1."""
        return -self.mean * math.log1p(-at)


@dataclass(frozen=True)
class LogNormal:
    """The exponential of a normal: half of the delays are above ``median``, in seconds.

    ``sigma`` is the standard deviation of the delay's natural logarithm. Raises ValueError for a
    median of 0 and a negative sigma.
    """

    median: float
    sigma: float
    bounded = False

    def __post_init__(self) -> None:
        """Refuse what is no distribution."""
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
        """Give the quantile, in seconds; ``at`` is below 1."""
        return self.median * math.exp(self.sigma * _NORMAL.inv_cdf(at)) if at > 0 else 0.0


@dataclass(frozen=True)
class Choice:
    """One of some ``delays`` in seconds, each with its chance.

    Raises ValueError where the chances do not add up to 1.
    """

    delays: tuple[float, ...]
    chances: tuple[float, ...]
    bounded = True

    def __post_init__(self) -> None:
        """Refuse chances that are no distribution."""
        total = math.fsum(self.chances)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"choice: the probabilities add up to {total:g}, not to 1")

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return math.fsum(d * c for d, c in zip(self.delays, self.chances, strict=True))

    def quantile(self, at: float) -> float:
        """Give the quantile, in seconds; the delays are taken in ascending order."""
        pairs = sorted(zip(self.delays, self.chances, strict=True))
        possible = [(delay, chance) for delay, chance in pairs if chance]
        reached = accumulate(chance for _, chance in possible)
        found = (delay for (delay, _), up_to in zip(possible, reached, strict=True) if at < up_to)
        return next(found, possible[-1][0])


def _refuse_endless(distribution: Distribution) -> None:
    """Raise ValueError where the greatest delay that can be drawn is no number of seconds."""
    try:
        endless = not math.isfinite(distribution.quantile(HIGHEST))
    except OverflowError:
        endless = True
    if endless:
        raise ValueError("such delays are too long to be numbers")
