"""A mode at work: one process is measured on its core, its counterpart on the other drives it.

Both live for several turns. A turn gives the CPU microseconds a message, of all the messages in it;
the process stands still before and after, so that none is counted by halves. Its start is over by
then. What a fleet's run costs whatever its length, such as connecting, is taken off by a short run
before the long one.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.programs import LOAD, UNDER_TEST, Process, Programs, running

from .catalogue import MESSAGE, SIZE, Fleet, LeastThreads, Service, Work

Turn = Callable[[], float]
"""Has a mode work for a while; gives the CPU microseconds a message."""

_SECONDS = 0.15
_SHORT = 500
"""Messages of a fleet's short run."""


@contextmanager
def at_work(programs: Programs, work: Work) -> Iterator[Turn]:
    """Run a mode's processes for the block's time. Raises RuntimeError where one of them fails."""
    if isinstance(work, Service):
        starting = _serving(programs, work)
    elif isinstance(work, Fleet):
        command = programs.fleet(work.engine, json.dumps(work.fields))
        starting = _running_plans(
            programs, command, work.answers, work.messages, work.fields["clients"]
        )
    else:
        starting = _least_threads(programs, work)
    with starting as turn:
        yield turn


@contextmanager
def _serving(programs: Programs, work: Service) -> Iterator[Turn]:
    command = programs.echo(*work.options)
    with running(command, UNDER_TEST, programs.place) as server:
        load = [str(work.connections), str(SIZE), str(SIZE + work.longer), work.text]
        driving = [*programs.command("client"), "turns", server.port(), *load]
        with running(driving, LOAD) as client:
            client.line()

            def turn() -> float:
                seconds, messages = _used(server, client, str(_SECONDS))
                return seconds / messages * 1e6

            turn()  # the first has to fill caches
            yield turn


@contextmanager
def _least_threads(programs: Programs, work: LeastThreads) -> Iterator[Turn]:
    clients = Fleet().fields["clients"]

    def command(port: str) -> list[str]:
        return [*programs.command("threads client"), port, str(clients), MESSAGE]

    with _running_plans(programs, command, "raw", work.messages, clients) as turn:
        yield turn


@contextmanager
def _running_plans(
    programs: Programs,
    command: Callable[[str], list[str]],
    answers: str,
    messages: int,
    clients: int,
) -> Iterator[Turn]:
    with running([*programs.command("c"), "0", answers], LOAD) as server:
        fleet_command = command(server.port())
        with running(fleet_command, UNDER_TEST, programs.place) as fleet:

            def turn() -> float:
                seconds, short = _used(fleet, fleet, str(_SHORT // clients))
                longer, long = _used(fleet, fleet, str(messages // clients))
                return (longer - seconds) / (long - short) * 1e6

            _used(fleet, fleet, str(_SHORT // clients))  # as above
            yield turn


def _used(measured: Process, told: Process, line: str) -> tuple[float, float]:
    """Tell a process to go on; give the CPU seconds that it took the other, and the messages."""
    before = sum(measured.cpu())
    told.tell(line)
    messages = told.numbers()[0]
    return sum(measured.cpu()) - before, messages
