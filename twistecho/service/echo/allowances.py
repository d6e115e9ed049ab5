"""How often what has a limit may still come about, over all connections of a service.

Each fault or answer with a limit is counted from when it was set: where the scenario changes, those
that stay keep their count.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from twistecho.service.scenario.scenario import Limited, Scenario

_Count = TypeVar("_Count")


class Allowances:
    """Counts what has a limit in a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._limited: tuple[Limited, ...] = ()
        self._left: dict[int, int] = {}  # by the identity of what is limited
        self.steer(scenario)

    def begin(self, scenario: Scenario) -> None:
        """Count for a scenario, all of it anew."""
        self._limited = ()
        self.steer(scenario)

    def steer(self, scenario: Scenario) -> None:
        """Count for another scenario; what was there before goes on where it was."""
        before = [(one, self._left[id(one)]) for one in self._limited]
        kept = kept_of(scenario.limited, before)
        self._limited = scenario.limited
        self._left = {
            id(one): (one.limit or 0) if left is None else left
            for one, left in zip(self._limited, kept, strict=True)
        }

    def take(self, limited: Limited) -> bool:
        """Count one more of something; say whether it may come about."""
        left = self._left.get(id(limited), 0)
        if left:
            self._left[id(limited)] = left - 1
        return left > 0


def kept_of(
    limited: Sequence[Limited], before: Iterable[tuple[Limited, _Count]]
) -> list[_Count | None]:
    """Give the count that each had before, where an equal one was there; each is kept once."""
    left, kept = list(before), list[_Count | None]()
    for one in limited:
        at = next((at for at, (other, _) in enumerate(left) if other == one), None)
        kept.append(None if at is None else left.pop(at)[1])
    return kept
