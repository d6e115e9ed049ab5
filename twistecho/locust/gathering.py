"""What a Locust run has found: told by its workers, and put together exactly.

A worker relays, as data of MessagePack,

    {"testing": bool, "reports": {KIND: [a report as JSON data, ...]}}

where KIND is the name of a `FleetUser` class and ``testing`` says that its test has begun and not
ended: all that it found has been told once that is over. A worker that never says so was lost.

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


LOST = "lost in mid-run: what it had not reported is missing"
"""The problem of a worker that did not come to its end."""

_NUMBERS_OF_A_WORKER = 10**9
"""How many numbers of clients each worker has for its own."""


class Relay:
    """Reports that have not been told yet, by the name of their `FleetUser` class."""

    def __init__(self) -> None:
        self._reports: dict[str, list[dict[str, Any]]] = {}
        self._testing = False
        self._began = 0.0
        self._numbered = 0

    def begin(self) -> None:
        """Begin a test."""
        self._reports, self._testing, self._began = {}, True, time.monotonic()

    def end(self) -> None:
        """Note that the test has ended: nothing more comes."""
        self._testing = False

    def add(self, kind: str, report: Report, began: float) -> None:
        """Add a report of a fleet that began at this time of the monotonic clock."""
        later = put_later(report, max(began - self._began, 0.0))
        self._reports.setdefault(kind, []).append(later.to_bare_dict())

    def number(self, clients: int) -> int:
        """Give the first of so many clients' numbers that nobody else has in this process."""
        self._numbered += clients
        return self._numbered - clients

    def tell(self) -> dict[str, Any]:
        """Give what has not been told yet, once."""
        reports, self._reports = self._reports, {}
        return {"testing": self._testing, "reports": reports}


_RELAYS: dict["Environment", Relay] = {}


def relay_of(environment: "Environment") -> Relay:
    """Give the relay of a Locust environment, of which a process has one."""
    return _RELAYS.setdefault(environment, Relay())


def own_plan(environment: "Environment", plan: Plan) -> Plan:
    """Give a user's plan with client numbers that no other user has, on whatever worker.

    Else the replies of the one's clients could pass for those of the other's.
    """
    worker = max(0, getattr(environment.runner, "worker_index", 0))
    first = worker * _NUMBERS_OF_A_WORKER + relay_of(environment).number(plan.clients)
    return replace(plan, first=plan.first + first)


@dataclass(frozen=True)
class Kind:
    """What the fleets of one `FleetUser` class do."""

    engine: str
    target: str
    plan: Plan


@dataclass(frozen=True)
class Told:
    """What a worker relays; see the module's docstring."""

    testing: bool
    reports: Mapping[str, tuple[Report, ...]]


class Gathering:
    """The reports of one test, by worker and kind."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._found: dict[str, dict[str, list[Report]]] = {}

    def begin(self, workers: Iterable[str]) -> None:
        """Begin a test with these workers; what was found in an earlier one is forgotten."""
        self._found = {worker: {} for worker in workers}
        self._running = set(self._found)

    def take(self, worker: str, data: Any) -> bool:
        """Take what a worker relays; say whether that is news. Raises ValueError for all else."""
        told = decode(data, Told, "what a worker tells")
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
