"""How large messages are, in bytes: always the same, or drawn from a distribution.

``1k``, ``uniform:64,4k``, ``lognormal:median=1k,sigma=1[,min=64][,max=16k]``; ``k`` is 1,000 and
``Ki`` 1,024.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import exp
from statistics import NormalDist
from typing import Protocol

from twistecho.base.notation import Spec, number, parse_bytes, parse_spec

MOST_SIZE = 16 * 2**20
"""The largest size that may be requested, in bytes."""

MOST_DRAWN = 64 * 2**10
"""The default upper bound of an unbounded distribution, in bytes."""

_MOST_SIGMA = 20.0
_LONGEST_TEXT = 200
_NEXT_TO_ZERO = 5e-324
"""The smallest number above 0; at 0 a normal distribution has no quantile."""

_normal_quantile = NormalDist().inv_cdf


class Sizes(Protocol):
    """The sizes of messages, in bytes, all from ``least`` to ``most``."""

    @property
    def least(self) -> int:
        """The smallest size."""

    @property
    def most(self) -> int:
        """The largest size."""

    def quantile(self, at: float) -> int:
        """Return the size that a share ``at`` (below 1) of all messages does not exceed."""


@dataclass(frozen=True)
class Fixed:
    """All messages have ``least`` bytes."""

    least: int

    @property
    def most(self) -> int:
        """The same."""
        return self.least

    def quantile(self, at: float) -> int:  # noqa: ARG002 - it is always the same
        """Return the size."""
        return self.least


@dataclass(frozen=True)
class Uniform:
    """Each size from ``least`` to ``most`` equally likely. Raises ValueError where swapped."""

    least: int
    most: int

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if self.least > self.most:
            raise ValueError(f"uniform: {self.least} is above {self.most}")

    def quantile(self, at: float) -> int:
        """Return the quantile."""
        return self.least + int(at * (self.most - self.least + 1))


@dataclass(frozen=True)
class LogNormal:
    """Log-normally distributed sizes: half of the messages are larger than ``median``.

    ``sigma`` is the standard deviation of the size's natural logarithm. A size outside the bounds
    becomes the nearer bound. Raises ValueError where these contradict each other.
    """

    median: int
    sigma: float
    least: int = 1
    most: int = MOST_DRAWN

    def __post_init__(self) -> None:
        """Refuse parameters out of range."""
        if not 0 <= self.sigma <= _MOST_SIGMA:
            raise ValueError(f"lognormal: sigma {self.sigma:g} is not 0 to {_MOST_SIGMA:g}")
        if not self.least <= self.median <= self.most:
            raise ValueError(
                f"lognormal: the median, {self.median}, is not from min, {self.least}, "
                f"to max, {self.most}"
            )

    def quantile(self, at: float) -> int:
        """Return the quantile."""
        # Finite even with the largest sigma and the largest number that can be drawn.
        size = round(self.median * exp(self.sigma * _normal_quantile(at or _NEXT_TO_ZERO)))
        if size > self.most:
            return self.most
        return max(self.least, size)


def _size(text: str) -> int:
    """Read a number of bytes, from 1 to `MOST_SIZE`. Raises ValueError."""
    try:
        size = parse_bytes(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number of bytes: 64, 1k, 64Ki") from None
    if not 1 <= size <= MOST_SIZE:
        raise ValueError(f"{text[:40]} is not 1 byte or more, {MOST_SIZE:,} at most")
    whole = round(size)
    if abs(size - whole) > 1e-6:
        raise ValueError(f"{text[:40]} is not a whole number of bytes")
    return whole


def _uniform(spec: Spec) -> Uniform:
    if len(spec.values) != 2 or spec.options:
        raise ValueError("uniform: it takes two sizes: uniform:64,4k")
    low, high = map(_size, spec.values)
    return Uniform(low, high)


_OF_LOGNORMAL: Mapping[str, Callable[[str], float]] = {
    "median": _size,
    "sigma": number,
    "min": _size,
    "max": _size,
}


def _lognormal(spec: Spec) -> LogNormal:
    read = spec.read(_OF_LOGNORMAL)
    if spec.values or not {"median", "sigma"} <= read.keys():
        raise ValueError("lognormal: it takes a median and a sigma: lognormal:median=1k,sigma=1")
    least, most = int(read.get("min", 1)), int(read.get("max", MOST_DRAWN))
    return LogNormal(int(read["median"]), read["sigma"], least, most)


_KINDS: Mapping[str, Callable[[Spec], Sizes]] = {"uniform": _uniform, "lognormal": _lognormal}


@lru_cache(64)
def parse_sizes(text: str) -> Sizes:
    """Read sizes: see the module's docstring. Raises ValueError, in one line, for anything else."""
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"{text[:40]!r}... is longer than {_LONGEST_TEXT} characters")
    name, colon, _ = text.partition(":")
    if name in _KINDS:
        return _KINDS[name](parse_spec(text))
    if colon or not name[:1].isdecimal():
        raise ValueError(f"{text[:40]!r} is not 1k, uniform:64,4k or lognormal:median=1k,sigma=1")
    return Fixed(_size(text))
