"""``python -m bench.workers``: several processes on one port, for each way of sharing it.

    spread   how evenly 2 and 4 processes get connections: in a burst, and one by one
    waiting  what happens to connections waiting to be accepted when a process is killed
    cost     CPU microseconds that a new connection costs all processes together
    cores    one worker and one load on one core, two and two on two: CPU per message, messages/s
    killed   a running fleet while one of two workers is killed

Ways take turns within a round. The CPU time of processes is the scheduler's own count. Needs Linux
and gcc for the load.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from .programs import Programs, twist_echo
from .sharing import WAYS, Group, sharing


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def _burst(stack: ExitStack, port: int, count: int) -> None:
    for _ in range(count):
        one = stack.enter_context(socket.socket())
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))


def _trickle(stack: ExitStack, port: int, count: int) -> None:
    for _ in range(count):
        stack.enter_context(_connect(port))
        time.sleep(0.002)


def spread(rounds: int) -> None:
    """Print the busiest process's share, relative to an even one: median and maximum."""
    print("\nspread: connections of the busiest process, 1.00 is even; median (worst)")
    arrivals: dict[str, tuple[Callable[[ExitStack, int, int], None], int]] = {
        "burst of 20": (_burst, 20),
        "burst of 1000": (_burst, 1000),
        "20, 2 ms apart": (_trickle, 20),
        "200, 2 ms apart": (_trickle, 200),
    }
    for workers in (2, 4):
        found: dict[tuple[str, str], list[float]] = {}
        for _ in range(rounds):
            for way in WAYS:
                for name, (arrive, count) in arrivals.items():
                    with sharing(way, workers) as group, ExitStack() as stack:
                        arrive(stack, group.port, count)
                        most = max(_when_all_are_in(group, count))
                    found.setdefault((way, name), []).append(most * workers / count)
        for way in WAYS:
            figures = (
                f"{name}: {median(found[way, name]):.2f} ({max(found[way, name]):.2f})"
                for name in arrivals
            )
            print(f"  {workers} processes, {way:10} {'   '.join(figures)}", flush=True)


def _when_all_are_in(group: Group, count: int) -> list[int]:
    while sum(accepted := group.accepted()) < count:
        time.sleep(0.01)
    return accepted


def waiting(rounds: int) -> None:
    """Let 200 clients wait to be accepted, kill one of two processes, count the replies."""
    print("\nwaiting: 200 clients wait in the queue, one of two processes is killed")
    for way in WAYS:
        outcomes: Counter[str] = Counter()
        for _ in range(rounds):
            with sharing(way, 2) as group, ExitStack() as stack:
                group.signal(signal.SIGSTOP)
                clients = [stack.enter_context(_connect(group.port)) for _ in range(200)]
                group.signal(signal.SIGKILL, only=0)
                group.signal(signal.SIGCONT, only=1)
                outcomes.update(_ask(client) for client in clients)
        print(f"  {way:10} {dict(outcomes)}", flush=True)


def _ask(client: socket.socket) -> str:
    try:
        client.sendall(b"x")
        return "answered" if client.recv(1) else "closed"
    except OSError as error:
        return type(error).__name__


def _cpu(pid: int) -> float:
    """Return the CPU time that a process has used, in seconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def cost(rounds: int, programs: Programs) -> None:
    """Connect, echo once and close, 5,000 times."""
    print("\ncost: CPU us of both processes together for a new connection, echoed once")
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            with sharing(way, 2) as group:
                before = sum(map(_cpu, group.pids))
                command = [*programs.command("client"), "churn", str(group.port), "5000"]
                subprocess.run(command, check=True, capture_output=True)
                time.sleep(0.1)
                found[way].append((sum(map(_cpu, group.pids)) - before) / 5000 * 1e6)
    for way, costs in found.items():
        print(f"  {way:10} {median(costs):6.1f}", flush=True)


@contextmanager
def _service(*options: str) -> Iterator[tuple[int, list[int]]]:
    """Run ``twist echo`` with workers; yield its port and the ids of the workers."""
    launched = twist_echo(*options)
    with launched as target:
        port = int(str(target).rpartition(":")[2])
        while not (found := psutil.Process(launched.pid).children()):
            time.sleep(0.01)
        _ask_each(port, len(found))
        yield port, [child.pid for child in found]


def _ask_each(port: int, workers: int) -> None:
    """Wait until all workers accept: they take turns."""
    time.sleep(1)
    for _ in range(4 * workers):
        with _connect(port) as one:
            one.sendall(b"x")
            one.recv(1)


class Run(NamedTuple):
    """CPU us per message, of the workers together and of the load, and messages per second.

    ``ours`` is the part of the cores' time that these processes used.
    """

    served: float
    load: float
    rate: float
    ours: float


ALONE = 0.95
"""With at least this part of the cores' time, a round ran without other load."""


LOADS = {
    "1 KiB, echoed at once": (["--reply=raw"], 1),
    "64 KiB, 64 messages, a fault drawn per message": (["--reply=raw", "--fault=corrupt:0"], 64),
}
"""Options of the service, and how many KiB, and so messages, the load sends at once."""


def cores(rounds: int, seconds: float, programs: Programs) -> None:
    """Echo in closed loops of 50 connections: all on one core, and twice as many on two."""
    for name, (options, size) in LOADS.items():
        print(f"\ncores, {name}: CPU us per message, and messages/s")
        found: dict[int, list[Run]] = {1: [], 2: []}
        for _ in range(rounds):
            for workers, runs in found.items():
                with _on_cores(workers), _service(*options, f"--workers={workers}") as service:
                    runs.append(_loops(programs, service, size, seconds, workers))
        for workers, runs in found.items():
            served, load, rate, ours = (median(column) for column in zip(*runs, strict=True))
            print(
                f"  {workers} and {workers}: served {served:.2f}, load {load:.2f}; {rate:,.0f} "
                f"messages/s with {ours:.0%} of the cores' time"
            )
        _print_gain(list(zip(found[1], found[2], strict=True)))


def _print_gain(pairs: list[tuple[Run, Run]]) -> None:
    """Print the gain of two cores, by CPU time, and as measured in rounds without other load."""
    carried = median(2 * (one.served + one.load) / (two.served + two.load) for one, two in pairs)
    print(f"  two cores carry, by CPU time per message, {carried:.2f} times the load of one")
    alone = sorted(two.rate / one.rate for one, two in pairs if min(one.ours, two.ours) > ALONE)
    rounds = ", ".join(f"{ratio:.2f}" for ratio in alone)
    print(f"  measured in rounds without other load: {rounds or 'there was none'}")


@contextmanager
def _on_cores(count: int) -> Iterator[None]:
    """Let processes started in the block run on ``count`` cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _loops(
    programs: Programs, service: tuple[int, list[int]], size: int, seconds: float, loads: int
) -> Run:
    port, pids = service
    wanted = [str(port), "50", str(size * 1024), str(seconds)]
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                subprocess.Popen(
                    [*programs.command("client"), "loop", *wanted],
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(loads)
        ]
        outputs = [client.stdout for client in clients if client.stdout is not None]
        for output in outputs:
            output.readline()
        part = seconds * 0.8
        before = sum(map(_cpu, pids)), sum(_cpu(client.pid) for client in clients)
        time.sleep(part)
        after = sum(map(_cpu, pids)), sum(_cpu(client.pid) for client in clients)
        figures = [[float(word) for word in output.readline().split()] for output in outputs]
    rate = sum(count * size / took for count, took, *_ in figures)
    served, load = (end - begin for begin, end in zip(before, after, strict=True))
    each = 1e6 / (rate * part)
    return Run(served * each, load * each, rate, (served + load) / (part * loads))


def killed(rounds: int) -> None:
    """Let 200 clients send 40 messages each, kill a worker, and print the failures."""
    print("\nkilled: 200 clients, 10 replies per second each; one of two workers is killed")
    for _ in range(rounds):
        with _service("--reply=raw", "--delay=100ms", "--workers=2") as (port, pids):
            command = [sys.executable, "-m", "twistecho", "fleet", str(port), "--reply=raw"]
            wanted = ["--clients=200", "--repeat=40", "--timeout=20", "--json=-"]
            with subprocess.Popen(
                [*command, *wanted], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as fleet:
                time.sleep(2)
                links = [str(one.readlink()) for one in Path(f"/proc/{pids[0]}/fd").iterdir()]
                held = sum(link.startswith("socket:") for link in links) - 1  # its port
                os.kill(pids[0], signal.SIGKILL)
                began, late = time.monotonic(), 0.0
                for _ in range(50):
                    asked = time.monotonic()
                    with _connect(port) as new:
                        new.sendall(b"x")
                        assert new.recv(1) == b"x"
                    late = max(late, time.monotonic() - asked)
                took = time.monotonic() - began
                said, _ = fleet.communicate()
            summary = json.loads(said[said.index("{") :])["summary"]
            print(
                f"  it held {held}: {summary['answered']} of 200 got all right replies, "
                f"{summary['failures']}; 50 new connections after it, one by one: "
                f"{took / 50 * 1e3:.0f} ms each, at most {late * 1e3:.0f} ms",
                flush=True,
            )


def main() -> None:
    """Measure the chosen cases."""
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    names = ("spread", "waiting", "cost", "cores", "killed")
    parser.add_argument("--case", action="append", choices=names, help="repeatable; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long one run lasts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(Path(folder))
        cases: dict[str, Callable[[], None]] = {
            "spread": lambda: spread(options.rounds),
            "waiting": lambda: waiting(options.rounds),
            "cost": lambda: cost(options.rounds, programs),
            "cores": lambda: cores(options.rounds, options.seconds, programs),
            "killed": lambda: killed(options.rounds),
        }
        for name in options.case or names:
            cases[name]()


if __name__ == "__main__":
    main()
