"""The reports of a Locust run: relayed by its workers, and merged exactly.

A worker relays, as data of MessagePack,

    {"testing": bool, "reports": {KIND: [a report as JSON data, ...]}}

where KIND is the name of a `FleetUser` class. ``testing`` is true from the begin of the worker's
test until its end; a message in which it is false completes the worker's reports. A worker that
never sends one is lost.

Nothing here imports Locust, which would patch this process's sockets.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from twistecho.base.decoding import decode
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.merge import lost_report, merge_reports, put_later
from twistecho.fleet.reports.report import Report

if TYPE_CHECKING:
    from locust.env import Environment


LOST = "lost during the run: reports that it had not sent are missing"
"""The problem of a worker that did not complete its reports."""

_NUMBERS_OF_A_WORKER = 10**9
"""How many client numbers are reserved for each worker."""


class Relay:
    """Reports that have not been relayed yet, by the name of their `FleetUser` class."""

    def __init__(self) -> None:
        self._reports: dict[str, list[dict[str, Any]]] = {}
        self._testing = False
        self._began = 0.0
        self._numbered = 0

    def begin(self) -> None:
        """Begin a test."""
        self._reports, self._testing, self._began = {}, True, time.monotonic()

    def end(self) -> None:
        """Note that the test has ended: no further reports follow."""
        self._testing = False

    def add(self, kind: str, report: Report, began: float) -> None:
        """Add the report of a fleet that began at this time of the monotonic clock."""
        later = put_later(report, max(began - self._began, 0.0))
        self._reports.setdefault(kind, []).append(later.to_bare_dict())

    def number(self, clients: int) -> int:
        """Reserve this many client numbers in this process; return the first."""
        self._numbered += clients
        return self._numbered - clients

    def tell(self) -> dict[str, Any]:
        """Return the reports that have not been relayed yet, and forget them."""
        reports, self._reports = self._reports, {}
        return {"testing": self._testing, "reports": reports}


_RELAYS: dict["Environment", Relay] = {}


def relay_of(environment: "Environment") -> Relay:
    """Return the relay of a Locust environment; a process has one environment."""
    return _RELAYS.setdefault(environment, Relay())


def own_plan(environment: "Environment", plan: Plan) -> Plan:
    """Return a user's plan with client numbers that no other user has, on any worker.

    Otherwise a reply to one user's client could pass for a reply to another's.
    """
    worker = max(0, getattr(environment.runner, "worker_index", 0))
    first = worker * _NUMBERS_OF_A_WORKER + relay_of(environment).number(plan.clients)
    return replace(plan, first=plan.first + first)


@dataclass(frozen=True)
class Kind:
    """The engine, target and plan of one `FleetUser` class."""

    engine: str
    target: str
    plan: Plan


@dataclass(frozen=True)
class Told:
    """The data that a worker relays; see the module's docstring."""

    testing: bool
    reports: Mapping[str, tuple[Report, ...]]


class Gathering:
    """The reports of one test, by worker and kind."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._found: dict[str, dict[str, list[Report]]] = {}

    def begin(self, workers: Iterable[str]) -> None:
        """Begin a test with these workers; forget the reports of an earlier one."""
        self._found = {worker: {} for worker in workers}
        self._running = set(self._found)

    def take(self, worker: str, data: Any) -> bool:
        """Take relayed data; return whether it is news. Raises ValueError if the data is wrong."""
        told = decode(data, Told, "the data of a worker")
        found = self._found.setdefault(worker, {})
        for kind, reports in told.reports.items():
            found.setdefault(kind, []).extend(reports)
        known = worker in self._running
        if told.testing:
            self._running.add(worker)
        else:
            self._running.discard(worker)
        return bool(told.reports) or known != told.testing

    def reports(self, kinds: Mapping[str, Kind]) -> dict[str, Report]:
        """Return one report per kind, with one part per worker; a lost worker's part has a problem.

        Kinds without any report or lost worker are left out.
        """
        whole = {}
        for name, kind in kinds.items():
            parts = {worker: self._of(worker, name, kind) for worker in sorted(self._found)}
            known = {f"worker {worker}": part for worker, part in parts.items() if part}
            if known:
                whole[name] = merge_reports(list(known.values()), list(known))
        return whole

    def _of(self, worker: str, name: str, kind: Kind) -> Report | None:
        """Merge the reports of one worker; return None if there are none."""
        reports = list(self._found[worker].get(name, ()))
        if worker in self._running:
            reports.append(lost_report(kind.engine, kind.target, kind.plan, "the last", LOST))
        if not reports:
            return None
        return merge_reports(reports, [f"fleet {number + 1}" for number in range(len(reports))])
