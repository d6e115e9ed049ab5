"""The kinds of measurement: each runs one peer once and returns a `Sample`."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .programs import LOAD, UNDER_TEST, Cpu, Process, Programs, running, twist_echo


@dataclass(frozen=True)
class Sample:
    """One run: the figure, and its CPU microseconds per message (or connection)."""

    value: float
    user: float = 0.0
    sys: float = 0.0
    more: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """The load of one run: ``hold`` is the delay in milliseconds, ``seconds`` its duration.

    ``share`` is the share of the full rate, for runs that do not measure the rate.
    """

    connections: int = 50
    size: int = 1024
    hold: int = 0
    seconds: float = 1.0
    share: float = 1.0


@contextmanager
def _served(programs: Programs, peer: str, hold: int) -> Iterator[tuple[Process, str]]:
    with running(programs.server(peer, hold), UNDER_TEST, programs.place) as server:
        yield server, server.port()


def _each(before: Cpu, after: Cpu, count: float) -> tuple[float, float]:
    scale = 1e6 / count
    return (after.user - before.user) * scale, (after.sys - before.sys) * scale


def rate(programs: Programs, peer: str, load: Load) -> Sample:
    """Echo in closed loops: messages per second."""
    return _loop(programs, peer, load)


def lateness(programs: Programs, peer: str, load: Load) -> Sample:
    """Delay replies: the 99th percentile of how late they arrive, in milliseconds.

    Messages are sent at a fixed pace, ``load.share`` of the peer's full rate, whatever is received.
    It is measured by the client, so it includes the way there and back, but by the kernel's time of
    arrival, so it excludes the client's own queue. It also excludes ``lag``, the 99th percentile of
    how late the client sent.
    """
    full = _loop(programs, peer, load).value
    pace = max(full * load.share, 1.0)
    found = _loop(programs, peer, load, pace)
    late = {name: value - load.hold for name, value in found.more.items() if name != "lag"}
    more = {**late, "lag": found.more["lag"], "rate": found.value, "full": full}
    return Sample(late["p99"], found.user, found.sys, more)


_FIGURES = ("p50", "p99", "max", "lag")


def _loop(programs: Programs, peer: str, load: Load, pace: float | None = None) -> Sample:
    """Drive a peer by closed loops, or at a pace in messages per second; times in milliseconds."""
    wanted = [str(load.connections), str(load.size), str(load.seconds)]
    how = ["loop", *wanted] if pace is None else ["pace", *wanted, str(pace)]
    with _served(programs, peer, load.hold) as (server, port):
        command = [*programs.command("client"), how[0], port, *how[1:]]
        with running(command, LOAD) as client:
            client.line()
            before, began = server.cpu(), time.monotonic()
            time.sleep(load.seconds)
            after, watched = server.cpu(), time.monotonic() - began
            count, took, *times = client.numbers()
        more = {name: value / 1000 for name, value in zip(_FIGURES, times, strict=False)}
        # Client and watcher sleep for different times, both a little too long.
        return Sample(count / took, *_each(before, after, count / took * watched), more)


def churn(programs: Programs, peer: str, load: Load) -> Sample:
    """Connect, echo once, close: the server's CPU microseconds per connection."""
    with _served(programs, peer, 0) as (server, port):
        command = [*programs.command("client"), "churn", port, str(load.connections)]
        with running(command, LOAD) as client:
            client.line()
            before = server.cpu()
            count, _ = client.numbers()
            time.sleep(0.1)
        user, system = _each(before, server.cpu(), count)
        return Sample(user + system, user, system)


def memory(programs: Programs, peer: str, load: Load) -> Sample:
    """Hold many connections: resident bytes per connection; ``size`` 0 leaves them idle."""
    with _served(programs, peer, load.hold) as (server, port):
        wanted = [str(load.connections), str(load.size)]
        with running([*programs.command("client"), "hold", port, *wanted], LOAD) as client:
            client.line()
            time.sleep(0.2)
            before = server.resident()
            client.tell()
            client.line()
            time.sleep(0.5)
            return Sample((server.resident() - before) / (load.connections - 100))


def start_up(programs: Programs, peer: str, _load: Load) -> Sample:
    """Run a command that only starts, prints a text and ends: its CPU microseconds."""
    with running(programs.command(peer), UNDER_TEST, programs.place) as process:
        user, system = _each(Cpu(0, 0), process.ended(), 1)
    return Sample(user + system, user, system)


def client_rate(programs: Programs, peer: str, load: Load) -> Sample:
    """Drive the C server: messages per second, verified and recorded."""
    repeat = int(load.seconds * 80_000 / load.connections)
    with running([*programs.command("c"), "0"], LOAD) as server:
        wanted = [server.line(), str(load.connections), str(load.size), str(repeat)]
        with running([*programs.command(peer), *wanted], UNDER_TEST) as client:
            count, took, *used = client.numbers()
        return Sample(count / took, *_each(Cpu(0, 0), Cpu(*used), count))


def makespan(_programs: Programs, _peer: str, load: Load) -> Sample:
    """Run ``twist echo --delay 5`` and ``twistecho fleet``: seconds from first to last."""
    with twist_echo(f"--delay={load.hold / 1000}") as target:
        command = [sys.executable, "-m", "twistecho", "fleet", str(target), "--json=-"]
        wanted = [f"--clients={load.connections}", "--timeout=30"]
        said = subprocess.run([*command, *wanted], check=True, capture_output=True, text=True)
    report = json.loads(said.stdout[said.stdout.index("{") :])
    assert report["summary"]["answered"] == load.connections
    return Sample(float(report["summary"]["makespan_seconds"]))
