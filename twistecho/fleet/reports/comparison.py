"""Two targets compared slice by slice: by how much they differ, and with what confidence.

A *slice* is a period of time in which one target was measured; each is paired with a slice of the
other target. Rates and latencies are compared by the middle of the logarithms of their ratios; its
interval follows from the spread of the pairs: see `Method`. Failures are rare, so the slices in
which clients failed are counted. Without a difference each of these is equally likely to be of
either target, so their share is binomial. Source: Przyborowski and Wilenski, Homogeneity of results
in testing samples from Poisson series, Biometrika 31 (1940).

The confidence of all intervals *together* is 95 %: each interval has 99 % (Bonferroni). A figure
differs if its interval excludes no change. For two equal targets at most one comparison in twenty
shows a difference in any of the five figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, exp, inf, log, sqrt
from statistics import fmean
from typing import NamedTuple

from .findings import FEWEST_PAIRS, Compared, Comparison
from .intervals import MiddleOf, mean_of_differences, mean_of_series, median_of_differences
from .quantiles import binomial_interval

TIMES = {"p50": 50.0, "p90": 90.0, "p99": 99.0}
"""The percentiles of the response time that are compared."""

FIGURES = ("rate", *TIMES, "failures")
"""The figures that are compared."""

_CONFIDENCE = 1 - 0.05 / len(FIGURES)
_WIDEST = 700.0  # the largest logarithm whose exponential fits into a float


def needed_for(percent: float) -> int:
    """Return how many messages a slice needs for a percentile, so that one is beyond it."""
    return ceil(100 / (100 - percent))


class Method(NamedTuple):
    """How the middle of the pairs' differences is computed, for rates and for latencies."""

    rate: MiddleOf
    times: MiddleOf


IN_TURNS = Method(mean_of_differences, median_of_differences)
"""For slices of two targets that took turns: the mean for rates, the median for latencies.

Common influences on a pair cancel out, and the order within each pair was drawn at random.
"""

ONE_AFTER_THE_OTHER = Method(mean_of_series, mean_of_series)
"""For slices of two runs, each without interruption."""


@dataclass(frozen=True)
class Slice:
    """One target's results in ``seconds``: messages answered, response times, failed clients.

    ``times`` has the percentiles, in seconds, for which there were enough messages.
    """

    seconds: float
    answered: int
    times: Mapping[str, float]
    failures: int = 0

    @property
    def rate(self) -> float:
        """Messages answered per second."""
        return self.answered / self.seconds


Pairs = Sequence[tuple[Slice, Slice]]
"""Slices of the first target, each paired with a slice of the second."""

Doubts = Mapping[str, tuple[float, float]]
"""By a figure's name: the lowest and highest factor by which the own share may distort it."""


def compare(
    pairs: Pairs,
    method: Method = IN_TURNS,
    doubts: Doubts | None = None,
    *,
    fewest: int = FEWEST_PAIRS,
) -> Comparison:
    """Compare two targets by their slices; with fewer pairs than ``fewest`` without intervals."""
    figures = [_rate(pairs, method.rate), *(_time(name, pairs, method.times) for name in TIMES)]
    doubted = [replace(each, doubt=(doubts or {}).get(each.name)) for each in figures]
    sure = [_unless_few(each, fewest) for each in doubted]
    return Comparison(len(pairs), (*sure, _failures(pairs)))


def _unless_few(figure: Compared, fewest: int) -> Compared:
    """Return the figure, without its interval if there are too few pairs."""
    if figure.pairs >= fewest or figure.problem is not None:
        return figure
    problem = f"{figure.pairs} of the {fewest} pairs needed"
    return replace(figure, low=None, high=None, problem=problem)


def _rate(pairs: Pairs, middle_of: MiddleOf) -> Compared:
    """Compare the means of the rates, slices without a message included."""
    ones, twos = [one.rate for one, _ in pairs], [two.rate for _, two in pairs]
    one, two = (fmean(rates) if rates else None for rates in (ones, twos))
    figure = Compared("rate", one, two, len(pairs))
    if not one or not two:
        return replace(figure, problem="nothing was answered")
    centre = log(two / one)
    # Each pair's effect on the logarithm of the ratio of means: the delta method.
    moved = [centre + b / two - a / one for a, b in zip(ones, twos, strict=True)]
    return _with_interval(figure, moved, middle_of)


def _time(name: str, pairs: Pairs, middle_of: MiddleOf) -> Compared:
    """Compare a percentile by the middle of its differences, in the pairs that have it."""
    both = [
        (log(one.times[name]), log(two.times[name]))
        for one, two in pairs
        if one.times.get(name) and two.times.get(name)
    ]
    if len(both) < min(max(len(pairs), 1), FEWEST_PAIRS):
        needed = needed_for(TIMES[name])
        problem = f"{len(both)} pairs of slices have the {needed:,} messages needed"
        return Compared(name, None, None, len(both), problem=problem)
    figure = Compared(name, None, None, len(both))
    figure = _with_interval(figure, [b - a for a, b in both], middle_of)
    # Shown values must have the computed ratio: a median of ratios is no ratio of medians.
    common = _middle([(a + b) / 2 for a, b in both], middle_of)
    half = log(figure.ratio or 1.0) / 2
    return replace(figure, one=_power(common - half), two=_power(common + half))


def _middle(values: Sequence[float], middle_of: MiddleOf) -> float:
    return middle_of(values, _CONFIDENCE).centre if len(values) > 1 else values[0]


def _with_interval(figure: Compared, differences: Sequence[float], middle_of: MiddleOf) -> Compared:
    """Return the figure with its ratio and, for two pairs or more, its interval."""
    if len(differences) < 2:
        return replace(figure, ratio=_power(differences[0]))
    centre, low, high = map(_power, middle_of(differences, _CONFIDENCE))
    return replace(figure, ratio=centre, low=low, high=high)


def _power(logarithm: float) -> float:
    return exp(max(-_WIDEST, min(logarithm, _WIDEST)))


def _failures(pairs: Pairs) -> Compared:
    """Compare the numbers of slices in which clients failed; exact even for few slices."""
    one, two = sum(one.failures for one, _ in pairs), sum(two.failures for _, two in pairs)
    hit = sum(bool(one.failures) for one, _ in pairs), sum(bool(two.failures) for _, two in pairs)
    if not sum(hit):
        return Compared("failures", one, two, len(pairs))
    ratio = hit[1] / hit[0] if hit[0] else inf
    shares = binomial_interval(hit[1], sum(hit), _CONFIDENCE)
    low, high = (share / (1 - share) if share < 1 else inf for share in shares)
    return Compared("failures", one, two, len(pairs), ratio, low, high)


def smallest(alike: Pairs, pairs: int, method: Method = IN_TURNS) -> Mapping[str, float]:
    """Return the smallest ratio that ``pairs`` pairs detect as a difference, by figure name.

    ``alike`` are pairs of slices of the same target, usually half as many. Figures with fewer than
    two pairs are left out.
    """
    found = {}
    for name in ("rate", *TIMES):
        both = [(_value(one, name), _value(two, name)) for one, two in alike]
        once = [log(two / one) for one, two in both if one and two]
        # The opposite sign would have been equally likely.
        values = [*once, *(-value for value in once)]
        if len(once) > 1 and pairs:
            middle_of = method.rate if name == "rate" else method.times
            half = middle_of(values, _CONFIDENCE).half_width
            found[name] = _power(half * sqrt(len(values) / pairs))
    return found


def _value(one: Slice, name: str) -> float | None:
    return one.rate if name == "rate" else one.times.get(name)
