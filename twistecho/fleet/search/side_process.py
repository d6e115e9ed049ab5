"""Both fleets in a child process, one of several; the counterpart of `fleet_process` for one fleet.

The messages are the same, with two differences. The request has the two ``targets`` and the
``turns`` instead of one target, and each side's results are one line:

    {"side": {"report": {...}, "slices": {...}, "began": ..., "lasted": ...}}
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.plans.turns import Turns
from twistecho.fleet.runs.engine import Engine, engine_named
from twistecho.fleet.runs.fleet_process import FleetProcess, decoding
from twistecho.fleet.runs.run import Shown, import_engine
from twistecho.fleet.runs.telling import Line, Said, tell_parent

from .sides_here import FoundOfSide, run_here


class SideProcess(FleetProcess):
    """A running pair of fleets, as a context manager; see `FleetProcess`.

    ``sides`` has their results, once it has ended.
    """

    module = __name__

    def __init__(
        self,
        engine: Engine,
        targets: Sequence[Target],
        plan: Plan,
        turns: Turns,
        together: Callable[[], None],
    ) -> None:
        super().__init__(engine, targets[0], plan, together)
        self._turns = turns
        self._wanted |= {"targets": [str(target) for target in targets], "turns": asdict(turns)}
        self.sides: list[FoundOfSide] = []

    def _take(self, said: Any) -> None:
        if not isinstance(said, dict) or "side" not in said:
            super()._take(said)
            return
        with decoding:
            self.sides.append(FoundOfSide.from_dict(said["side"], self._turns))

    @property
    def has_failed(self) -> bool:
        """Whether it ended without results, or because all clients of one side failed."""
        if not self.has_said_all:
            return False
        return len(self.sides) < 2 or any(side.has_failed for side in self.sides)


def main(out: TextIO) -> None:
    """Carry out the request in the first line of standard input, and report to the parent."""
    tell_parent(out, _run)


def _run(wanted: Any, line: Line, display: Shown) -> Said:
    engine, turns = engine_named(wanted["engine"]), Turns(**wanted["turns"])
    plan, targets = Plan.from_dict(wanted["plan"]), [*map(parse_target, wanted["targets"])]
    import_engine(engine)
    line.say("begins", True)
    sides = run_here(engine, plan, targets, turns, display, together=line.await_others)
    return [("side", side.to_dict()) for side in sides]


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as to_parent:
        main(to_parent)
