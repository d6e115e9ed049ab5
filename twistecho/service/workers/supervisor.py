"""Worker processes: started, watched, heard, started again, ended.

Twisted's `ProcessMonitor` starts and ends them. What it does not do and is added here: it says
nothing of a process that dies, does not wait when it stops, gives up on the processes' log lines
over 16 KiB, passes no descriptors, and takes a process that ends while it is still starting (over a
second on a busy machine) for one that had worked. Importing `twisted.runner.procmon` takes the
global reactor.

Workers tell the process that started them that they are ready, and alive, as every service tells
its manager (see `notify`), by a pipe each: nothing of it has a name that a cleaner could remove.
Who falls silent for some seconds is reported; where this process has to send heartbeats itself
(systemd's ``WatchdogSec``), for that time.
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
"""Seconds beyond the time to drain after which a worker that has not ended is killed."""

_LEVELS = tuple(LogLevel.iterconstants())
_LATEST = 2.0**34
"""Seconds since 1970: a time, five hundred years on, that can be written."""

AT_ONCE = 1.0
"""Seconds that a worker has to end its connections when all is to end at once."""


class EventReader(LineLogger):
    """Puts the events that a worker logs into this process's log."""

    MAX_LENGTH = 2**20

    def lineReceived(self, line: bytes) -> None:
        """Log one event; what is none is logged as it is."""
        text = line.strip(b"\x1e\r").decode(errors="backslashreplace")
        if not text:
            return
        event: object = None
        with suppress(Exception):  # it raises whatever JSON of other kinds makes of it
            event = eventFromJSON(text)
        if not (isinstance(event, dict) and _can_be_logged(event)):
            super().lineReceived(line)
            return
        event["log_system"] = f"worker {self.tag}"
        globalLogPublisher(event)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Drop what nobody could read."""


def _can_be_logged(event: dict[str, Any]) -> bool:
    """Tell whether no observer fails at an event: of what those look at, all is as it should be."""
    level, time = event.get("log_level"), event.get("log_time")
    named = isinstance(event.get("log_namespace", ""), str)
    return level in _LEVELS and named and isinstance(time, float) and 0 <= time < _LATEST


class WorkerProcess(LoggingProtocol):
    """One worker process, as its supervisor sees it."""

    service: "Supervisor"
    transport: Any  # IProcessTransport names neither `pid` nor `write`
    pid = 0

    def connectionMade(self) -> None:
        """Begin to hear the worker."""
        super().connectionMade()
        self._output = EventReader()
        self._output.tag = self.name
        self._output.service = self.service
        self._output.makeConnection(None)  # type: ignore[no-untyped-call]  # Twisted's
        self.pid = self.transport.pid  # gone once it has ended

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Tell the worker what to do when it asks; pass on signs of life; the rest is output."""
        if childFD == LIFE and data == ASKED:
            self.service.engage(self)
        elif childFD == LIFE:
            self.service.heard(self.name, data)
        elif childFD == ANSWERS and self.service.orders is not None:
            self.service.orders.heard(self.name, data)
        else:
            super().childDataReceived(childFD, data)

    def order(self, data: bytes) -> None:
        """Send what it is ordered to do, if it can still be."""
        with suppress(KeyError):  # the pipe is closed; what follows is processEnded
            self.transport.writeToChild(ORDERS, data)

    def signal(self, name: str) -> None:
        """Send a signal, ``TERM`` for example, if the process is still there."""
        with suppress(ProcessExitedAlready):  # what follows is processEnded
            self.transport.signalProcess(name)

    def processEnded(self, reason: Failure) -> None:
        """Have it logged and started again."""
        super().processEnded(reason)
        self.service.ended(self.name, self.pid, reason)


class Orders(Protocol):
    """Gives orders to workers: see `links.Links`."""

    def open(self, name: str, send: Callable[[bytes], None]) -> None:
        """Begin with a worker."""

    def heard(self, name: str, data: bytes) -> None:
        """Take what it answers."""


class Supervisor(ProcessMonitor):
    """Keeps a worker process running for each of ``names``.

    Each is told its ``assignment`` when it asks for it: what that says is never of before a change
    that came while the worker was starting. ``descriptors`` are passed to each, by their numbers
    there, and a pipe as `LIFE`: ``heard`` is called with a worker's name and what it tells.
    ``environ`` is a worker's environment, by its name. ``gone`` is called with the name of a worker
    that has ended. ``orders`` are given to them, if there are any, from when they have asked.
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
        self.killTime = drain + KILL_MARGIN
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

    def startProcess(self, name: str) -> None:
        """Start a worker, unless it runs."""
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
        """Tell a worker what to do."""
        worker.transport.write(self._assignment(worker.name))
        if self.orders is not None:
            self.orders.open(worker.name, worker.order)

    def ended(self, name: str, pid: int, reason: Failure) -> None:
        """Log that a worker has ended, and when it is started again."""
        self._gone(name)
        if self.running:
            self.restarts += 1
            self._log.warn(
                "Worker {worker}, process {pid}, has ended ({how}); the next starts in {wait:g} s",
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
        """Have all workers drain and end; kill those that have not after the time for it."""
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
    """Say how a process ended, from the failure with which Twisted tells it."""
    number = getattr(reason.value, "signal", None)
    if number is not None:
        return f"killed by {signal.Signals(number).name}"
    return f"exit code {getattr(reason.value, 'exitCode', None)}"


SILENCE = 10.0
"""Seconds for which a worker may be silent, without a watchdog: then it is stopped, or stuck."""

STARTING = 90.0
"""Seconds that a worker has until its first sign of life; a busy machine may need some."""

TICKS = 4
"""How many times in `SILENCE` it is looked who has told something."""


class Heartbeats:
    """Hears workers by name: calls ``ready(name)`` and, after a time of silence, ``silent(name)``.

    Silence is counted in ticks of this process. If it slept for longer than one, what was told may
    wait unread, or who tells slept with it: then the silence of all begins anew. A shorter sleep
    costs one tick before what waits is read; who tells twice in the time has two to spare.
    ``environ`` is this process's environment.
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
        """Expect a worker that is being started; give its environment.

        What concerns this process alone is not in it.
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
        """Take what a worker tells: lines, whole ones at first."""
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
        """Expect nothing of a worker until it tells something."""
        self._ticks.pop(name, None)

    def stop(self) -> None:
        """Miss nobody any more."""
        if self._ticking.running:
            self._ticking.stop()
