"""Two targets side by side, slice by slice: by how much they differ, and how sure that is.

A *slice* is a stretch of time in which one target was measured; each is paired with one of the
other target. Of rate and latencies it is the middle of the logarithms of the ratios that counts,
and its interval follows from how much the pairs differ among themselves: see `Method`. Of
failures, which are few, the slices in which clients failed are counted; under no difference each of
them is as probably one of either target, so that their share is binomial. Source: Przyborowski and
Wilenski, Homogeneity of results in testing samples from Poisson series, Biometrika 31 (1940).

The intervals of all figures hold *together* with 95 %: each is one of 99 %, as Bonferroni has it.
So a figure differs exactly where its interval says so, and five figures of two equal targets show a
difference in no more than one comparison of twenty.
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
_WIDEST = 700.0  # of a logarithm: a float holds its power


def needed_for(percent: float) -> int:
    """Say how many messages a slice must have for a percentile: one of them is beyond it."""
    return ceil(100 / (100 - percent))


class Method(NamedTuple):
    """How the middle of the pairs' differences is found: those of rates, and of latencies."""

    rate: MiddleOf
    times: MiddleOf


IN_TURNS = Method(mean_of_differences, median_of_differences)
"""For slices of two targets that took turns: their rates on average, latencies of most slices.

What both slices of a pair had in common has gone, and which of them came first was drawn.
"""

ONE_AFTER_THE_OTHER = Method(mean_of_series, mean_of_series)
"""For slices of two runs, each of which was one stretch of time."""


@dataclass(frozen=True)
class Slice:
    """What one target did in ``seconds``: messages answered, response times, clients that failed.

    ``times`` has those percentiles, in seconds, for which there were messages enough.
    """

    seconds: float
    answered: int
    times: Mapping[str, float]
    failures: int = 0

    @property
    def rate(self) -> float:
        """Messages answered a second."""
        return self.answered / self.seconds


Pairs = Sequence[tuple[Slice, Slice]]
"""Slices of the first target, each with one of the second."""

Doubts = Mapping[str, tuple[float, float]]
"""By a figure's name, between which factors its ratio may be changed by the fleet's own share."""


def compare(
    pairs: Pairs,
    method: Method = IN_TURNS,
    doubts: Doubts | None = None,
    *,
    fewest: int = FEWEST_PAIRS,
) -> Comparison:
    """Compare two targets by their slices; of fewer pairs than ``fewest`` without intervals."""
    figures = [_rate(pairs, method.rate), *(_time(name, pairs, method.times) for name in TIMES)]
    doubted = [replace(each, doubt=(doubts or {}).get(each.name)) for each in figures]
    sure = [_unless_few(each, fewest) for each in doubted]
    return Comparison(len(pairs), (*sure, _failures(pairs)))


def _unless_few(figure: Compared, fewest: int) -> Compared:
    """Give the figure without its interval where the pairs are too few to be sure."""
    if figure.pairs >= fewest or figure.problem is not None:
        return figure
    problem = f"{figure.pairs} of {fewest} pairs that it takes"
    return replace(figure, low=None, high=None, problem=problem)


def _rate(pairs: Pairs, middle_of: MiddleOf) -> Compared:
    """Compare the means of the rates: a slice without a message is one of them."""
    ones, twos = [one.rate for one, _ in pairs], [two.rate for _, two in pairs]
    one, two = (fmean(rates) if rates else None for rates in (ones, twos))
    figure = Compared("rate", one, two, len(pairs))
    if not one or not two:
        return replace(figure, problem="nothing was answered")
    centre = log(two / one)
    # How much each pair moves the logarithm of the ratio of means: the delta method.
    moved = [centre + b / two - a / one for a, b in zip(ones, twos, strict=True)]
    return _with_interval(figure, moved, middle_of)


def _time(name: str, pairs: Pairs, middle_of: MiddleOf) -> Compared:
    """Compare a percentile by its middle over the slices that have it."""
    both = [
        (log(one.times[name]), log(two.times[name]))
        for one, two in pairs
        if one.times.get(name) and two.times.get(name)
    ]
    if len(both) < min(max(len(pairs), 1), FEWEST_PAIRS):
        needed = needed_for(TIMES[name])
        problem = f"{len(both)} pairs of slices have the {needed:,} messages that it takes"
        return Compared(name, None, None, len(both), problem=problem)
    figure = Compared(name, None, None, len(both))
    figure = _with_interval(figure, [b - a for a, b in both], middle_of)
    # Both are as far from what they have in common: a median of ratios is no ratio of medians.
    common = _middle([(a + b) / 2 for a, b in both], middle_of)
    half = log(figure.ratio or 1.0) / 2
    return replace(figure, one=_power(common - half), two=_power(common + half))


def _middle(values: Sequence[float], middle_of: MiddleOf) -> float:
    return middle_of(values, _CONFIDENCE).centre if len(values) > 1 else values[0]


def _with_interval(figure: Compared, differences: Sequence[float], middle_of: MiddleOf) -> Compared:
    """Give the figure with its ratio and, of two pairs or more, the interval."""
    if len(differences) < 2:
        return replace(figure, ratio=_power(differences[0]))
    centre, low, high = map(_power, middle_of(differences, _CONFIDENCE))
    return replace(figure, ratio=centre, low=low, high=high)


def _power(logarithm: float) -> float:
    return exp(max(-_WIDEST, min(logarithm, _WIDEST)))


def _failures(pairs: Pairs) -> Compared:
    """Compare how many slices clients failed in, which is exact however few they are."""
    one, two = sum(one.failures for one, _ in pairs), sum(two.failures for _, two in pairs)
    hit = sum(bool(one.failures) for one, _ in pairs), sum(bool(two.failures) for _, two in pairs)
    if not sum(hit):
        return Compared("failures", one, two, len(pairs))
    ratio = hit[1] / hit[0] if hit[0] else inf
    shares = binomial_interval(hit[1], sum(hit), _CONFIDENCE)
    low, high = (share / (1 - share) if share < 1 else inf for share in shares)
    return Compared("failures", one, two, len(pairs), ratio, low, high)


def smallest(alike: Pairs, pairs: int, method: Method = IN_TURNS) -> Mapping[str, float]:
    """Say from which ratio on a difference is seen in so many pairs, by the figure's name.

    ``alike`` are pairs of slices of one and the same target, half as many as a rule. Figures of
    which there are fewer than two pairs are left out.
    """
    found = {}
    for name in ("rate", *TIMES):
        both = [(_value(one, name), _value(two, name)) for one, two in alike]
        once = [log(two / one) for one, two in both if one and two]
        # With the other sign each would have been as probable.
        values = [*once, *(-value for value in once)]
        if len(once) > 1 and pairs:
            middle_of = method.rate if name == "rate" else method.times
            half = middle_of(values, _CONFIDENCE).half_width
            found[name] = _power(half * sqrt(len(values) / pairs))
    return found


def _value(one: Slice, name: str) -> float | None:
    return one.rate if name == "rate" else one.times.get(name)
