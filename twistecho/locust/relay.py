"""What this process has found in the test that runs, until it is told to whoever gathers it."""

import time
from typing import Any

from locust.env import Environment

from twistecho.fleet.reports.report import Report

from .sequel import put_later


class Relay:
    """Reports that have not been told yet, by the name of their `FleetUser` class."""

    def __init__(self) -> None:
        self._reports: dict[str, list[dict[str, Any]]] = {}
        self._testing = False
        self._began = 0.0

    def begin(self) -> None:
        """Begin a test."""
        self._reports, self._testing, self._began = {}, True, time.monotonic()

    def end(self) -> None:
        """Note that the test has ended: nothing more comes."""
        self._testing = False

    def add(self, kind: str, report: Report, began: float) -> None:
        """Add a report of a fleet that began at this time of the monotonic clock."""
        later = put_later(report, max(began - self._began, 0.0))
        self._reports.setdefault(kind, []).append(later.to_dict())

    def tell(self) -> dict[str, Any]:
        """Give what has not been told yet, once."""
        reports, self._reports = self._reports, {}
        return {"testing": self._testing, "reports": reports}


_RELAYS: dict[Environment, Relay] = {}


def relay_of(environment: Environment) -> Relay:
    """Give the relay of a Locust environment, of which a process has one."""
    return _RELAYS.setdefault(environment, Relay())
