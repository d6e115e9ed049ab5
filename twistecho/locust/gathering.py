"""What the workers of a Locust run have told, put together exactly.

A worker relays, as data of MessagePack,

    {"testing": bool, "reports": {KIND: [a report as JSON data, ...]}}

where KIND is the name of a `FleetUser` class and ``testing`` says that its test has begun and not
ended: all that it found has been told once that is over. A worker that never says so was lost.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.merge import lost_report, merge_reports
from twistecho.fleet.reports.report import Report

LOST = "lost in mid-run: what it had not reported is missing"
"""The problem of a worker that did not come to its end."""


@dataclass(frozen=True)
class Kind:
    """What the fleets of one `FleetUser` class do."""

    engine: str
    target: str
    plan: Plan


class Gathering:
    """The reports of one test, by worker and kind."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._found: dict[str, dict[str, list[Report]]] = {}

    def begin(self, workers: Iterable[str]) -> None:
        """Begin a test with these workers; what was found in an earlier one is forgotten."""
        self._found = {worker: {} for worker in workers}
        self._running = set(self._found)

    def take(self, worker: str, told: Mapping[str, Any]) -> bool:
        """Take what a worker relays; say whether that is news. ValueError for what is no report."""
        found = self._found.setdefault(worker, {})
        for kind, reports in told["reports"].items():
            found.setdefault(kind, []).extend(Report.from_dict(report) for report in reports)
        known = worker in self._running
        if told["testing"]:
            self._running.add(worker)
        else:
            self._running.discard(worker)
        return bool(told["reports"]) or known != told["testing"]

    def reports(self, kinds: Mapping[str, Kind]) -> dict[str, Report]:
        """Give one report a kind, with a part a worker; those lost have a problem there.

        Kinds of which nobody had anything to tell, and nobody was lost, are left out.
        """
        whole = {}
        for name, kind in kinds.items():
            parts = {worker: self._of(worker, name, kind) for worker in sorted(self._found)}
            known = {f"worker {worker}": part for worker, part in parts.items() if part}
            if known:
                whole[name] = merge_reports(list(known.values()), list(known))
        return whole

    def _of(self, worker: str, name: str, kind: Kind) -> Report | None:
        """Put together what one worker found; None where there is nothing to tell."""
        reports = list(self._found[worker].get(name, ()))
        if worker in self._running:
            reports.append(lost_report(kind.engine, kind.target, kind.plan, "the last", LOST))
        if not reports:
            return None
        return merge_reports(reports, [f"fleet {number + 1}" for number in range(len(reports))])
