"""Confidence intervals of the mean, or of the median, of a series of differences.

Messages wait in queues behind each other, and so are not independent: therefore the differences are
between slices of time. Whether slices are independent depends on how they were taken.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations_with_replacement
from math import cos, pi, sqrt
from statistics import NormalDist, fmean, median, stdev
from typing import NamedTuple

from .quantiles import student_quantile

_MOST_WAVES = 4
_EXACT = 60  # the most differences for which all combinations of signs are counted


class Middle(NamedTuple):
    """The middle of some differences, and its confidence interval."""

    centre: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


MiddleOf = Callable[[Sequence[float], float], Middle]
"""Returns the middle of two or more differences, and its interval at the given confidence."""


def mean_of_differences(differences: Sequence[float], confidence: float) -> Middle:
    """Return the mean of differences whose signs are independent of each other, or nearly so.

    Source: Student, The probable error of a mean, Biometrika 6 (1908).
    """
    count = len(differences)
    error = stdev(differences) / sqrt(count)
    return _around(fmean(differences), error, count - 1, confidence)


def median_of_differences(differences: Sequence[float], confidence: float) -> Middle:
    """Return the median of differences whose signs are independent of each other.

    A few outliers have little influence on it. If the order within each pair was drawn at random,
    and there is no difference, both signs are equally likely: then the interval is exact for any
    distribution of the differences.

    Source: Hodges and Lehmann, Estimates of location based on rank tests, Annals of Mathematical
    Statistics 34 (1963): the median of the means of any two, and Wilcoxon's signed ranks for its
    interval; Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, section 3.3.
    """
    means = sorted((a + b) / 2 for a, b in combinations_with_replacement(differences, 2))
    outside = min(_ranks_outside(len(differences), confidence), (len(means) - 1) // 2)
    return Middle(median(means), means[outside], means[-1 - outside])


def mean_of_series(differences: Sequence[float], confidence: float) -> Middle:
    """Return the mean of a series in time, in which values may depend on earlier ones.

    The variance is estimated from the slowest waves in the series: equally weighted cosines. The
    source uses 0.4 n^(2/3) of them. Here there are at most four: with more, a drift over the whole
    series, which is in the first wave, would contribute too little to the variance.

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
    """Return how many of the pairwise means are outside the interval at each end."""
    beyond = (1 - confidence) / 2
    if count > _EXACT:
        mean, spread = count * (count + 1) / 4, sqrt(count * (count + 1) * (2 * count + 1) / 24)
        return max(0, int(mean - NormalDist().inv_cdf(1 - beyond) * spread))
    ways = [1]  # the number of combinations of signs for each sum of ranks
    for rank in range(1, count + 1):
        more = [0] * rank
        ways = [a + b for a, b in zip(ways + more, more + ways, strict=True)]
    outside, found = 0, ways[0]
    while found <= beyond * 2**count:
        outside += 1
        found += ways[outside]
    return max(0, outside - 1)
