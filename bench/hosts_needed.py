"""The number of hosts for many connections: ``python -m bench.hosts_needed --connections 1000000``.

Pure arithmetic over measured figures, every step printed, so that you can use your own figures. The
defaults are those of docs/scale.md: memory from `bench.growth`, CPU time from `bench`.
"""

import argparse
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """Measured and assumed figures; bytes, seconds, and numbers per host.

    ``memory`` and ``kernel`` are bytes per connection in the service's processes and in the kernel;
    ``message`` and ``accept`` CPU seconds per message and per new connection; ``rate`` messages per
    second of one client; ``storm`` the seconds in which all clients must be able to reconnect.
    """

    memory: float = 2.0 * 1024
    kernel: float = 5.5 * 1024
    process: float = 50e6
    message: float = 12e-6
    accept: float = 128e-6
    rate: float = 0.1
    cores: int = 4
    ram: float = 8e9
    share: float = 0.5
    storm: float = 30.0
    files: int = 1_000_000
    ports: int = 28_232


@dataclass(frozen=True)
class Bound:
    """How many connections one resource of a host allows, and the arithmetic."""

    name: str
    connections: float
    arithmetic: str

    def hosts(self, connections: int) -> int:
        """Return the number of hosts for these connections, plus one that may be lost."""
        return math.ceil(connections / self.connections) + 1


def bounds(f: Figures) -> list[Bound]:
    """Return the bounds on one host's connections; only a ``share`` of memory and CPU is used."""
    each = f.memory + f.kernel
    ram = f.ram * f.share - f.cores * f.process
    cpu = f.cores * f.share
    return [
        Bound("memory", ram / each,
              f"({f.ram / 1e9:g} GB x {f.share:g} - {f.cores} workers x {f.process / 1e6:g} MB)"
              f" / ({f.memory:,.0f} + {f.kernel:,.0f} bytes)"),
        Bound("CPU, messages", cpu / (f.message * f.rate),
              f"{f.cores} cores x {f.share:g} / ({f.message * 1e6:g} us x {f.rate:g} per second)"),
        Bound("CPU, all come back", cpu * f.storm / f.accept,
              f"{f.cores} cores x {f.share:g} x {f.storm:g} s / {f.accept * 1e6:g} us"),
        Bound("open files", f.files, f"{f.files:,} files"),
    ]  # fmt: skip


def balancer_pairs(f: Figures, connections: int) -> int:
    """Return how many address pairs a balancer needs towards its hosts, for local ports."""
    return math.ceil(connections / f.ports)


def report(f: Figures, connections: int) -> list[str]:
    """Derive the number of hosts, one line per step."""
    lines = []
    for bound in bounds(f):
        lines.append(f"{bound.name:20} {bound.arithmetic}")
        lines.append(
            f"{'':20} = {bound.connections:,.0f} per host: {connections:,} need "
            f"{bound.hosts(connections):,} hosts, one of them spare"
        )
    narrowest = min(bounds(f), key=lambda bound: bound.connections)
    lines.append(f"result: {narrowest.hosts(connections):,} hosts, because of {narrowest.name}")
    lines.append(
        f"balancer: {connections:,} / {f.ports:,} local ports = {balancer_pairs(f, connections):,} "
        "pairs of a source and a server address"
    )
    return lines


def main() -> None:
    """Print the derivation for the figures given."""
    parser = argparse.ArgumentParser(prog="python -m bench.hosts_needed", description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000_000)
    for name, field in Figures.__dataclass_fields__.items():
        parser.add_argument(f"--{name}", type=type(field.default), default=field.default)
    options = vars(parser.parse_args())
    connections = options.pop("connections")
    print("\n".join(report(Figures(**options), connections)))


if __name__ == "__main__":
    main()
