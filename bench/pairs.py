"""Pairs of runs, old and new in turn: the median of their ratios, and its interval."""

from collections.abc import Iterator, Sequence
from math import comb
from statistics import median
from typing import NamedTuple

CONFIDENCE = 0.95
FEWEST_PAIRS = 6
"""With fewer pairs, the median lies outside of all values in more than one case of twenty."""


class Pair(NamedTuple):
    """The cost of one run of each version, one right after the other."""

    old: float
    new: float


class Comparison(NamedTuple):
    """The median ratio, new over old, with its interval, and the medians of both versions."""

    ratio: float
    low: float
    high: float
    old: float
    new: float
    pairs: int


def orders(count: int) -> Iterator[tuple[str, str]]:
    """Yield the order of each pair: old first, then new first, then old first again.

    So a machine that slows down or recovers meanwhile favours neither.
    """
    for number in range(count):
        yield ("new", "old") if number % 2 else ("old", "new")


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return two of the values between which the median lies, whatever their distribution is.

    The number of values above the true median is binomial with probability 1/2. Raises ValueError
    for fewer than `FEWEST_PAIRS` values.
    """
    count = len(values)
    if count < FEWEST_PAIRS:
        raise ValueError(f"{count} values; at least {FEWEST_PAIRS} are needed")
    ordered = sorted(values)
    left_out = 0
    while _coverage(count, left_out + 1) >= CONFIDENCE:
        left_out += 1
    return ordered[left_out], ordered[-1 - left_out]


def _coverage(count: int, left_out: int) -> float:
    """Return the probability that the median is inside if ``left_out`` are cut at each end."""
    outside = sum(comb(count, heads) for heads in range(left_out + 1))
    return float(1 - 2 * outside / 2**count)


def compare(pairs: Sequence[Pair]) -> Comparison:
    """Reduce the pairs of one case."""
    ratios = [pair.new / pair.old for pair in pairs]
    old, new = (median(side) for side in zip(*pairs, strict=True))
    return Comparison(median(ratios), *interval(ratios), old, new, len(pairs))
