"""Connects the users to Locust's events: workers relay reports, and the master gathers them.

Locust gives its workers half a second for their last messages; fleets must end and report before
that. So the master tells the workers to stop before Locust does, and waits until they have stopped
and reported. Then it writes, judges and shows the reports.
"""

import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gevent
import locust
from locust import stats
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from twistecho.fleet.output.printer import Printer
from twistecho.fleet.output.screen import show as show_verdict
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import INVALID, invalid, judge

from .echouser import EchoUser
from .fleetuser import LONGEST_WAIT, FleetUser
from .gathering import Gathering, Kind, relay_of

STOP, STOPPED = "twistecho-stop", "twistecho-stopped"
"""The messages by which a master stops its workers, and by which they confirm it."""

DATA = "twistecho"
"""The key of the relayed data in Locust's messages to the master."""

HERE = "here"
"""The name of the only worker if a test is not distributed."""

# Their methods are not annotated.
events: Any = locust.events

_log = logging.getLogger(__name__)


def write(environment: Environment, reports: Mapping[str, Report]) -> None:
    """Write one report per kind beside Locust's CSV files, if Locust writes these."""
    options = environment.parsed_options
    prefix = None if options is None else options.csv_prefix
    if prefix:
        for kind, report in reports.items():
            Path(f"{prefix}_{kind}.json").write_text(report.to_json() + "\n", encoding="utf-8")


def decide(environment: Environment, reports: Mapping[str, Report]) -> None:
    """Set Locust's exit code to that of INVALID if a report cannot be believed."""
    if any(invalid(report) for report in reports.values()):
        environment.process_exit_code = INVALID


def show(reports: Mapping[str, Report]) -> None:
    """Print the report of every kind of fleet, in total and by worker."""
    printer = Printer(sys.stdout)
    for kind, report in reports.items():
        printer.line(f"{kind}: exact, as the fleets measured it")
        show_verdict(printer, judge(report))


def fleet_kinds(environment: Environment) -> dict[str, Kind]:
    """Return the kind of each `FleetUser` class of a test, by the name of the class."""
    return {
        user.__name__: user.kind(str(environment.host or user.host))
        for user in environment.user_classes
        if issubclass(user, FleetUser)
    }


def check_host(environment: Environment) -> None:
    """End the process, with one line and exit code 2, if the host is no target.

    It also ends if the turns of a plan leave out clients, or if an `EchoUser` has a load in stages.
    """
    for user in environment.user_classes:
        if issubclass(user, EchoUser) and user.plan.stages is not None:
            _log.error("%s.plan: stages are for a FleetUser: this is one client", user.__name__)
            sys.exit(2)
        try:
            if issubclass(user, FleetUser):
                user.plan.check_turns()
        except ValueError as error:
            _log.error("%s.plan: %s", user.__name__, error)
            sys.exit(2)
        host = environment.host or user.host
        try:
            if host is not None:
                parse_target(host)
        except ValueError as error:
            _log.error("--host: %s", error)
            sys.exit(2)


class Worker:
    """A worker's part, or that of the only process: relays reports."""

    def __init__(self, environment: Environment) -> None:
        self._runner: Any = environment.runner
        relay = relay_of(environment)
        events.test_start.add_listener(lambda **_: relay.begin())
        events.test_stop.add_listener(lambda **_: relay.end())
        events.report_to_master.add_listener(lambda data, **_: data.update({DATA: relay.tell()}))
        if isinstance(self._runner, WorkerRunner):
            self._runner.register_message(STOP, lambda **_: gevent.spawn(self._stop))

    def _stop(self) -> None:
        self._runner.stop()
        # Messages keep their order: when STOPPED arrives, all reports have arrived.
        self._runner._send_stats()  # noqa: SLF001 - Locust has no other way to report now
        self._runner.send_message(STOPPED)


class Master:
    """The master's part, or that of the only process: gathers, writes and shows reports."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._runner: Any = environment.runner
        self._stopped: set[str] = set()
        self._over = False
        self.gathering = Gathering()
        events.test_start.add_listener(self._begin)
        events.test_stop.add_listener(self._write)
        events.worker_report.add_listener(self._take)
        if isinstance(self._runner, MasterRunner):
            events.test_stopping.add_listener(self._stop_workers)
            self._runner.register_message(STOPPED, lambda msg, **_: self._stopped.add(msg.node_id))

    def _begin(self, **_: Any) -> None:
        self._over = False
        distributed = isinstance(self._runner, MasterRunner)
        self.gathering.begin(self._present() if distributed else [HERE])

    def _present(self) -> set[str]:
        return {worker.id for worker in self._runner.clients.all if worker.state != STATE_MISSING}

    def _take(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if DATA in data and self.gathering.take(client_id, data[DATA]) and self._over:
            self._write()

    def _stop_workers(self, **_: Any) -> None:
        """Stop all workers; wait until they have stopped, or are missing."""
        self._stopped.clear()
        self._runner.send_message(STOP)
        deadline = time.monotonic() + self._environment.stop_timeout + LONGEST_WAIT
        while self._present() - self._stopped and time.monotonic() < deadline:
            gevent.sleep(0.05)

    def _reports(self) -> dict[str, Report]:
        return self.gathering.reports(fleet_kinds(self._environment))

    def _write(self, **_: Any) -> None:
        """Write the reports so far; later messages of the workers cause another write."""
        self._over = True
        write(self._environment, self._reports())

    def end(self) -> None:
        """Write and judge the final reports, and wait until they are in Locust's own files too."""
        if not isinstance(self._runner, MasterRunner):
            self.gathering.take(HERE, relay_of(self._environment).tell())
        self._write()
        if self._environment.parsed_options and self._environment.parsed_options.csv_prefix:
            # Locust writes its files at intervals, and not once more at the end.
            gevent.sleep(1.5 * stats.CSV_STATS_INTERVAL_SEC)
        decide(self._environment, self._reports())

    def show(self) -> None:
        """Show the final reports."""
        show(self._reports())


_MASTERS: list[Master] = []


def _connect(environment: Environment, **_: Any) -> None:
    check_host(environment)
    if not isinstance(environment.runner, MasterRunner):
        Worker(environment)
    if not isinstance(environment.runner, WorkerRunner):
        _MASTERS.append(Master(environment))


def _end(**_: Any) -> None:
    for master in _MASTERS:
        master.end()


def _show(**_: Any) -> None:
    for master in _MASTERS:
        master.show()


events.init.add_listener(_connect)
# Locust calls these in reverse order. This one is added before there is a runner, so it is called
# after the runner's own, which waits for the workers' last messages.
events.quitting.add_listener(_end)
events.quit.add_listener(_show)
