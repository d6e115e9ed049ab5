"""The cost of a fresh server for a test: ``python -m bench.reset``.

It compares the reset with which the fixture `echo_server` begins each test, a server forked for it,
and one started as a program. Prints the median of the wall-clock time and of the CPU time of all
processes involved, in milliseconds. Needs Linux.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from typing import NamedTuple

from twistecho.testing.servers import EchoServer, SharedServer


class Cost(NamedTuple):
    """The cost of one start or reset, in milliseconds."""

    wall: float
    cpu: float


def _cpu_of(pid: int) -> float:
    """Return the CPU time that a process has used until now, in seconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _cost(work: Callable[[], float]) -> Cost:
    """Measure once; ``work`` returns the CPU seconds of other processes."""
    began, before = time.perf_counter(), time.process_time()
    others = work()
    wall, cpu = time.perf_counter() - began, time.process_time() - before + others
    return Cost(wall * 1e3, cpu * 1e3)


def resets(rounds: int) -> list[Cost]:
    """Reset a server for a test, with another scenario, and end its connections afterwards."""
    with SharedServer() as shared:
        pid = shared.fresh({}).pid

        def begin() -> float:
            before = _cpu_of(pid)
            shared.fresh({"banner": "220 ready\r\n"})
            shared.release()
            return _cpu_of(pid) - before

        return [_cost(begin) for _ in range(rounds)]


def forks(rounds: int) -> list[Cost]:
    """Fork servers from the process that has imported all modules."""
    with EchoServer() as first:
        starter = int(Path(f"/proc/{first.pid}/stat").read_text().split()[3])

    def start() -> float:
        before = _cpu_of(starter)
        with EchoServer() as server:
            own = _cpu_of(server.pid)
        return own + _cpu_of(starter) - before

    return [_cost(start) for _ in range(rounds)]


_PROGRAM = "from twistecho.testing.service_process import main; main(['1', '{\"scenario\": {}}'])"


def programs(rounds: int) -> list[Cost]:
    """Start servers as programs, each of which imports all modules."""

    def start() -> float:
        with Popen([sys.executable, "-c", _PROGRAM], stdin=PIPE, stdout=PIPE) as process:
            assert process.stdout is not None
            assert b"port" in process.stdout.readline()
            assert process.stdin is not None
            process.stdin.close()
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
        return used.ru_utime + used.ru_stime

    return [_cost(start) for _ in range(rounds)]


def _print(what: str, costs: Sequence[Cost]) -> None:
    wall = median(cost.wall for cost in costs)
    cpu = median(cost.cpu for cost in costs)
    print(f"{what:<34}{wall:10.2f} ms {cpu:10.2f} ms of CPU")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.reset", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="resets; a tenth as many forks")
    rounds = parser.parse_args().rounds
    _print("a server reset, and its end", resets(rounds))
    _print("a server forked, and its end", forks(max(3, rounds // 10)))
    _print("a server started, and its end", programs(max(3, rounds // 20)))


if __name__ == "__main__":
    main()
