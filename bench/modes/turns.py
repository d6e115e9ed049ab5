"""Running a mode: one process is measured on its core, its counterpart runs on the other.

Both run for several turns, and are idle between them. A turn returns the CPU microseconds per
message, without start-up: a service's connections are made before, and all of its messages count
until no reply is pending; a fleet is measured after all clients have connected and before they end,
by the count of the server in C. So the time for making the report is not included.
"""

import json
import mmap
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

from bench.programs import LOAD, UNDER_TEST, Process, Programs, running

from .catalogue import MESSAGE, SIZE, Fleet, Least, Service, Work

Turn = Callable[[], float]
"""Runs a mode for a while; returns the CPU microseconds per message."""

_BEFORE, _SECONDS, _AFTER = 0.06, 0.2, 0.04
"""Seconds that a fleet runs before, during and after its measurement."""

_SERVICE_SECONDS = 0.15


@contextmanager
def at_work(programs: Programs, work: Work) -> Iterator[Turn]:
    """Run a mode's processes for the block's time. Raises RuntimeError if one of them fails."""
    starting = _serving(programs, work) if isinstance(work, Service) else _sending(programs, work)
    with starting as turn:
        yield turn


@contextmanager
def _serving(programs: Programs, work: Service) -> Iterator[Turn]:
    command = programs.echo(*work.options)
    with running(command, UNDER_TEST, programs.place) as server:
        load = [str(work.connections), str(SIZE), str(SIZE + work.longer), work.text]
        driving = [*programs.command("client"), "turns", server.port(), *load]
        with driven(server, driving) as turn:
            yield turn


@contextmanager
def driven(server: Process, driving: Sequence[str]) -> Iterator[Turn]:
    """Drive a server for the block's time by a client with the output of ``client turns``."""
    with running(driving, LOAD) as client:
        client.line()

        def turn() -> float:
            before = sum(server.cpu())
            client.tell(str(_SERVICE_SECONDS))
            messages = client.numbers()[0]
            return (sum(server.cpu()) - before) / messages * 1e6

        turn()  # the first turn fills caches
        yield turn


@contextmanager
def _sending(programs: Programs, work: Fleet | Least) -> Iterator[Turn]:
    answers = work.answers if isinstance(work, Fleet) else "raw"
    with (
        _counting_server(programs, answers) as (port, count),
        running(_clients(programs, work, port), UNDER_TEST, programs.place) as fleet,
    ):

        def turn() -> float:
            fleet.tell(str(_BEFORE + _SECONDS + _AFTER))
            time.sleep(_BEFORE)
            before, first = sum(fleet.cpu()), count()
            time.sleep(_SECONDS)
            after, last = sum(fleet.cpu()), count()
            fleet.line()
            return (after - before) / (last - first) * 1e6

        _one_short_run(fleet)
        yield turn


def _one_short_run(fleet: Process) -> None:
    """Run once, so that all modules are imported and compiled."""
    fleet.tell(str(_BEFORE))
    fleet.line()


def _clients(programs: Programs, work: Fleet | Least, port: str) -> list[str]:
    if isinstance(work, Fleet):
        return programs.fleet(work.engine, port, json.dumps(work.fields))
    rate = [] if work.rate is None else [str(work.rate)]
    return [*programs.command(work.peer), port, str(work.clients), MESSAGE, *rate]


@contextmanager
def _counting_server(programs: Programs, answers: str) -> Iterator[tuple[str, Callable[[], int]]]:
    """Run the C server; yield its port, and a function that returns how many it answered."""
    with NamedTemporaryFile() as file:
        file.truncate(8)
        with (
            mmap.mmap(file.fileno(), 8) as counted,
            running([*programs.command("c"), "0", answers, file.name], LOAD) as server,
        ):
            yield server.port(), lambda: int.from_bytes(counted[:8], sys.byteorder)
