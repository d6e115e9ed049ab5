"""A comparison and the verdict on it: a value, written as JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from .findings import Compared, Comparison
from .relative import Answer, Relative

SCHEMA = 1
"""The version of the JSON form; it grows when a reader of the old form would misread it."""

UNDECIDED = 3
"""The exit code where a requirement is undecided, or a report cannot be believed."""


@dataclass(frozen=True)
class Side:
    """One of the two compared sides: its name, and the target of its clients."""

    name: str
    target: str


@dataclass(frozen=True)
class Judged:
    """Two sides, their comparison, and the answers to the requirements.

    ``seconds`` is the part of a slice that counts. ``smallest`` has, by figure, the smallest ratio
    that is detected as a difference, and ``alike`` is the first side compared with itself, where
    that was measured. ``invalid`` has the reasons why the figures cannot be believed, ``failed``
    describes the failed clients; ``broken`` means that all clients of one side failed. ``notes``
    have further remarks on the figures.
    """

    sides: tuple[Side, Side]
    comparison: Comparison
    seconds: float
    answers: tuple[tuple[Relative, Answer], ...] = ()
    alike: Comparison | None = None
    smallest: Mapping[str, float] = field(default_factory=dict)
    invalid: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    broken: bool = False
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code of a command that shows it: 1 missed, `UNDECIDED`, else 0."""
        answers = {answer for _, answer in self.answers}
        if self.invalid:
            return UNDECIDED
        if self.broken:
            return 1
        return 1 if Answer.MISSED in answers else UNDECIDED if Answer.UNDECIDED in answers else 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "schema": SCHEMA,
            "sides": [{"name": side.name, "target": side.target} for side in self.sides],
            "pairs": self.comparison.pairs,
            "slice_seconds": self.seconds,
            "differs": self.comparison.differs,
            "figures": {each.name: _to_dict(each) for each in self.comparison.figures},
            "requirements": [
                {"requirement": str(required), "answer": str(answer)}
                for required, answer in self.answers
            ],
            "first_against_itself": None
            if self.alike is None
            else {each.name: _to_dict(each) for each in self.alike.figures},
            "smallest_ratios": dict(self.smallest),
            "invalid": list(self.invalid),
            "failed": list(self.failed),
            "notes": list(self.notes),
            "interrupted": self.interrupted,
        }

    def to_json(self) -> str:
        """Write it as JSON text."""
        return json.dumps(self.to_dict(), indent=2)


def answer_all(
    requirements: Iterable[Relative], comparison: Comparison
) -> tuple[tuple[Relative, Answer], ...]:
    """Check every requirement."""
    return tuple((required, required.check(comparison)) for required in requirements)


def _to_dict(figure: Compared) -> dict[str, Any]:
    """Return a figure as JSON data; null stands for infinity, which JSON lacks."""
    values = {
        "first": figure.one,
        "second": figure.two,
        "ratio": figure.ratio,
        "low": figure.low,
        "high": figure.high,
    }
    return {
        **{
            name: value if value is None or isfinite(value) else None
            for name, value in values.items()
        },
        "pairs": figure.pairs,
        "finding": str(figure.finding),
        "marked": figure.marked,
        "problem": figure.problem,
    }
