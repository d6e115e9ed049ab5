"""How often what has a limit may still come about, over all connections of a service.

Each fault or answer with a limit is counted from when it was set: where the scenario changes, those
that stay keep their count.
"""

from twistecho.service.scenario.scenario import Limited, Scenario


class Allowances:
    """Counts what has a limit in a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._limited: tuple[Limited, ...] = ()
        self._left: dict[int, int] = {}  # by the identity of what is limited
        self.steer(scenario)

    def steer(self, scenario: Scenario) -> None:
        """Count for another scenario; what was there before goes on where it was."""
        before = [(one, self._left[id(one)]) for one in self._limited]
        self._limited = scenario.limited
        self._left = {id(one): _kept(one, before) for one in self._limited}

    def take(self, limited: Limited) -> bool:
        """Count one more of something; say whether it may come about."""
        left = self._left.get(id(limited), 0)
        if left:
            self._left[id(limited)] = left - 1
        return left > 0


def _kept(one: Limited, before: list[tuple[Limited, int]]) -> int:
    """Say how often something may come about, and strike it from those that were there before."""
    for at, (other, left) in enumerate(before):
        if other == one:
            del before[at]
            return left
    return one.limit or 0
