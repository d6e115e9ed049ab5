"""Two fleets in one process, with the same plan, that take turns over lasting connections."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from twistecho.base.processes import ended_at_once, raise_open_files
from twistecho.eagerreactor import install_fastest
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.plans.turns import InTurns, Turns
from twistecho.fleet.reports.progress import Progress, ProgressWatch, Watch, add_progress
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.second import Second, add_seconds
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.run import Shown, Together, interruptible, show_nothing

from .slices import SliceRecording, Slices


@dataclass(frozen=True)
class FoundOfSide:
    """The results of one target's clients.

    Their turns began at ``began``, by the monotonic clock, and took ``lasted`` seconds.
    """

    report: Report
    slices: Slices
    began: float
    lasted: float

    @property
    def has_failed(self) -> bool:
        """Whether no client was answered to the end, although the run was not interrupted."""
        return not self.report.answered and not self.report.interrupted

    def to_dict(self) -> dict[str, Any]:
        """Return the results as JSON data."""
        return {
            "report": self.report.to_bare_dict(),
            "slices": self.slices.to_dict(),
            "began": self.began,
            "lasted": self.lasted,
        }

    @classmethod
    def from_dict(cls, data: Any, turns: Turns) -> "FoundOfSide":
        """Read the results from JSON data. Raises ValueError with the path of the wrong value."""
        report, slices = Report.from_dict(data["report"]), Slices.from_dict(data["slices"], turns)
        return cls(report, slices, float(data["began"]), float(data["lasted"]))


_Sides = Sequence[tuple[Target, dict[str, Any]]]
_Run = tuple[list[Any], list[Report]]


def run_here(
    engine: Engine,
    plan: Plan,
    targets: Sequence[Target],
    turns: Turns,
    display: Shown = show_nothing,
    *,
    together: Together = bool,
) -> list[FoundOfSide]:
    """Run a plan with a barrier against two targets in turn; return the results of each side.

    If all clients of one target have failed, the run ends. Raises KeyboardInterrupt if it was
    interrupted twice, and ValueError for a target that the engine cannot connect to.
    """
    raise_open_files()
    with ended_at_once():
        run = _run_threads if engine == "threads" else _run_reactor
    recording = partial(SliceRecording, turns)
    loads = [partial(InTurns, turns, side) for side in range(len(targets))]
    options = [{"load": load, "recording": recording} for load in loads]
    fleets, reports = run(plan, list(zip(targets, options, strict=True)), display, together)
    return [_found(*each) for each in zip(fleets, reports, strict=True)]


def _found(fleet: Any, report: Report) -> FoundOfSide:
    recording: SliceRecording = fleet.recordings()[0]
    until = max((o.offered_until or 0.0 for o in report.outcomes), default=0.0)
    from_ = recording.measured_from
    began = time.monotonic() - fleet.now() + from_
    return FoundOfSide(report, recording.slices, began, max(0.0, until - from_))


def _run_reactor(plan: Plan, sides: _Sides, display: Shown, together: Together) -> _Run:
    install_fastest()
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it
    from twisted.internet.threads import deferToThreadPool  # noqa: PLC0415 - likewise

    from .both_fleets import BothFleets  # noqa: PLC0415 - the other engine needs no Twisted

    loop: Any = reactor

    def all_together() -> Any:
        return deferToThreadPool(loop, loop.getThreadPool(), together)

    both = BothFleets(loop, plan, sides, all_together)
    loop.callWhenRunning(lambda: both.run().addBoth(lambda _: loop.stop()))

    def stop() -> None:
        loop.callFromThread(both.stop)

    with interruptible(stop, lambda: loop.callFromThread(loop.stop)), display(_watch(both.fleets)):
        loop.run(installSignalHandlers=False)
    if len(both.ended) < len(sides):
        raise KeyboardInterrupt  # the reactor was stopped before the fleets had ended
    return both.fleets, both.reports()


def _run_threads(plan: Plan, sides: _Sides, display: Shown, together: Together) -> _Run:
    from twistecho.fleet.thread_engine.fleet import ThreadedFleet  # noqa: PLC0415 - only if used

    def all_together() -> None:
        together()

    gate = threading.Barrier(len(sides), all_together)
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
    return fleets, [reports[side] for side in range(len(sides))]


def _interrupt() -> None:
    raise KeyboardInterrupt


class _BothWatches:
    """A `Watch` of both fleets."""

    def __init__(self, watches: Sequence[ProgressWatch]) -> None:
        self._watches = watches

    def __call__(self) -> Progress:
        """Return the progress of both together."""
        return add_progress(watch() for watch in self._watches)

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:
        """Return the seconds that both have, added together."""
        found = (watch.seconds(after, over=over) for watch in self._watches)
        return [add_seconds(parts[0].number, parts) for parts in zip(*found, strict=False)]


def _watch(fleets: Sequence[Any]) -> Watch:
    return _BothWatches(
        [ProgressWatch(fleet.outcomes, fleet.recordings, fleet.now) for fleet in fleets]
    )
