"""Requirements of a report: how they are written, and whether they are met.

A requirement, ``p99 < 5ms``, ``failed == 0``, ``rate > 10k/s``, is the name of a figure (see
`figures`; ``connect p99`` is another way to write ``connect.p99``), one of
``<  <=  >  >=  ==  !=``, and a number. A time has a unit, ``us``, ``ms``, ``s``, ``min`` or ``h``;
a count may end in ``k`` or ``M``; bytes in ``B``, ``KiB``, ``MiB`` or ``GiB``; a rate is either of
these with or without ``/s``; a share is a fraction, or a percentage with ``%``. Spaces are
optional. A figure without a value, such as the latency without a reply, meets no requirement. A
marked figure (see `own_share`) meets or misses a requirement only if it would also do so without
the fleet's own share; otherwise the requirement is undecided, and the report is invalid.

``stage 2: p99 < 5ms`` applies to the second stage of a load in stages.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from twistecho.fleet.plans.plan import Plan

from .figures import Reading, Unit, doubt_of, read, stage_and_figure, unit_of
from .own_share import OwnShare
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
    Unit.SECONDS: {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0},
    Unit.BYTES: _BYTES,
    Unit.RATE: _COUNTS | {f"{unit}/s": factor for unit, factor in _COUNTS.items()},
    Unit.BYTE_RATE: _BYTES | {f"{unit}/s": factor for unit, factor in _BYTES.items() if unit},
    Unit.SHARE: {"": 1.0, "%": 0.01},
}
_REQUIREMENT = re.compile(
    r"\s*(stage\s+(?P<stage>[0-9]{1,9})\s*:\s*)?"
    r"(?P<name>([a-z_]+\s+(?=[mp]))?[^\s<>=!]+)\s*(?P<operator><=|>=|==|!=|<|>)\s*"
    r"(?P<number>[0-9]{1,15}(\.[0-9]{1,15})?)\s*(?P<unit>[A-Za-z%/]*)\s*",
    re.ASCII,
)


@dataclass(frozen=True)
class Requirement:
    """A figure, an operator and a limit; ``limit`` is in seconds or bytes, or is a fraction."""

    name: str
    operator: str
    limit: float
    text: str

    def __str__(self) -> str:
        """Return its text."""
        return self.text

    @property
    def stage(self) -> int | None:
        """The number of the stage that it applies to; None for the whole load."""
        return stage_and_figure(self.name)[0]

    def problem_with(self, plan: Plan) -> str | None:
        """Return in one line why no run of a plan can meet it, or None."""
        stages = len(plan.stages or ())
        if self.stage is None or 1 <= self.stage <= stages:
            return None
        last = f"the last one is {stages}" if stages else "the load has none"
        return f"{self.text[:60]!r}: there is no stage {self.stage}, {last}"

    def check(self, report: Report) -> "Result":
        """Return whether a report meets it, with the figure."""
        actual = read(report, self.name)
        met = self._is_met(actual.value)
        doubt = doubt_of(report, self.name)
        if doubt is None or actual.value is None:
            return Result(self, actual, met)
        decided = self._is_met(actual.value - doubt.seconds) == met
        return Result(self, actual, met and decided, None if decided else doubt)

    def _is_met(self, value: float | None) -> bool:
        return value is not None and _OPERATORS[self.operator](value, self.limit)


@dataclass(frozen=True)
class Result:
    """Whether a requirement was met, and by which figure.

    ``doubt`` is the fleet's own share of the figure, if it leaves the requirement undecided.
    """

    requirement: Requirement
    actual: Reading
    met: bool
    doubt: OwnShare | None = None

    def __str__(self) -> str:
        """Return the result as one line."""
        return f"{self.answer}: {self.requirement} (is {self.actual}{self._own})"

    @property
    def answer(self) -> str:
        """The answer in a word: met, missed or undecided."""
        return "undecided" if self.doubt else "met" if self.met else "missed"

    @property
    def _own(self) -> str:
        if self.doubt is None:
            return ""
        return f", of which {self.doubt} is the fleet's own"

    @property
    def missed(self) -> bool:
        """Whether the requirement was certainly missed."""
        return not (self.met or self.doubt)


def parse_requirement(text: str) -> Requirement:
    """Read a requirement. Raises ValueError, in one line, for an invalid one."""
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r} is not like 'p99 < 5ms': a figure, a comparison, a number")
    name, unit = ".".join(match["name"].split()), match["unit"]
    if match["stage"]:
        name = f"stage {int(match['stage'])}: {name}"
    kind = unit_of(name)
    factors = _FACTORS[kind]
    number = float(match["number"])
    if unit not in factors and (unit or number):
        known = ", ".join(factor for factor in factors if factor)
        wrong = f"{unit!r} is not a unit of it" if unit else "its unit is missing"
        raise ValueError(f"{text.strip()[:60]!r}: {name} is {kind.value}, and {wrong}: {known}")
    limit = number * factors.get(unit, 1.0)
    return Requirement(name, match["operator"], limit, " ".join(text.split()))
