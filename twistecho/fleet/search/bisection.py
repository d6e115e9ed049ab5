"""The next rate to try: first by doubling or halving, then by bisection.

A rate that does not pass is tried once more before it bounds the search. Between the highest rate
that passed and the lowest that did not, the geometric mean is tried next, until the two differ by
no more than a given fraction.
"""

from math import ceil, log10, sqrt

from twistecho.fleet.reports.highest_rate import is_narrow

_STEP = 2.0
_TRIES = 2


class Bisection:
    """The search for the highest rate that passes, between ``least`` and ``most``, from ``first``.

    ``rate`` is the next one to try; None if the search is over.
    """

    def __init__(self, first: float, least: float, most: float, precision: float) -> None:
        self._least, self._most, self._precision = least, most, precision
        self._low: float | None = None
        self._high: float | None = None
        self._failed = 0
        self.rate: float | None = min(max(first, least), most)

    def tell(self, *, passed: bool) -> None:
        """Record whether ``rate`` passed, and set the next one. Raises ValueError after the end."""
        if self.rate is None:
            raise ValueError("the search is over")
        if passed:
            self._low = self.rate
        else:
            self._failed += 1
            if self._failed < _TRIES:
                return
            self._high = self.rate
        self._failed = 0
        self.rate = self._next()

    def _next(self) -> float | None:
        low, high = self._low, self._high
        if low is None:
            assert high is not None  # noqa: S101 - one of the two was set
            return None if high <= self._least else max(self._least, high / _STEP)
        if high is None:
            return None if low >= self._most else min(self._most, low * _STEP)
        if is_narrow(low, high, self._precision):
            return None
        return self._between(low, high)

    def _between(self, low: float, high: float) -> float:
        """Return the geometric mean, rounded to as few digits as keep it between the two."""
        middle = sqrt(low * high)
        digits = ceil(-log10(self._precision)) + 1 - ceil(log10(middle))
        rounded = round(middle, digits)
        return rounded if low < rounded < high else middle
