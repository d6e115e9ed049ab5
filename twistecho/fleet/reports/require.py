"""What a run is required to find: ``p99 < 5ms``, ``failed == 0``, ``rate > 10k/s``.

A requirement is the name of a figure (see `readings`), one of ``<  <=  >  >=  ==  !=``, and a
number. A time has a unit, ``us``, ``ms``, ``s`` or ``min``; a count may end in ``k`` or ``M``;
bytes in ``B``, ``KiB``, ``MiB`` or ``GiB``; a rate is either of these with or without ``/s``; a
share is a fraction, or a percentage with ``%``. Spaces are free.

A figure that there is nothing to tell of, such as the latency of no reply, meets no requirement.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from .figures import Reading, Unit, read, unit_of
from .report import Report

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_COUNTS = {"": 1.0, "k": 1e3, "M": 1e6}
_BYTES = {"": 1.0, "B": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
_FACTORS = {
    Unit.COUNT: _COUNTS,
    Unit.SECONDS: {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0},
    Unit.BYTES: _BYTES,
    Unit.RATE: _COUNTS | {f"{unit}/s": factor for unit, factor in _COUNTS.items()},
    Unit.BYTE_RATE: _BYTES | {f"{unit}/s": factor for unit, factor in _BYTES.items() if unit},
    Unit.SHARE: {"": 1.0, "%": 0.01},
}
_REQUIREMENT = re.compile(
    r"\s*(?P<name>[^\s<>=!]+)\s*(?P<operator><=|>=|==|!=|<|>)\s*"
    r"(?P<number>[0-9]{1,15}(\.[0-9]{1,15})?)\s*(?P<unit>[A-Za-z%/]*)\s*",
    re.ASCII,
)


@dataclass(frozen=True)
class Requirement:
    """A figure, how it must compare, and with what; ``limit`` is in seconds, bytes, a fraction."""

    name: str
    operator: str
    limit: float
    text: str

    def __str__(self) -> str:
        """Give it as it was written."""
        return self.text

    def check(self, report: Report) -> "Result":
        """Tell what a report has to say to it."""
        actual = read(report, self.name)
        met = actual.value is not None and _OPERATORS[self.operator](actual.value, self.limit)
        return Result(self, actual, met)


@dataclass(frozen=True)
class Result:
    """Whether a requirement was met, and by which figure."""

    requirement: Requirement
    actual: Reading
    met: bool

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{'met' if self.met else 'missed'}: {self.requirement} (is {self.actual})"


def parse_requirement(text: str) -> Requirement:
    """Read a requirement. Raises ValueError, in one line, saying what is wrong with it."""
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r} is not like 'p99 < 5ms': a figure, a comparison, a number")
    name, unit = match["name"], match["unit"]
    kind = unit_of(name)
    factors = _FACTORS[kind]
    number = float(match["number"])
    if unit not in factors and (unit or number):
        known = ", ".join(factor for factor in factors if factor)
        wrong = f"{unit!r} is no unit of it" if unit else "its unit is missing"
        raise ValueError(f"{text.strip()[:60]!r}: {name} is {kind.value}, and {wrong}: {known}")
    limit = number * factors.get(unit, 1.0)
    return Requirement(name, match["operator"], limit, " ".join(text.split()))
