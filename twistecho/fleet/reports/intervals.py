"""Where the middle of a series of differences truly is: intervals of a mean, or of a median.

Messages follow each other in queues, and so are not independent: what is counted here are slices of
time. Whether slices are independent depends on how they were taken.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations_with_replacement
from math import cos, pi, sqrt
from statistics import NormalDist, fmean, median, stdev
from typing import NamedTuple

from .quantiles import student_quantile

_MOST_WAVES = 4
_EXACT = 60  # differences, up to which all signs are counted


class Middle(NamedTuple):
    """The middle of some differences, and the interval that the true one is in."""

    centre: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """How far the interval goes to each side, on average."""
        return (self.high - self.low) / 2


MiddleOf = Callable[[Sequence[float], float], Middle]
"""Gives the middle of two differences or more, with the confidence that is asked for."""


def mean_of_differences(differences: Sequence[float], confidence: float) -> Middle:
    """Give the mean of differences whose signs are independent of each other, or nearly so.

    Source: Student, The probable error of a mean, Biometrika 6 (1908).
    """
    count = len(differences)
    error = stdev(differences) / sqrt(count)
    return _around(fmean(differences), error, count - 1, confidence)


def median_of_differences(differences: Sequence[float], confidence: float) -> Middle:
    """Give the median of differences whose signs are independent of each other.

    A few that are far away have little bearing on it. Where the order of what is compared was
    drawn, each sign is as probable as the other one if there is no difference: the interval is
    exact then, however the differences are distributed.

    Source: Hodges and Lehmann, Estimates of location based on rank tests, Annals of Mathematical
    Statistics 34 (1963): the median of the means of any two, and Wilcoxon's signed ranks for its
    interval; Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, section 3.3.
    """
    means = sorted((a + b) / 2 for a, b in combinations_with_replacement(differences, 2))
    outside = min(_ranks_outside(len(differences), confidence), (len(means) - 1) // 2)
    return Middle(median(means), means[outside], means[-1 - outside])


def mean_of_series(differences: Sequence[float], confidence: float) -> Middle:
    """Give the mean of a series in time, in which one may depend on those before.

    The variance is that of the slowest waves in the series: equally weighted cosines. The source
    has 0.4 n^(2/3) of them. Here there are four at most: with more a drift over the whole series,
    which is in the first one, would be too small a part of the variance.

    Source: Lazarus, Lewis, Stock and Watson, HAR inference: recommendations for practice, Journal
    of Business & Economic Statistics 36 (2018), the estimator EWC.
    """
    count, mean = len(differences), fmean(differences)
    waves = max(1, min(int(0.4 * count ** (2 / 3)), _MOST_WAVES))
    power = 0.0
    for wave in range(1, waves + 1):
        step = pi * wave / count
        power += sum((x - mean) * cos(step * (at + 0.5)) for at, x in enumerate(differences)) ** 2
    return _around(mean, sqrt(2 * power / waves) / count, waves, confidence)


def _around(mean: float, error: float, freedom: int, confidence: float) -> Middle:
    half = student_quantile(confidence, freedom) * error
    return Middle(mean, mean - half, mean + half)


@cache
def _ranks_outside(count: int, confidence: float) -> int:
    """Say how many of the means of any two are left out at each end of an interval."""
    beyond = (1 - confidence) / 2
    if count > _EXACT:
        mean, spread = count * (count + 1) / 4, sqrt(count * (count + 1) * (2 * count + 1) / 24)
        return max(0, int(mean - NormalDist().inv_cdf(1 - beyond) * spread))
    ways = [1]  # in how many ways signs give each sum of ranks
    for rank in range(1, count + 1):
        more = [0] * rank
        ways = [a + b for a, b in zip(ways + more, more + ways, strict=True)]
    outside, found = 0, ways[0]
    while found <= beyond * 2**count:
        outside += 1
        found += ways[outside]
    return max(0, outside - 1)
