"""A Twisted fleet in a process of its own, waited for as gevent does.

Whatever imports Locust has its sockets patched and no ``select.epoll``: no place for a reactor.
The kernel ends the fleet where this process ends without having done so: see `lifeline`.
"""

import json
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import gevent
from gevent import subprocess
from gevent.event import Event

from twistecho.base.processes import command
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.run import Engine
from twistecho.fleet.runs.runner import INTERRUPTED

if TYPE_CHECKING:
    from typing_extensions import Self


class FleetError(RuntimeError):
    """A fleet gave no report; the message says in a few words what became of it."""


class FleetProcess:
    """A running fleet, as a context manager; it is killed if the block is left before its end."""

    def __init__(self, engine: Engine, target: str, plan: Plan) -> None:
        self._command = command("twistecho.fleet.runs.runner", engine, target)
        self._plan = plan
        self._begun = Event()
        self.began: float | None = None
        """When it began, by the monotonic clock; None until then."""

    def __enter__(self) -> "Self":
        """Start the process; Ctrl-C is for Locust, which then ends its users."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        # A greenlet of its own: what a killed user had read of the report would be lost.
        self._reader = gevent.spawn(self._read)
        return self

    def _read(self) -> bytes:
        process = self._process
        with suppress(OSError):  # it has died; its exit code tells
            process.stdin.write(json.dumps(self._plan.to_dict()).encode() + b"\n")
            process.stdin.flush()
        if process.stdout.readline():
            self.began = time.monotonic()
        self._begun.set()
        text: bytes = process.stdout.read()
        return text

    def report(self, seconds: float | None = None) -> Report | None:
        """Wait for the report, for so long at most; None if it was stopped before it had begun.

        Raises FleetError where none comes.
        """
        try:
            text = self._reader.get(timeout=seconds)
        except gevent.Timeout:
            raise FleetError("did not end when it was told to") from None
        code = self._process.wait()
        if code == INTERRUPTED:
            return None
        if code < 0:
            raise FleetError(f"killed by {signal.Signals(-code).name}")
        if code:
            raise FleetError(f"ended with exit code {code} and without a report")
        return Report.from_json(text.decode())

    def stop(self, seconds: float) -> None:
        """Have it end its clients and report, once it has begun, for which it has so long."""
        self._begun.wait(seconds)
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def __exit__(self, *_error: object) -> None:
        """Make sure that the process is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()
