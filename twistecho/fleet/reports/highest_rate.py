"""The highest rate that a target sustains: what the steps of a search say of it. A value, and JSON.

The rate is that of the highest step that passed. Between it and the lowest one that did not, twice,
nothing was tried. Where that was the limit of the fleet, or of its clients, or where nothing
higher was to be tried, the target can do *at least* that.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log, log1p, log2
from typing import Any

from twistecho.fleet.plans.plan import Plan

from .rate_step import Limit, RateStep
from .requirements import Requirement
from .verdict import INVALID

SCHEMA = 1
"""The version of the JSON form; it grows when a reader of the old form would be misled."""


@dataclass(frozen=True)
class HighestRate:
    """What a search has found: its ``steps`` in the order in which they were taken.

    ``plan`` is that of every step but for its rate. Rates from ``least`` to ``most`` were to be
    tried, until the rates of the highest step that passed and the lowest that did not differed by
    no more than ``precision``, a fraction. Where it ended early it was ``interrupted``.
    """

    target: str
    plan: Plan
    requirements: tuple[Requirement, ...]
    least: float
    most: float
    precision: float
    steps: tuple[RateStep, ...]
    interrupted: bool = False

    @property
    def below(self) -> RateStep | None:
        """The highest step that passed."""
        return highest_that_passed(self.steps)

    @property
    def above(self) -> RateStep | None:
        """The lowest of the steps that did not pass when they were repeated."""
        return lowest_that_failed(self.steps)

    @property
    def unreachable(self) -> str | None:
        """Why no client was connected in the last step; None where one was."""
        return self.steps[-1].unreachable if self.steps else None

    @property
    def broken(self) -> str | None:
        """What became of a part of the fleet that ended early, and the search with it."""
        return self.steps[-1].broken if self.steps else None

    @property
    def rate(self) -> float | None:
        """The highest rate that was sustained, in messages a second; None where none was."""
        return None if self.below is None else self.below.rate

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Between which two rates the highest one is; None where there is no bound."""
        above = self.above
        bounds_it = above is not None and self.limit is Limit.TARGET
        return self.rate, above.rate if above is not None and bounds_it else None

    @property
    def limit(self) -> Limit | None:
        """What kept the rate from being higher; None where that was not found out."""
        if self.above is not None:
            return self.above.limit(*(step for step in self.steps if step.passed))
        return Limit.MAX_RATE if self.rate == self.most else None

    @property
    def at_least(self) -> bool:
        """Whether the target may well sustain more than the rate that was found."""
        return self.rate is not None and (not self.narrow or self.limit is not Limit.TARGET)

    @property
    def narrow(self) -> bool:
        """Whether the search has come to its end."""
        if self.above is None or self.rate is None:
            return False
        return is_narrow(self.rate, self.above.rate, self.precision)

    @property
    def exit_code(self) -> int:
        """What a command ends with that shows it: 0 where a rate was found.

        `INVALID` where not even the least one could be offered, 1 where it did not pass.
        """
        if self.unreachable or self.broken:
            return 1
        if self.rate is None:
            return INVALID if self.limit in {Limit.FLEET, Limit.CLIENTS} else 1
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "schema": SCHEMA,
            "target": self.target,
            "rate": self.rate,
            "interval": list(self.interval),
            "at_least": self.at_least,
            "limit": None if self.limit is None else str(self.limit),
            "unreachable": self.unreachable,
            "broken": self.broken,
            "interrupted": self.interrupted,
            "requirements": [str(requirement) for requirement in self.requirements],
            "min_rate": self.least,
            "max_rate": self.most,
            "precision": self.precision,
            "plan": self.plan.to_dict(),
            "steps": [step.to_dict() for step in self.steps],
        }

    def to_json(self) -> str:
        """Write it as JSON text."""
        return json.dumps(self.to_dict(), indent=2)


def highest_that_passed(steps: Iterable[RateStep]) -> RateStep | None:
    """Give the step with the highest rate that passed."""
    passed = [step for step in steps if step.passed]
    return max(passed, key=lambda step: step.rate, default=None)


def lowest_that_failed(steps: Sequence[RateStep]) -> RateStep | None:
    """Give the last step at the lowest rate that did not pass twice; who was interrupted has not.

    A rate that passed the second time has passed.
    """
    failed = [step for step in steps if not step.passed and not step.report.interrupted]
    tries = Counter(step.rate for step in failed)
    twice = [step for step in failed if tries[step.rate] > 1]
    return min(reversed(twice), key=lambda step: step.rate, default=None)


def rates_left(steps: Sequence[RateStep], precision: float) -> int | None:
    """Say how many rates are still to be tried, at least; None before there are two bounds."""
    below, above = highest_that_passed(steps), lowest_that_failed(steps)
    if below is None or above is None or above.rate <= below.rate:
        return None
    apart = log(above.rate / below.rate) / log1p(precision)
    return max(0, ceil(log2(apart)))


def by_rate(steps: Sequence[RateStep]) -> list[RateStep]:
    """Give the last step of each rate that has some, in the order of the rates."""
    last = {step.rate: step for step in steps if not step.report.interrupted}
    return [last[rate] for rate in sorted(last)]


def is_narrow(low: float, high: float, precision: float) -> bool:
    """Say whether two rates differ by no more than a fraction of the lower one."""
    return high <= low * (1 + precision)
