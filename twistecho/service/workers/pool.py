"""``twist echo --workers N``: the main process, which listens and supervises the workers.

It opens every listening socket and accepts on none: the workers inherit them. So a port is bound,
and port 0 gets its number, once. When a worker dies, waiting connections stay in the queue for the
others, and no connection is refused while the worker is restarted. The main process notifies the
service manager (such as systemd) for all: ready when all workers are, stopping when all stop.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IReadDescriptor

from twistecho.service.echo.factory import EchoFactory
from twistecho.service.echo.limits import Limits, describe_shares, shares_of
from twistecho.service.listening.accepting import GONE, Board
from twistecho.service.process.options import Options, end_process
from twistecho.service.process.serving import (
    METRICS,
    Listener,
    MainService,
    fitting,
    make_factory,
    make_listener,
    make_listeners,
    reason,
    serves_metrics,
)

from .assignment import BOARD, FIRST_SOCKET, Assignment
from .shared_counts import SharedCounts, Slots
from .supervisor import Heartbeats, Supervisor

if TYPE_CHECKING:
    from .links import Links
    from .steering import WorkersSteering


class WorkersService(MainService):
    """Listens for its workers, and supervises them.

    ``factory`` gets no connections: it holds the scenario and the limits. ``assignment`` is that of
    each worker, without its number.
    """

    def __init__(
        self,
        reactor: Any,
        factory: EchoFactory,
        listeners: Sequence[Listener],
        assignment: Assignment,
    ) -> None:
        super().__init__(reactor, factory, listeners, assignment.options["drain"])
        self._assignment = assignment
        self._temporary = _folder() if assignment.counted else None
        self._names = [str(number) for number in range(len(assignment.shares))]
        self._ready: set[str] = set()
        self._heartbeats = Heartbeats(reactor, os.environ, self._is_ready, self._is_silent)
        self._board_file = _shared_file(Board.size(len(self._names)))
        self._board = Board(self._board_file.fileno(), len(self._names))
        counts = SharedCounts(self._board_file.fileno(), Board.size(len(self._names)))
        self._slots = Slots(counts, factory.scenario)
        self._supervisor: Supervisor | None = None
        self._links: Links | None = None
        self._steering: WorkersSteering | None = None
        if assignment.steered:
            self._begin_steering()

    def _begin_steering(self) -> None:
        from .links import Links  # noqa: PLC0415 - most services are not steered
        from .steering import WorkersSteering  # noqa: PLC0415 - as above

        self._links = Links(self.clock, self._kill)
        self._steering = WorkersSteering(
            self.clock,
            self.factory,
            self._links,
            self._slots,
            next_number=lambda: self._board.next_number,
            check=self.check,
        )

    def describe(self) -> str:
        """Summarize how the service answers, and the limits of each worker."""
        return f"{super().describe()}, {describe_shares(self._assignment.shares)}"

    def prepare(self, port: IListeningPort) -> None:
        """Have a port listen, but accept nothing."""
        if IReadDescriptor.providedBy(port):
            shared: Any = port
            shared.stopReading()
            shared._shouldShutdown = False  # noqa: SLF001 - Twisted's flag not to shut it down

    def leave_unaccepted(self, port: IListeningPort) -> Deferred[None]:  # noqa: ARG002 - see below
        """Do nothing: each worker does it on its own port."""
        return succeed(None)

    def startService(self) -> None:
        """Listen, and start the workers."""
        super().startService()
        self._listen_beside(self._assignment.options)
        for name in self._names:
            self._board.open[int(name)] = GONE
        self._heartbeats.start()
        self._supervisor = self._make_supervisor()
        self._supervisor.startService()

    def _listen_beside(self, options: Mapping[str, Any]) -> None:
        """Listen for metrics and control, in this process alone."""
        metrics = None
        if self._temporary is not None:
            from twistecho.service.process.metrics import metrics_site  # noqa: PLC0415 - an extra

            from .metrics import workers_metrics  # noqa: PLC0415 - as above

            metrics = workers_metrics(Path(self._temporary.name), self.count_workers)
            if options["metrics"] is not None:
                text, description = options["metrics"]
                site, option = metrics_site(metrics), f"--metrics {text}"
                self.listen_or_end(make_listener(self.clock, option, description, site, METRICS))
        if self._steering is not None:
            from twistecho.service.process.control_port import (  # noqa: PLC0415 - most have none
                make_control,
            )

            self.listen_or_end(make_control(self.clock, options, self._steering, metrics))

    def _shared_sockets(self) -> list[int]:
        """Return the descriptors that workers inherit; end the process if a port has none."""
        ports: Sequence[Any] = self.ports[: len(self._listeners)]
        if len(ports) < len(self._listeners) or not all(map(IReadDescriptor.providedBy, ports)):
            end_process(
                "--workers: a port that is not a socket of this process cannot be shared", 2
            )
        return [port.fileno() for port in ports]

    def _make_supervisor(self) -> Supervisor:
        return Supervisor(
            self.clock,
            drain=self.drain,
            names=self._names,
            assignment=self._assignment_of,
            descriptors={
                BOARD: self._board_file.fileno(),
                **dict(enumerate(self._shared_sockets(), FIRST_SOCKET)),
            },
            environ=self._environment,
            heard=self._heartbeats.heard,
            gone=self._has_ended,
            orders=self._links,
        )

    def _assignment_of(self, name: str) -> bytes:
        """Return the assignment of a worker, with the scenario in force."""
        scenario, slots, first = self.factory.scenario, self._slots.all, 0
        if self._steering is not None:
            scenario, slots, first = self._steering.in_force
        return replace(
            self._assignment,
            options={**self._assignment.options, "scenario": scenario},
            number=int(name),
            slots=slots,
            first=first,
        ).to_bytes()

    def _environment(self, name: str) -> dict[str, str]:
        told = self._heartbeats.expect(name)
        if self._temporary is None:
            return told
        return {**told, "PROMETHEUS_MULTIPROC_DIR": self._temporary.name}

    def _begin(self) -> None:
        """Do not notify that the service is ready: `_is_ready` does, once the workers are."""

    def _is_ready(self, name: str) -> None:
        """Notify the manager once all are ready; log a worker that was restarted."""
        if len(self._ready) == len(self._names):
            self._log.info("Worker {worker} is ready again", worker=name)
            return
        self._ready.add(name)
        if len(self._ready) == len(self._names):
            self._log.info("All {count} workers are ready", count=len(self._names))
            self._notifications.ready()

    def _is_silent(self, name: str) -> None:
        self._log.error("Killing worker {worker}: it sends no heartbeats", worker=name)
        self._kill(name)

    def _kill(self, name: str) -> None:
        if self._supervisor is not None:
            self._supervisor.kill(name)

    def _has_ended(self, name: str) -> None:
        """Remove the state of a worker that has ended."""
        self._board.open[int(name)] = GONE
        self._heartbeats.forget(name)
        if self._links is not None:
            self._links.close(name)
        if self._temporary is not None:
            from .metrics import forget  # noqa: PLC0415 - it needs an extra

            forget(Path(self._temporary.name), name)

    def count_workers(self) -> tuple[int, int]:
        """Return how many workers run, and how many ended unexpectedly."""
        supervisor = self._supervisor
        return (0, 0) if supervisor is None else (len(supervisor.protocols), supervisor.restarts)

    def accept_waiting(self) -> None:
        """Do nothing: the workers accept."""

    def deliver(self) -> Deferred[Any]:
        """Have the workers send pending replies, and end."""
        assert self._supervisor is not None  # noqa: S101 - started before it is stopped
        self._supervisor.allow(self.drain)  # the scenario may have changed since the start
        return self._supervisor.stopService().addBoth(self._tidy)

    def _tidy(self, result: object) -> object:
        self._board_file.close()
        self._heartbeats.stop()
        if self._temporary is not None:
            self._temporary.cleanup()
        return result

    def abort(self) -> None:
        """End all workers at once."""
        if self._supervisor is not None:
            self._supervisor.abort()


def _folder() -> tempfile.TemporaryDirectory[str]:
    """Make the folder of the workers' metrics. Ends the process if that fails."""
    try:
        return tempfile.TemporaryDirectory(prefix="twistecho-", ignore_cleanup_errors=True)
    except OSError as error:
        end_process(f"--metrics: with --workers, this needs a temporary folder: {reason(error)}", 1)


def _shared_file(size: int) -> IO[bytes]:
    """Make a file in memory without a name. Ends the process if that fails."""
    try:
        if hasattr(os, "memfd_create"):
            shared: IO[bytes] = os.fdopen(os.memfd_create("twistecho"), "w+b")
        else:  # not Linux
            shared = tempfile.TemporaryFile()  # noqa: SIM115 - open to the end
        shared.truncate(size)
    except OSError as error:
        end_process(f"--workers: cannot share memory: {reason(error)}", 1)
    return shared


def make_workers(
    reactor: Any, options: Options, reactor_name: str, log_level: Any
) -> WorkersService:
    """Make the service that the options ask for. Ends the process if something is wrong.

    ``reactor_name`` is the name of the workers' reactor, or ``default``; ``log_level`` is theirs.
    """
    factory = make_factory(reactor, options, options["limits"], debugging=False)
    listeners = make_listeners(reactor, options, factory)
    assignment = Assignment(
        options=dict(options),
        endpoints=tuple(options["endpoints"].values()),
        shares=_fitting_shares(options["limits"], options["workers"]),
        reactor=reactor_name,
        log_level=log_level.name,
        counted=serves_metrics(options),
        steered=options["control"] is not None,
    )
    return WorkersService(reactor, factory, listeners, assignment)


def _fitting_shares(limits: Limits, workers: int) -> tuple[Limits, ...]:
    """Return the limits of each worker, reduced to fit the open-file limit."""
    shares = shares_of(limits, workers)
    room = fitting(shares[0]).connections
    return tuple(
        replace(share, connections=min(share.connections or room, room)) for share in shares
    )
