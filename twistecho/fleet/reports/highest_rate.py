"""The highest rate that a target sustains, from the steps of a search: a value, and its JSON.

The result is the rate of the highest step that passed. No rate was tried between it and the lowest
one that failed twice. Where the fleet or its clients were the limit, or no higher rate was allowed,
the target sustains *at least* this rate.
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
"""The version of the JSON form; it grows when a reader of the old form would misread it."""


@dataclass(frozen=True)
class HighestRate:
    """The result of a search: its ``steps`` in the order in which they were taken.

    ``plan`` is the plan of every step, except for the rate. The search tries rates from ``least``
    to ``most``, until the highest rate that passed and the lowest that failed differ by at most
    ``precision``, a fraction. ``interrupted`` is whether it was ended early.
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
        """The lowest of the steps that failed twice."""
        return lowest_that_failed(self.steps)

    @property
    def unreachable(self) -> str | None:
        """Why no client could connect in the last step; None where one could."""
        return self.steps[-1].unreachable if self.steps else None

    @property
    def broken(self) -> str | None:
        """Why a part of the fleet ended early, which ended the search; None if none did."""
        return self.steps[-1].broken if self.steps else None

    @property
    def rate(self) -> float | None:
        """The highest sustained rate, in messages per second; None where none was sustained."""
        return None if self.below is None else self.below.rate

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The lower and upper bound of the highest rate; None where there is no bound."""
        above = self.above
        bounds_it = above is not None and self.limit is Limit.TARGET
        return self.rate, above.rate if above is not None and bounds_it else None

    @property
    def limit(self) -> Limit | None:
        """The limit of the rate; None if unknown."""
        if self.above is not None:
            return self.above.limit(*(step for step in self.steps if step.passed))
        return Limit.MAX_RATE if self.rate == self.most else None

    @property
    def at_least(self) -> bool:
        """Whether the target may sustain more than the rate found."""
        return self.rate is not None and (not self.narrow or self.limit is not Limit.TARGET)

    @property
    def narrow(self) -> bool:
        """Whether the search reached its precision."""
        if self.above is None or self.rate is None:
            return False
        return is_narrow(self.rate, self.above.rate, self.precision)

    @property
    def exit_code(self) -> int:
        """The exit code of a command that shows it: 0 where a rate was found.

        `INVALID` where not even the lowest rate could be offered, 1 where it did not pass.
        """
        if self.unreachable or self.broken:
            return 1
        if self.rate is None:
            return INVALID if self.limit in {Limit.FLEET, Limit.CLIENTS} else 1
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
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
    """Return the step with the highest rate that passed."""
    passed = [step for step in steps if step.passed]
    return max(passed, key=lambda step: step.rate, default=None)


def lowest_that_failed(steps: Sequence[RateStep]) -> RateStep | None:
    """Return the last step at the lowest rate that failed twice.

    A rate that passed the second time has passed. Interrupted steps do not count.
    """
    failed = [step for step in steps if not step.passed and not step.report.interrupted]
    tries = Counter(step.rate for step in failed)
    twice = [step for step in failed if tries[step.rate] > 1]
    return min(reversed(twice), key=lambda step: step.rate, default=None)


def rates_left(steps: Sequence[RateStep], precision: float) -> int | None:
    """Return how many more rates must be tried, at least; None before there are two bounds."""
    below, above = highest_that_passed(steps), lowest_that_failed(steps)
    if below is None or above is None or above.rate <= below.rate:
        return None
    apart = log(above.rate / below.rate) / log1p(precision)
    return max(0, ceil(log2(apart)))


def by_rate(steps: Sequence[RateStep]) -> list[RateStep]:
    """Return the last uninterrupted step of each rate, in the order of the rates."""
    last = {step.rate: step for step in steps if not step.report.interrupted}
    return [last[rate] for rate in sorted(last)]


def is_narrow(low: float, high: float, precision: float) -> bool:
    """Return whether two rates differ by no more than a fraction of the lower one."""
    return high <= low * (1 + precision)
