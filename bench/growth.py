"""The cost of growth, from 100 connections to 100,000: ``python -m bench.growth``.

When all clients have connected, each sends one message, whose reply is delayed by five seconds: all
of them wait at the same moment. Service and fleet are the real commands, with as many workers and
processes as the open-file limit requires; the service's counters are read at the end. Prints a
Markdown table; ``--json`` writes the figures, which `bench.hosts_needed` reads, and ``--plot``
draws them. Linux, about four minutes; traffic stays on the loopback.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from twistecho.base.notation import written
from twistecho.base.processes import raise_open_files
from twistecho.compare.meter import Meter
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.report import Report

from .programs import twist_echo

DELAY = 5.0
SOURCES = "127.0.1.1-127.0.1.64"
"""Local addresses: with few of them, the search for a free local port becomes slow."""

STEPS = ((100, 1), (1_000, 1), (1_000, 2), (10_000, 1), (10_000, 2), (100_000, 6))
"""Numbers of connections, and of workers."""


_WORKERS_COME_UP = 2.0


@dataclass(frozen=True)
class Step:
    """The result of one step: memory in bytes and CPU time in seconds, of all processes together.

    ``service_idle`` is the service's memory before the first client, ``service_peak`` its maximum;
    ``kernel_peak`` is the growth of the kernel's own objects: two sockets per connection.

    ``connecting`` is the time until the last client had connected; ``late`` are the response
    times' p50, p99 and maximum, minus the requested delay, in seconds.
    """

    connections: int
    workers: int
    answered: int
    service_idle: int
    service_peak: int
    fleet_peak: int
    kernel_peak: int
    service_cpu: float
    fleet_cpu: float
    connecting: float
    late: tuple[float, float, float]

    @property
    def service_each(self) -> float:
        """The service's memory per connection, without that of its idle processes."""
        return (self.service_peak - self.service_idle) / self.connections


class _Kernel:
    """Watches the memory of the kernel's objects, in bytes, while a block runs."""

    def __init__(self) -> None:
        self.before = self.most = self._look()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @staticmethod
    def _look() -> int:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Slab:"))

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self.most = max(self.most, self._look())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()


def measure(connections: int, workers: int) -> Step:
    """Run one step. Raises RuntimeError unless every client got the right reply."""
    options = [f"--workers={workers}"] if workers > 1 else []
    options += ["--reply=raw", f"--delay={DELAY}", f"--max-connections={connections + 1000}"]
    options += ["--max-waiting-total=536870912"]
    processes = max(1, -(-connections // 17_000))
    wanted = ["--reply=raw", f"--clients={connections}", f"--processes={processes}", "--barrier"]
    wanted += ["--timeout=120", f"--source={SOURCES}", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "report.json"
        server = twist_echo(*options)
        with server as target:
            time.sleep(_WORKERS_COME_UP)
            service = Meter(server.pid)
            command = [sys.executable, "-m", "twistecho", "fleet", str(target), *wanted]
            with (
                service,
                subprocess.Popen([*command, f"--json={result}"]) as running,
                Meter(running.pid) as fleet,
                _Kernel() as kernel,
            ):
                code = running.wait()
        report = Report.from_json(result.read_text())
    if code or not report.complete:
        raise RuntimeError(f"{connections:,} connections: exit code {code}, {report.failures}")
    return _step(report, workers, service, fleet, kernel)


def _step(report: Report, workers: int, service: Meter, fleet: Meter, kernel: "_Kernel") -> Step:
    count = report.plan.clients
    at = Latencies(report.measured.latency).summary((50.0, 99.0))
    assert at is not None
    # All clients waited at once: the first reply came after the last client had connected.
    connecting = max(outcome.connected or 0.0 for outcome in report.outcomes)
    assert connecting < min(outcome.replied or 0.0 for outcome in report.outcomes)
    assert service.cost
    assert fleet.cost
    return Step(
        connections=count,
        workers=workers,
        answered=report.answered,
        service_idle=service.cost.memory_idle,
        service_peak=service.cost.memory_peak,
        fleet_peak=fleet.cost.memory_peak,
        kernel_peak=kernel.most - kernel.before,
        service_cpu=service.cost.cpu,
        fleet_cpu=fleet.cost.cpu,
        connecting=connecting,
        late=(at.percentiles[0] - DELAY, at.percentiles[1] - DELAY, at.max - DELAY),
    )


COLUMNS = (
    "connections", "workers", "all connected after", "service: memory", "each", "CPU each",
    "fleet: memory", "CPU each", "kernel each", "late p50", "p99", "max",
)  # fmt: skip


def row(step: Step) -> str:
    """Write a step as a row of a Markdown table."""
    cells = [
        f"{step.connections:,}",
        f"{step.workers}",
        written(step.connecting),
        f"{step.service_peak / 2**20:.0f} MiB",
        f"{step.service_each / 1024:.1f} KiB",
        written(step.service_cpu / step.connections),
        f"{step.fleet_peak / 2**20:.0f} MiB",
        written(step.fleet_cpu / step.connections),
        f"{step.kernel_peak / step.connections / 1024:.1f} KiB",
        *(written(late) for late in step.late),
    ]
    return f"| {' | '.join(cells)} |"


def plot(steps: Iterable[Step], path: str) -> None:
    """Draw how memory, CPU time and lateness grow."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - only plots need it

    known = list(steps)
    panels: Mapping[str, Mapping[str, list[float]]] = {
        "memory, MiB": {
            "service": [step.service_peak / 2**20 for step in known],
            "fleet": [step.fleet_peak / 2**20 for step in known],
        },
        "CPU per connection, us": {
            "service": [1e6 * step.service_cpu / step.connections for step in known],
            "fleet": [1e6 * step.fleet_cpu / step.connections for step in known],
        },
        "replies late by, s": {
            "p50": [step.late[0] for step in known],
            "p99": [step.late[1] for step in known],
        },
    }
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        for (name, values), marker in zip(curves.items(), "os", strict=True):
            axes.plot([step.connections for step in known], values, marker, label=name, alpha=0.8)
        axes.set(xscale="log", yscale="log", xlabel="connections")
        axes.set_title(title, fontsize=9, loc="left")
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure the chosen steps, and print the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--most", type=int, default=100_000, help="leave out larger steps")
    parser.add_argument("--least", type=int, default=0, help="leave out smaller steps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--plot", metavar="FILE", help="draw them into FILE")
    options = parser.parse_args()
    raise_open_files()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    steps = []
    for connections, workers in STEPS:
        if options.least <= connections <= options.most:
            steps.append(measure(connections, workers))
            print(row(steps[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(step) for step in steps], indent=1) + "\n")
    if options.plot:
        plot(steps, options.plot)


if __name__ == "__main__":
    main()
