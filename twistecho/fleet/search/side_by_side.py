"""Two targets measured in turn, under the same plan, and compared slice by slice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.plans.turns import Turns
from twistecho.fleet.reports.comparison import compare, smallest
from twistecho.fleet.reports.findings import FEWEST_PAIRS, Comparison
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.two_reports import doubts_of
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.run import Shown, show_nothing

from .several_sides import FoundTogether, run_sides
from .sides_here import run_here
from .slices import pairs_alike, pairs_of

_ROUNDED = 1e-6
"""The largest rounding error of a time, in seconds."""


@dataclass(frozen=True)
class SideBySide:
    """The results of two targets: see `run_side_by_side`.

    ``alike`` compares the first target with itself. ``smallest`` has, by figure, the smallest ratio
    that this comparison could have detected. ``interrupted`` means that the user ended it early.
    The processes began up to ``apart`` seconds apart.
    """

    comparison: Comparison
    alike: Comparison
    smallest: dict[str, float]
    reports: tuple[Report, Report]
    interrupted: bool = False
    apart: float = 0.0


def run_side_by_side(
    engine: Engine,
    plan: Plan,
    targets: Sequence[Target],
    turns: Turns,
    display: Shown = show_nothing,
    *,
    processes: int = 1,
    allowed_lag: float | None = None,
) -> SideBySide:
    """Run the same plan against two targets in turn; its duration is that of the turns.

    Each of the ``processes`` has clients of both targets. ``allowed_lag`` is set in the reports. If
    all clients of one target have failed, the run ends. Raises KeyboardInterrupt if it was
    interrupted twice, ValueError for a target that the engine cannot connect to or a plan that
    cannot be divided, and FleetError if a process ended before any client had begun.
    """
    plan = replace(plan, barrier=True, warmup=0.0, duration=turns.duration)
    if processes > 1:
        found = run_sides(engine, plan, targets, turns, display, processes=processes)
    else:
        sides = run_here(engine, plan, targets, turns, display)
        found = FoundTogether(sides, 0.0, all(side.report.interrupted for side in sides))
    return _compared(turns, found, allowed_lag)


def _compared(turns: Turns, found: FoundTogether, allowed_lag: float | None) -> SideBySide:
    one, two = (replace(side.report, allowed_lag=allowed_lag) for side in found.sides)
    slices = [side.slices for side in found.sides]
    ended = min(side.lasted for side in found.sides)
    until = max(0, min(2 * turns.pairs, turns.number_at(ended + _ROUNDED)))
    pairs, alike = pairs_of(turns, slices, until), pairs_alike(turns, slices[0], until)
    return SideBySide(
        compare(pairs, doubts=doubts_of(one, two)),
        compare(alike, fewest=FEWEST_PAIRS // 2),
        dict(smallest(alike, len(pairs))),
        (one, two),
        found.interrupted,
        found.apart,
    )
