"""Worker processes: started, watched, heard, started again, ended.

Twisted's `ProcessMonitor` starts and ends them. What it does not do and is added here: it says
nothing of a process that dies, does not wait when it stops, gives up on the processes' log lines
over 16 KiB, passes no descriptors, and takes a process that ends while it is still starting (over a
second on a busy machine) for one that had worked. Importing `twisted.runner.procmon` takes the
global reactor.

Workers tell the process that started them that they are ready, and alive, as every service tells
its manager (see `notify`), at a socket for each. Where this process has to send heartbeats itself
(systemd's ``WatchdogSec``), so have they: who falls silent for that time is reported.
"""

import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger, LogLevel, eventFromJSON, globalLogPublisher
from twisted.python.failure import Failure
from twisted.runner.procmon import LineLogger, LoggingProtocol, ProcessMonitor

from twistecho.base.processes import command
from twistecho.service.process.notify import watchdog_seconds

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
        """Tell the worker what to do."""
        super().connectionMade()
        self._output = EventReader()
        self._output.tag = self.name
        self._output.service = self.service
        self._output.makeConnection(None)  # type: ignore[no-untyped-call]  # Twisted's
        self.pid = self.transport.pid  # gone once it has ended
        self.transport.write(self.service.assignments[self.name])

    def signal(self, name: str) -> None:
        """Send a signal, ``TERM`` for example, if the process is still there."""
        with suppress(ProcessExitedAlready):  # what follows is processEnded
            self.transport.signalProcess(name)

    def processEnded(self, reason: Failure) -> None:
        """Have it logged and started again."""
        super().processEnded(reason)
        self.service.ended(self.name, self.pid, reason)


class Supervisor(ProcessMonitor):
    """Keeps a worker process running for each of ``assignments``, which are by name.

    ``descriptors`` are passed to each, from 3 upwards. ``environ`` is a worker's environment, by
    its name. ``gone`` is called with the name of a worker that has ended.
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
        assignments: dict[str, bytes],
        descriptors: list[int],
        environ: Callable[[str], dict[str, str]],
        gone: Callable[[str], None],
    ) -> None:
        super().__init__(reactor)
        self.killTime = drain + KILL_MARGIN
        self.assignments = assignments
        self.restarts = 0
        self._spawn = reactor.spawnProcess
        self._now = reactor.seconds
        self._call_later = reactor.callLater
        self._environ = environ
        self._gone = gone
        passed: dict[int, int | str] = {3 + at: fd for at, fd in enumerate(descriptors)}
        self._descriptors = {0: "w", 1: "r", 2: "r", **passed}
        self._all_ended: Deferred[None] | None = None
        self._at_once: IDelayedCall | None = None
        for name in assignments:
            self.addProcess(name, [name])

    def startProcess(self, name: str) -> None:
        """Start a worker, unless it runs."""
        if name in self.protocols:
            return
        worker = WorkerProcess()
        worker.service, worker.name = self, name
        self.protocols[name] = worker
        self.timeStarted[name] = self._now()
        line = command("twistecho.service.workers.worker", f"{name} of {len(self.assignments)}")
        try:
            self._spawn(
                worker, sys.executable, line, env=self._environ(name), childFDs=self._descriptors
            )
        except OSError:  # no memory, or too many processes
            self._log.failure("Worker {worker} cannot be started", worker=name)
            del self.protocols[name]
            self.restart[name] = self._call_later(self.delay[name], self.startProcess, name)

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


class Heartbeats:
    """Hears workers by name: calls ``ready(name)`` and, after a watchdog's time, ``silent(name)``.

    ``folder`` is where the sockets are made. ``environ`` is this process's environment.
    """

    def __init__(
        self,
        reactor: Any,
        folder: Path,
        environ: Mapping[str, str],
        ready: Callable[[str], None],
        silent: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._folder = folder
        self._environ = environ
        self._patience = watchdog_seconds(environ)
        self._ready = ready
        self._silent = silent
        self._watched: dict[str, IDelayedCall] = {}
        self._ports: list[Any] = []

    def listen(self, name: str) -> None:
        """Hear a worker. Raises `CannotListenError`."""
        path, ears = str(self._folder / name), _Ears(self, name)
        self._ports.append(self._reactor.listenUNIXDatagram(path, ears, mode=0o600))

    def environment(self, name: str) -> dict[str, str]:
        """Give the environment in which a worker is heard."""
        about_this_process = ("LISTEN_", "WATCHDOG_", "NOTIFY_")
        kept = {
            key: value
            for key, value in self._environ.items()
            if not key.startswith(about_this_process)
        }
        if self._patience:
            kept["WATCHDOG_USEC"] = str(round(self._patience * 1e6))
        return {**kept, "NOTIFY_SOCKET": str(self._folder / name)}

    def heard(self, name: str, words: bytes) -> None:
        """Take one notification of a worker."""
        if words == b"READY=1":
            self._ready(name)
        if self._patience:
            self.forget(name)
            self._watched[name] = self._reactor.callLater(self._patience, self._silent, name)

    def forget(self, name: str) -> None:
        """Expect nothing of a worker until it tells something."""
        call = self._watched.pop(name, None)
        if call is not None and call.active():
            call.cancel()

    def stop(self) -> Deferred[Any]:
        """Hear nobody any more."""
        for name in list(self._watched):
            self.forget(name)
        ports, self._ports = self._ports, []
        return gatherResults([maybeDeferred(port.stopListening) for port in ports])


class _Ears(DatagramProtocol):
    """The socket of one worker."""

    noisy = False

    def __init__(self, heartbeats: Heartbeats, name: str) -> None:
        self._heartbeats = heartbeats
        self._name = name

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: ARG002 - Twisted's
        """Take one notification."""
        self._heartbeats.heard(self._name, datagram)
