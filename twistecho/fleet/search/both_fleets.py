"""Two fleets on one reactor, whose clients begin together."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed

from twistecho.base.reactor_types import AnyReactor
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reactor_engine.fleet import Fleet
from twistecho.fleet.reports.report import Report


class BothFleets:
    """Carries out a plan against two targets, each with its own options for `Fleet`.

    When all clients of both have connected or failed to connect, ``together`` is called. They begin
    when its Deferred fires; by default, that is at once. If no client of one fleet is answered to
    the end, the other fleet is ended too. ``ended`` has the result of each fleet, by its number.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        plan: Plan,
        sides: Sequence[tuple[Any, dict[str, Any]]],
        together: "Callable[[], Deferred[None]]" = lambda: succeed(None),
    ) -> None:
        self._all_together = together
        self.fleets = [
            Fleet(reactor, target, plan, together=self._together, **options)
            for target, options in sides
        ]
        self.ended: dict[int, Any] = {}
        self._waiting: list[Deferred[None]] = []
        self._over: Deferred[None] = Deferred()

    def run(self) -> "Deferred[None]":
        """Run both fleets; the Deferred fires when both have ended."""
        for number, fleet in enumerate(self.fleets):
            fleet.run().addBoth(partial(self._end, number))
        return self._over

    def stop(self) -> None:
        """End the running clients of both."""
        for fleet in self.fleets:
            fleet.stop()

    def reports(self) -> list[Report]:
        """Return the reports, once both have ended. Raises the error of a fleet that failed."""
        for number in range(len(self.fleets)):
            if not isinstance(self.ended[number], Report):
                self.ended[number].raiseException()
        return [self.ended[number] for number in range(len(self.fleets))]

    def _together(self) -> "Deferred[None]":
        """Return a Deferred on which a fleet's clients wait for those of the other."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) == len(self.fleets):
            self._all_together().addCallback(self._begin)
        return waiting

    def _begin(self, result: None) -> None:
        for each in self._waiting:
            each.callback(result)

    def _end(self, number: int, result: object) -> None:
        self.ended[number] = result
        if len(self.ended) == len(self.fleets):
            self._over.callback(None)
        elif not isinstance(result, Report) or not result.answered:
            self.stop()
