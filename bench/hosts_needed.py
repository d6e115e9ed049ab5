"""How many hosts so many connections take: ``python -m bench.hosts_needed --connections 1000000``.

Pure arithmetic over measured figures, every step printed, so that anybody can put in their own. The
defaults are those of docs/scale.md: memory from `bench.growth`, CPU time from `bench`.
"""

import argparse
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """What was measured and what is assumed; bytes, seconds, and numbers a host.

    ``memory`` and ``kernel`` are bytes a connection in the service's processes and in the kernel;
    ``message`` and ``accept`` CPU seconds a message and a new connection; ``rate`` messages a
    second of one client; ``storm`` the seconds in which all clients must be able to come back.
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
    """How many connections one host can have, as far as one thing goes, and the arithmetic."""

    name: str
    connections: float
    arithmetic: str

    def hosts(self, connections: int) -> int:
        """Give how many hosts so many connections take, and one more that may be lost."""
        return math.ceil(connections / self.connections) + 1


def bounds(f: Figures) -> list[Bound]:
    """Give what bounds the connections of one host; only a ``share`` of memory and CPU is used."""
    each = f.memory + f.kernel
    ram = f.ram * f.share - f.cores * f.process
    cpu = f.cores * f.share
    return [
        Bound("memory", ram / each,
              f"({f.ram / 1e9:g} GB x {f.share:g} - {f.cores} workers x {f.process / 1e6:g} MB)"
              f" / ({f.memory:,.0f} + {f.kernel:,.0f} bytes)"),
        Bound("CPU, messages", cpu / (f.message * f.rate),
              f"{f.cores} cores x {f.share:g} / ({f.message * 1e6:g} us x {f.rate:g} a second)"),
        Bound("CPU, all come back", cpu * f.storm / f.accept,
              f"{f.cores} cores x {f.share:g} x {f.storm:g} s / {f.accept * 1e6:g} us"),
        Bound("open files", f.files, f"{f.files:,} files"),
    ]  # fmt: skip


def balancer_pairs(f: Figures, connections: int) -> int:
    """Give how many pairs of addresses a balancer needs towards its hosts, for local ports."""
    return math.ceil(connections / f.ports)


def report(f: Figures, connections: int) -> list[str]:
    """Derive the number of hosts, a line a step."""
    lines = []
    for bound in bounds(f):
        lines.append(f"{bound.name:20} {bound.arithmetic}")
        lines.append(
            f"{'':20} = {bound.connections:,.0f} a host: {connections:,} take "
            f"{bound.hosts(connections):,} hosts, one of them to spare"
        )
    narrowest = min(bounds(f), key=lambda bound: bound.connections)
    lines.append(f"so it is {narrowest.hosts(connections):,} hosts, for {narrowest.name}")
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
