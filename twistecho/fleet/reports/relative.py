"""Requirements of a comparison, such as ``p99 <= +5%``: limits of the change of a figure.

A requirement is the name of a figure of `comparison`, one of ``<  <=  >  >=``, and a percentage
with its sign: by how much the second target may differ from the first. It is judged by the
interval: met if all of the interval meets it, missed if none does, and undecided otherwise.
"""

import re
from dataclasses import dataclass

from twistecho.base.notation import TextEnum

from .comparison import FIGURES
from .findings import Compared, Comparison

_REQUIREMENT = re.compile(
    r"\s*(?P<name>[^\s<>=!]+)\s*(?P<operator><=|>=|<|>)\s*"
    r"(?P<number>[+-]?[0-9]{1,9}(\.[0-9]{1,9})?)\s*%\s*",
    re.ASCII,
)
_FULL = 100.0


class Answer(TextEnum):
    """Whether a requirement was met."""

    MET = "met"
    MISSED = "missed"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Relative:
    """A figure, and the bound of its ratio: an upper one with ``is_most``, or a lower one."""

    name: str
    bound: float
    is_most: bool
    text: str

    def __str__(self) -> str:
        """Return its text."""
        return self.text

    def check(self, comparison: Comparison) -> Answer:
        """Return whether the second target of a comparison meets it."""
        figure = comparison.figure(self.name)
        if self.name == "failures" and not figure.two and self.is_most:
            return Answer.MET  # no failures are within any upper bound
        if figure.bounds is None:
            return Answer.UNDECIDED
        return self._judged(*figure.bounds)

    def _judged(self, low: float, high: float) -> Answer:
        if self.is_most:
            low, high, bound = -high, -low, -self.bound
        else:
            bound = self.bound
        return Answer.MET if low >= bound else Answer.MISSED if high < bound else Answer.UNDECIDED


def parse_relative(text: str) -> Relative:
    """Read a requirement. Raises ValueError, in one line, for an invalid one."""
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text[:60]!r} is not like 'p99 <= +5%': a figure, <= or >=, a change in per cent"
        )
    if match["name"] not in FIGURES:
        raise ValueError(f"{match['name'][:40]!r} is not one of {', '.join(FIGURES)}")
    bound = 1 + float(match["number"]) / _FULL
    if bound < 0:
        raise ValueError(f"{match['number']}% is below -100%")
    is_most = match["operator"].startswith("<")
    return Relative(match["name"], bound, is_most, " ".join(text.split()))


def say_answer(requirement: Relative, answer: Answer, figure: Compared) -> str:
    """Return a line with a requirement, its answer and the figure."""
    if figure.ratio is None or figure.bounds is None:
        why = figure.problem or "no failures in either"
    else:
        low, high = figure.bounds
        why = f"{percent(low)} to {percent(high)}"
    return f"{answer}: {requirement} (is {why})"


def percent(ratio: float) -> str:
    """Write a ratio as a change in per cent with its sign."""
    change = (ratio - 1) * _FULL
    digits = 0 if abs(change) >= _FULL else 1 if abs(change) >= 1 else 2
    return f"{change:+,.{digits}f} %"
