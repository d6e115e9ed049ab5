"""The supervisor: starts worker processes, receives their heartbeats, restarts and ends them.

Twisted's `ProcessMonitor` starts and ends them. It does not log that a process has died, does not
wait when it stops, fails on log lines over 16 KiB, passes no descriptors, and counts a process that
ends while still starting (over a second on a busy machine) as one that had worked; this module
adds all that. Importing `twisted.runner.procmon` uses the global reactor.

Workers notify the process that started them that they are ready, and alive, as every service does
with its manager (see `notify`). Each uses a pipe, which unlike a socket file cannot be deleted. A
worker that is silent for some seconds (for systemd's ``WatchdogSec``, if it is set) is reported.
"""

import math
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel, eventFromJSON, globalLogPublisher
from twisted.python.failure import Failure
from twisted.runner.procmon import LineLogger, LoggingProtocol, ProcessMonitor

from twistecho.base.processes import command
from twistecho.service.process.notify import watchdog_seconds

from .assignment import ANSWERS, ASKED, LIFE, ORDERS

KILL_MARGIN = 2.0
"""Seconds beyond the drain time after which a worker that has not ended is killed."""

_LEVELS = tuple(LogLevel.iterconstants())
_LATEST = 2.0**34
"""The latest time that is accepted in a log event, in seconds since 1970: in the year 2514."""

AT_ONCE = 1.0
"""Seconds that a worker has to end its connections when the service ends at once."""


class EventReader(LineLogger):
    """Copies the log events of a worker into this process's log."""

    MAX_LENGTH = 2**20

    def lineReceived(self, line: bytes) -> None:
        """Log one event; a line that is not an event is logged as text."""
        text = line.strip(b"\x1e\r").decode(errors="backslashreplace")
        if not text:
            return
        event: object = None
        with suppress(Exception):  # it may raise anything for JSON that is not an event
            event = eventFromJSON(text)
        if not (isinstance(event, dict) and _can_be_logged(event)):
            super().lineReceived(line)
            return
        event["log_system"] = f"worker {self.tag}"
        globalLogPublisher(event)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Drop a line that is too long."""


def _can_be_logged(event: dict[str, Any]) -> bool:
    """Return whether observers can log an event: the fields that they use are valid."""
    level, time = event.get("log_level"), event.get("log_time")
    named = isinstance(event.get("log_namespace", ""), str)
    return level in _LEVELS and named and isinstance(time, float) and 0 <= time < _LATEST


class WorkerProcess(LoggingProtocol):
    """One worker process."""

    service: "Supervisor"
    transport: Any  # IProcessTransport names neither `pid` nor `write`
    pid = 0

    def connectionMade(self) -> None:
        """Begin to read from the worker."""
        super().connectionMade()
        self._output = EventReader()
        self._output.tag = self.name
        self._output.service = self.service
        self._output.makeConnection(None)  # type: ignore[no-untyped-call]  # Twisted's
        self.pid = self.transport.pid  # gone once it has ended

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Answer a request for the assignment; pass on heartbeats and answers; log the rest."""
        if childFD == LIFE and data == ASKED:
            self.service.engage(self)
        elif childFD == LIFE:
            self.service.heard(self.name, data)
        elif childFD == ANSWERS and self.service.orders is not None:
            self.service.orders.heard(self.name, data)
        else:
            super().childDataReceived(childFD, data)

    def order(self, data: bytes) -> None:
        """Send an order, if the pipe is still open."""
        with suppress(KeyError):  # the pipe is closed; what follows is processEnded
            self.transport.writeToChild(ORDERS, data)

    def signal(self, name: str) -> None:
        """Send a signal, ``TERM`` for example, if the process is still there."""
        with suppress(ProcessExitedAlready):  # what follows is processEnded
            self.transport.signalProcess(name)

    def processEnded(self, reason: Failure) -> None:
        """Have the end logged, and the worker restarted."""
        super().processEnded(reason)
        self.service.ended(self.name, self.pid, reason)


class Orders(Protocol):
    """Gives orders to workers: see `links.Links`."""

    def open(self, name: str, send: Callable[[bytes], None]) -> None:
        """Add a worker."""

    def heard(self, name: str, data: bytes) -> None:
        """Take the bytes of its answers."""


class Supervisor(ProcessMonitor):
    """Keeps a worker process running for each of ``names``.

    Each gets its ``assignment`` when it requests it, so that this includes changes made while the
    worker was starting. ``descriptors`` are passed to each, by their numbers in the worker, and a
    pipe as `LIFE`: ``heard`` is called with a worker's name and the bytes from it. ``environ``
    returns a worker's environment, by its name. ``gone`` is called with the name of a worker that
    has ended. ``orders``, if given, are sent to a worker once it has its assignment.
    """

    _log = Logger()
    threshold: float = 10.0  # type: ignore[assignment]  # seconds, annotated as whole ones
    minRestartDelay: float = 0.1  # type: ignore[assignment]  # as above
    maxRestartDelay: float = 30.0  # type: ignore[assignment]  # as above
    killTime: float  # type: ignore[assignment]  # as above

    def __init__(
        self,
        reactor: Any,
        *,
        drain: float,
        names: Sequence[str],
        assignment: Callable[[str], bytes],
        descriptors: dict[int, int],
        environ: Callable[[str], dict[str, str]],
        heard: Callable[[str, bytes], None],
        gone: Callable[[str], None],
        orders: Orders | None = None,
    ) -> None:
        super().__init__(reactor)
        self.allow(drain)
        self._assignment = assignment
        self._count = len(names)
        self.orders = orders
        self.restarts = 0
        self._spawn = reactor.spawnProcess
        self._now = reactor.seconds
        self._call_later = reactor.callLater
        self._environ = environ
        self.heard = heard
        self._gone = gone
        own = {} if orders is None else {ORDERS: "w", ANSWERS: "r"}
        self._descriptors = {0: "w", 1: "r", 2: "r", LIFE: "r", **own, **descriptors}
        self._all_ended: Deferred[None] | None = None
        self._at_once: IDelayedCall | None = None
        for name in names:
            self.addProcess(name, [name])

    def allow(self, drain: float) -> None:
        """Set the seconds that workers have to drain before they are killed."""
        self.killTime = drain + KILL_MARGIN

    def startProcess(self, name: str) -> None:
        """Start a worker, unless it is running."""
        if name in self.protocols:
            return
        worker = WorkerProcess()
        worker.service, worker.name = self, name
        self.protocols[name] = worker
        self.timeStarted[name] = self._now()
        line = command("twistecho.service.workers.worker", f"{name} of {self._count}")
        try:
            self._spawn(
                worker, sys.executable, line, env=self._environ(name), childFDs=self._descriptors
            )
        except OSError:  # no memory, or too many processes
            self._log.failure("Worker {worker} cannot be started", worker=name)
            del self.protocols[name]
            self._gone(name)
            self.restart[name] = self._call_later(self.delay[name], self.startProcess, name)

    def engage(self, worker: WorkerProcess) -> None:
        """Send a worker its assignment."""
        worker.transport.write(self._assignment(worker.name))
        if self.orders is not None:
            self.orders.open(worker.name, worker.order)

    def ended(self, name: str, pid: int, reason: Failure) -> None:
        """Log that a worker has ended, and when it is restarted."""
        self._gone(name)
        if self.running:
            self.restarts += 1
            self._log.warn(
                "Worker {worker}, process {pid}, has ended ({how}); restarting it in {wait:g} s",
                worker=name,
                pid=pid,
                how=ending(reason),
                wait=max(0.0, round(self.restart[name].getTime() - self._now(), 1)),
            )
        elif self._all_ended is not None and not self.protocols:
            if self._at_once is not None and self._at_once.active():
                self._at_once.cancel()
            self._all_ended.callback(None)

    def stopService(self) -> Deferred[None]:  # type: ignore[override]  # Twisted's does not wait
        """Have all workers drain and end; kill those that have not ended after `killTime`."""
        super().stopService()
        if not self.protocols:
            return succeed(None)
        self._all_ended = Deferred()
        return self._all_ended

    def abort(self) -> None:
        """End all workers at once."""
        self._signal_all("INT")
        if self._at_once is None and self.protocols:
            self._at_once = self._call_later(AT_ONCE, self._signal_all, "KILL")

    def _signal_all(self, name: str) -> None:
        for worker in list(self.protocols.values()):
            if isinstance(worker, WorkerProcess):
                worker.signal(name)

    def kill(self, name: str) -> None:
        """Kill one worker; another takes its place."""
        worker = self.protocols.get(name)
        if isinstance(worker, WorkerProcess):
            worker.signal("KILL")


def ending(reason: Failure) -> str:
    """Describe how a process ended, from Twisted's failure."""
    number = getattr(reason.value, "signal", None)
    if number is not None:
        return f"killed by {signal.Signals(number).name}"
    return f"exit code {getattr(reason.value, 'exitCode', None)}"


SILENCE = 10.0
"""Seconds after which a silent worker counts as stopped or stuck, if there is no watchdog."""

STARTING = 90.0
"""Seconds that a worker has until its first heartbeat; a busy machine may need some."""

TICKS = 4
"""How many times heartbeats are checked in `SILENCE`."""


class Heartbeats:
    """Watches workers by name: calls ``ready(name)`` and, after some silence, ``silent(name)``.

    Silence is counted in ticks of this process. If this process was stopped for longer than a tick,
    heartbeats may be unread, or the workers may have been stopped too; then the silence of all
    counts from 0 again. A shorter stop costs one tick before the heartbeats are read; workers send
    two heartbeats in the time, so two ticks are to spare. ``environ`` is this process's
    environment.
    """

    def __init__(
        self,
        reactor: Any,
        environ: Mapping[str, str],
        ready: Callable[[str], None],
        silent: Callable[[str], None],
    ) -> None:
        self._environ = environ
        self._patience = watchdog_seconds(environ) or SILENCE
        self._ready = ready
        self._silent = silent
        self._ticks: dict[str, int] = {}
        self._ticking = LoopingCall.withCount(self._tick)
        self._ticking.clock = reactor

    def start(self) -> None:
        """Begin to count silence."""
        done: Deferred[Any] = self._ticking.start(self._patience / TICKS, now=False)
        done.addErrback(lambda failure: Logger().failure("heartbeats", failure=failure))

    def expect(self, name: str) -> dict[str, str]:
        """Watch a worker that is being started; return its environment.

        Variables for this process alone are left out.
        """
        self._ticks[name] = min(0, TICKS - math.ceil(STARTING * TICKS / self._patience))
        about_this_process = ("LISTEN_", "WATCHDOG_", "NOTIFY_")
        kept = {
            key: value
            for key, value in self._environ.items()
            if not key.startswith(about_this_process)
        }
        return {**kept, "WATCHDOG_USEC": str(round(self._patience * 1e6))}

    def heard(self, name: str, words: bytes) -> None:
        """Take the bytes of a worker's notifications."""
        self._ticks[name] = 0
        if b"READY=1" in words:
            self._ready(name)

    def _tick(self, passed: int) -> None:
        """Count silence, unless more than one tick has passed: then this process was stopped."""
        for name, ticks in list(self._ticks.items()):
            self._ticks[name] = ticks + 1 if passed == 1 else min(ticks, 0)
            if self._ticks[name] > TICKS:
                self.forget(name)
                self._silent(name)

    def forget(self, name: str) -> None:
        """Stop watching a worker until its next heartbeat."""
        self._ticks.pop(name, None)

    def stop(self) -> None:
        """Stop watching all workers."""
        if self._ticking.running:
            self._ticking.stop()
