"""The two distributions that comparisons need: Student's t and the binomial, by bisection.

The standard library has only the normal distribution, and a statistics library is a hundred times
as large as this module.
"""

from collections.abc import Callable
from math import atan, comb, cos, exp, lgamma, log, log1p, pi, sin, sqrt, tan

_STEPS = 200  # halvings: more than the bits of a float
_EXACT = 500  # up to this count, exact binomial coefficients are summed


def student_share(t: float, freedom: int) -> float:
    """Return the share of Student's t, with ``freedom`` degrees of freedom, between -t and t.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4.
    """
    angle = atan(t / sqrt(freedom))
    turn, odd = cos(angle) ** 2, freedom % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for at in range(2 if odd else 1, freedom, 2):
        total += term
        term *= turn * at / (at + 1)
    share = sin(angle) * total
    return 2 / pi * (angle + share) if odd else share


def student_quantile(confidence: float, freedom: int) -> float:
    """Return the t for which the share ``confidence`` of Student's t lies between -t and t."""
    angle = _bisect(
        lambda angle: student_share(tan(angle), freedom) < confidence, 0.0, pi / 2 - 1e-9
    )
    return tan(angle)


def binomial_interval(hits: int, count: int, confidence: float) -> tuple[float, float]:
    """Return the exact confidence interval of a probability after ``hits`` hits in ``count``.

    Source: Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of
    the binomial, Biometrika 26 (1934).
    """
    outside = (1 - confidence) / 2
    low, high = 0.0, 1.0
    if hits:
        low = _bisect(lambda p: 1 - _at_most(hits - 1, count, p) < outside, 0.0, 1.0)
    if hits < count:
        high = _bisect(lambda p: _at_most(hits, count, p) > outside, 0.0, 1.0)
    return low, high


def _at_most(hits: int, count: int, p: float) -> float:
    """Return the probability of at most ``hits`` hits."""
    if p in {0.0, 1.0}:
        return float(p == 0.0 or hits >= count)
    if count <= _EXACT:
        return sum(comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(hits + 1))
    ways = lgamma(count + 1)
    return sum(
        exp(ways - lgamma(k + 1) - lgamma(count - k + 1) + k * log(p) + (count - k) * log1p(-p))
        for k in range(hits + 1)
    )


def _bisect(is_below: Callable[[float], bool], low: float, high: float) -> float:
    """Return where ``is_below`` becomes false."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if is_below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2
