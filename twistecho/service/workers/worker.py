"""One worker process of a service: ``python -m twistecho.service.workers.worker``.

It is started by `pool` and gets its assignment on standard input (see `assignment`); it inherits
the listening sockets. It logs to standard output, one JSON event per line. On SIGTERM it sends
pending replies and ends; further SIGTERMs change nothing, since a manager may send them to all
processes of a service. SIGINT after that ends it at once. This is an edge of the program: it uses
the global reactor.
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
    """Serves sockets that are shared with other workers."""

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
        """Take turns on a port with the other workers."""
        take_turns(port, self.clock, self._turn, self._numbering)

    def accept_all(self) -> None:
        """Accept all waiting connections, whatever the other workers have."""
        with self._turn.forced():
            self.accept_waiting()

    def announce(self, port: IListeningPort) -> None:
        """Do nothing: the main process has logged it."""

    def stopService(self) -> Deferred[Any]:
        """Stop; accept the waiting connections without taking turns."""
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
    """Have a worker carry out orders; connection ``first`` on the board has number 0."""
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
    """Write a failure into the event's text: JSON would lose the exception's message."""
    if "log_failure" not in event:
        return event
    kept = {key: value for key, value in event.items() if key != "log_failure"}
    traceback = event["log_failure"].getTraceback().rstrip()
    text = {"log_format": "{said}\n{traceback}", "said": formatEvent(event)}
    return {**kept, **text, "traceback": traceback}


def begin_logging(level: str, output: TextIO) -> None:
    """Log to a stream, one event per line."""
    json = jsonFileLogObserver(output)

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        json(with_text(event))

    levels = LogLevelFilterPredicate(LogLevel.levelWithName(level))
    observer = FilteringLogObserver(observe, [levels])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


def _end_with_parent() -> None:
    """End when standard input closes: works everywhere, `base.processes` on Linux only."""
    os.read(0, 1)
    os._exit(1)


def _assignment() -> Assignment:
    """Request the assignment. Ends this process if its parent has ended."""
    try:
        os.write(LIFE, ASKED)
        return read_assignment(sys.stdin.buffer)
    except (BrokenPipeError, EOFError, UnpicklingError):
        sys.exit(1)


def main() -> None:
    """Serve until a signal stops the process."""
    os.setsid()  # so that Ctrl-C reaches only the main process, which then stops this one
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
