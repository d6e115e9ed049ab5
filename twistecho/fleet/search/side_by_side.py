"""Two fleets in one process, of the same plan, that take turns over connections that are kept."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from twistecho.base.processes import ended_at_once, raise_open_files
from twistecho.eagerreactor import install_fastest
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.plans.turns import InTurns, Turns
from twistecho.fleet.reports.comparison import FEWEST_PAIRS, compare, smallest
from twistecho.fleet.reports.findings import Comparison
from twistecho.fleet.reports.progress import Progress, ProgressWatch, Watch, add_progress
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.second import Second, add_seconds
from twistecho.fleet.reports.two_reports import doubts_of
from twistecho.fleet.runs.run import Engine, Shown, interruptible, show_nothing

from .slices import SliceRecording, pairs_alike, pairs_of

_ROUNDED = 1e-6
"""Seconds by which a time may have been rounded."""

_Sides = Sequence[tuple[Target, dict[str, Any]]]


@dataclass(frozen=True)
class SideBySide:
    """What was found of two targets: see `run_side_by_side`.

    ``smallest`` says by figure from which ratio on a difference would have been seen, as the first
    target beside itself shows, and ``alike`` what the difference of that was.
    """

    comparison: Comparison
    alike: Comparison
    smallest: dict[str, float]
    reports: tuple[Report, Report]

    @property
    def interrupted(self) -> bool:
        """Whether it was ended early by whoever started it."""
        return all(report.interrupted for report in self.reports)


def run_side_by_side(
    engine: Engine,
    plan: Plan,
    targets: Sequence[Target],
    turns: Turns,
    display: Shown = show_nothing,
    *,
    allowed_lag: float | None = None,
) -> SideBySide:
    """Have two targets take turns under the same plan, whose duration is that of the turns.

    ``allowed_lag`` is that of the reports. Where all clients of one have failed, that is the end.
    Raises KeyboardInterrupt if it was interrupted twice, and ValueError for a target that the
    engine cannot connect to.
    """
    raise_open_files()
    plan = replace(plan, barrier=True, warmup=0.0, duration=turns.duration)
    with ended_at_once():
        run = _run_threads if engine == "threads" else _run_reactor
    recording = partial(SliceRecording, turns)
    loads = [partial(InTurns, turns, side) for side in range(len(targets))]
    options = [{"load": load, "recording": recording} for load in loads]
    fleets, one, two = run(plan, list(zip(targets, options, strict=True)), display)
    recordings = [fleet.recordings()[0] for fleet in fleets]
    one, two = (replace(report, allowed_lag=allowed_lag) for report in (one, two))
    return _found(turns, recordings, (one, two))


def _found(
    turns: Turns, recordings: Sequence[SliceRecording], reports: tuple[Report, Report]
) -> SideBySide:
    ended = min(
        max((o.offered_until or 0.0 for o in report.outcomes), default=0.0) - found.measured_from
        for report, found in zip(reports, recordings, strict=True)
    )
    until = max(0, min(2 * turns.pairs, turns.number_at(ended + _ROUNDED)))
    pairs = pairs_of(turns, recordings, until)
    alike = pairs_alike(turns, recordings[0], until)
    return SideBySide(
        compare(pairs, doubts=doubts_of(*reports)),
        compare(alike, fewest=FEWEST_PAIRS // 2),
        dict(smallest(alike, len(pairs))),
        reports,
    )


def _run_reactor(plan: Plan, sides: _Sides, display: Shown) -> tuple[list[Any], Report, Report]:
    install_fastest()
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it

    from .both_fleets import BothFleets  # noqa: PLC0415 - the other engine has no Twisted

    loop: Any = reactor
    both = BothFleets(loop, plan, sides)
    loop.callWhenRunning(lambda: both.run().addBoth(lambda _: loop.stop()))

    def stop() -> None:
        loop.callFromThread(both.stop)

    with interruptible(stop, lambda: loop.callFromThread(loop.stop)), display(_watch(both.fleets)):
        loop.run(installSignalHandlers=False)
    if len(both.ended) < len(sides):
        raise KeyboardInterrupt  # the reactor was stopped before the fleets had ended
    one, two = both.reports()
    return both.fleets, one, two


def _run_threads(plan: Plan, sides: _Sides, display: Shown) -> tuple[list[Any], Report, Report]:
    from twistecho.fleet.thread_engine.fleet import ThreadedFleet  # noqa: PLC0415 - only if used

    gate = threading.Barrier(len(sides))
    fleets = [ThreadedFleet(target, plan, together=gate.wait, **more) for target, more in sides]
    reports: dict[int, Report] = {}

    def run(side: int) -> None:
        reports[side] = fleets[side].run()
        if not reports[side].answered:
            fleets[1 - side].stop()

    def stop() -> None:
        for fleet in fleets:
            fleet.stop()

    threads = [threading.Thread(target=run, args=(side,), daemon=True) for side in range(2)]
    with interruptible(stop, _interrupt), display(_watch(fleets)):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return fleets, reports[0], reports[1]


def _interrupt() -> None:
    raise KeyboardInterrupt


class _BothWatches:
    """A `Watch` of both fleets."""

    def __init__(self, watches: Sequence[ProgressWatch]) -> None:
        self._watches = watches

    def __call__(self) -> Progress:
        """Say how far both are together."""
        return add_progress(watch() for watch in self._watches)

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:
        """Give the seconds that both have, put together."""
        found = (watch.seconds(after, over=over) for watch in self._watches)
        return [add_seconds(parts[0].number, parts) for parts in zip(*found, strict=False)]


def _watch(fleets: Sequence[Any]) -> Watch:
    return _BothWatches(
        [ProgressWatch(fleet.outcomes, fleet.recordings, fleet.now) for fleet in fleets]
    )
