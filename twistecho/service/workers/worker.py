"""One of several processes that serve: ``python -m twistecho.service.workers.worker``.

It is started by `pool` and told through its standard input what to serve (see `assignment`); the
listening sockets are inherited. What it logs goes to standard output, an event in JSON each line.
SIGTERM has it deliver what is owed and end, however often it comes: a manager may send it to all
processes of a service. SIGINT after that ends it at once. This is an edge: it takes the global
reactor.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pickle import UnpicklingError
from threading import Thread
from typing import Any, TextIO

from twisted.application.reactors import installReactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    globalLogBeginner,
    jsonFileLogObserver,
)
from zope.interface import provider

from twistecho.base.timers import count_monotonic
from twistecho.eagerreactor import install_fastest
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.listening.accepting import (
    Board,
    Turn,
    adopted_endpoint,
    number_of,
    take_turns,
)
from twistecho.service.process.notify import Notifications
from twistecho.service.process.serving import Listener, MainService, make_factory, on_signals

from .assignment import ASKED, BOARD, FIRST_SOCKET, LIFE, Assignment, read_assignment
from .shared_counts import SharedAllowances, SharedCounts


class WorkerService(MainService):
    """Serves sockets that other workers serve too."""

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        listeners: Sequence[Listener],
        assignment: Assignment,
    ) -> None:
        super().__init__(clock, factory, listeners, assignment.options["drain"])
        self._notifications = Notifications(clock, os.environ, LIFE)
        rooms = [share.connections for share in assignment.shares]
        board = Board(BOARD, len(rooms))
        self._turn = Turn(board, assignment.number, rooms, factory.count_open)
        self._numbering = board if assignment.steered or factory.scenario.is_numbered else None
        if self._numbering is not None:
            factory.connections.number_of = number_of
        counts = SharedCounts(BOARD, Board.size(len(rooms)))
        self.allowances = SharedAllowances(counts, factory.scenario, assignment.slots)
        factory.connections.allowances = self.allowances

    def prepare(self, port: IListeningPort) -> None:
        """Take turns at a port with the other workers."""
        take_turns(port, self.clock, self._turn, self._numbering)

    def accept_all(self) -> None:
        """Accept whoever has connected, whatever the other workers have."""
        with self._turn.forced():
            self.accept_waiting()

    def announce(self, port: IListeningPort) -> None:
        """Say nothing: the process that listens has said it."""

    def stopService(self) -> Deferred[Any]:
        """Stop; what waits to be accepted is no other worker's any more."""
        self._turn.end()
        return super().stopService()

    def _on_second_signals(self) -> Any:
        on_signals((signal.SIGTERM,), lambda *_: None)
        return on_signals((signal.SIGINT,), self._stop_at_once)


def make_worker(reactor: Any, assignment: Assignment) -> WorkerService:
    """Make the service of one worker."""
    debugging = assignment.log_level == LogLevel.debug.name
    factory = make_factory(reactor, assignment.options, assignment.limits, debugging=debugging)
    listeners = [
        Listener(adopted_endpoint(reactor, description, FIRST_SOCKET + at), factory, "--port")
        for at, description in enumerate(assignment.endpoints)
    ]
    return WorkerService(reactor, factory, listeners, assignment)


def follow_orders(reactor: Any, service: WorkerService, first: int) -> None:
    """Have a worker do what it is told while it runs; its connections count from the ``first``."""
    from .orders_protocol import Numbering, OrdersProtocol, take_orders  # noqa: PLC0415 - most take none

    numbering = Numbering(number_of, first)
    service.factory.connections.number_of = numbering
    protocol = OrdersProtocol(
        reactor,
        service.factory,
        service.allowances,
        numbering=numbering,
        accept_waiting=service.accept_all,
        follow=service.follow_scenario,
    )
    take_orders(reactor, protocol)


def with_text(event: LogEvent) -> LogEvent:
    """Write a failure into the event's text: in JSON it loses what the exception said."""
    if "log_failure" not in event:
        return event
    kept = {key: value for key, value in event.items() if key != "log_failure"}
    traceback = event["log_failure"].getTraceback().rstrip()
    text = {"log_format": "{said}\n{traceback}", "said": formatEvent(event)}
    return {**kept, **text, "traceback": traceback}


def begin_logging(level: str, output: TextIO) -> None:
    """Log to a stream, one event a line."""
    json = jsonFileLogObserver(output)

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        json(with_text(event))

    levels = LogLevelFilterPredicate(LogLevel.levelWithName(level))
    observer = FilteringLogObserver(observe, [levels])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


def _end_with_parent() -> None:
    """End when standard input does: `base.processes` does better, but on Linux only."""
    os.read(0, 1)
    os._exit(1)


def _assignment() -> Assignment:
    """Ask what to do. Ends this process where the one that started it has ended before."""
    try:
        os.write(LIFE, ASKED)
        return read_assignment(sys.stdin.buffer)
    except (BrokenPipeError, EOFError, UnpicklingError):
        sys.exit(1)


def main() -> None:
    """Serve until told to stop."""
    os.setsid()  # Ctrl-C is for the process that started this one, which then stops it
    assignment = _assignment()
    Thread(target=_end_with_parent, daemon=True).start()
    begin_logging(assignment.log_level, sys.stdout)
    if assignment.reactor == "default":
        install_fastest()
    else:
        installReactor(assignment.reactor)
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it

    loop: Any = reactor
    count_monotonic(loop)
    service = make_worker(loop, assignment)
    if assignment.steered:
        follow_orders(loop, service, assignment.first)
    service.startService()
    loop.addSystemEventTrigger("before", "shutdown", service.stopService)
    if assignment.counted:
        from .metrics import publish  # noqa: PLC0415 - it needs an extra

        publish(loop, service.factory, assignment.number)
    loop.run()


if __name__ == "__main__":
    main()
