"""How many uses are left of each fault or answer with a limit, over all connections of a service.

A count begins when its fault or answer is set. When the scenario changes, the faults and answers
that stay keep their counts.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from twistecho.service.scenario.answers import On
from twistecho.service.scenario.decision import Limited
from twistecho.service.scenario.scenario import Scenario

_Count = TypeVar("_Count")


class Allowances:
    """Counts the uses of a scenario's faults and answers with a limit."""

    def __init__(self, scenario: Scenario) -> None:
        self._limited: tuple[Limited, ...] = ()
        self._left: dict[int, int] = {}  # by the identity of the fault or answer
        self.steer(scenario)

    def begin(self, scenario: Scenario) -> None:
        """Count for a scenario, with new counts."""
        self._limited = ()
        self.steer(scenario)

    def steer(self, scenario: Scenario) -> None:
        """Count for another scenario; faults and answers that stay keep their counts."""
        before = [(one, self._left[id(one)]) for one in self._limited]
        kept = kept_of(scenario.limited, before)
        self._limited = scenario.limited
        self._left = {
            id(one): (one.limit or 0) if left is None else left
            for one, left in zip(self._limited, kept, strict=True)
        }

    def take(self, limited: Limited) -> bool:
        """Count one use; return whether the limit allows it."""
        left = self._left.get(id(limited), 0)
        if left:
            self._left[id(limited)] = left - 1
        return left > 0


def kept_of(
    limited: Sequence[Limited], before: Iterable[tuple[Limited, _Count]]
) -> list[_Count | None]:
    """Return the earlier count of each, where an equal one was there; each count is kept once."""
    left: dict[Hashable, list[tuple[Limited, _Count]]] = {}
    for one, count in before:
        left.setdefault(_key(one), []).append((one, count))
    return [_taken(one, left.get(_key(one), [])) for one in limited]


def _key(one: Limited) -> Hashable:
    """Return a key that equal ones share: a user-defined delay may not be hashable."""
    return (one.match, one.reply, one.limit, str(one.delay)) if isinstance(one, On) else one


def _taken(one: Limited, left: list[tuple[Limited, _Count]]) -> _Count | None:
    """Remove and return the count of the first equal one in ``left``; None without one."""
    for at, (other, count) in enumerate(left):
        if other == one:
            del left[at]
            return count
    return None
