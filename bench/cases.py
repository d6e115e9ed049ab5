"""The measured cases, their peers, and their goals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .measure import Load, Sample, churn, client_rate, lateness, makespan, memory, rate, start_up
from .programs import Programs

SERVERS = ("twistecho", "uvloop", "twisted", "go", "node", "c", "asyncio", "gevent", "threads")
_NO_LIMIT = tuple(name for name in SERVERS if name != "c")  # the C server delays nothing


@dataclass(frozen=True)
class Case:
    """A measurement. The first peer is ours; ``wanted`` is the goal of the ratio, ours over theirs.

    With ``less``, less is better and ``wanted`` is a maximum. ``bound`` is the goal for ours alone.
    """

    title: str
    unit: str
    measure: Callable[[Programs, str, Load], Sample]
    load: Load
    peers: tuple[str, ...] = SERVERS
    wanted: Mapping[str, float] = field(default_factory=dict)
    less: bool = False
    bound: float | None = None


CASES: dict[str, Case] = {
    "echo-50": Case(
        "echo 1 KiB, 50 connections", "messages/s", rate, Load(),
        wanted={"uvloop": 1.0, "twisted": 2.2, "go": 1.05, "node": 1.25, "c": 0.8},
    ),
    "echo-1": Case(
        "echo 1 KiB, 1 connection", "messages/s", rate, Load(1), wanted={"uvloop": 1.0}
    ),
    "echo-64k": Case(
        "echo 64 KiB, 50 connections", "messages/s", rate, Load(size=65536),
        wanted={"uvloop": 1.0},
    ),
    "delayed": Case(
        "10 ms delay, 2,000 connections, 64 B", "messages/s", rate, Load(2000, 64, 10),
        _NO_LIMIT, {"uvloop": 1.2, "go": 1.2, "node": 1.3, "twisted": 3.5},
    ),
    "faults": Case(
        "echo 64 B, 50 connections, 1 % of the replies corrupted", "messages/s", rate,
        Load(size=64), ("twistecho faults",),
    ),
    "fleet": Case(
        "fleet, 50 clients, 1 KiB", "messages/s", client_rate, Load(),
        ("twistecho fleet", "uvloop client", "twisted client"),
        {"uvloop client": 1.0, "twisted client": 2.0},
    ),
    "churn": Case(
        "server CPU per new connection", "us", churn, Load(5000),
        wanted={"uvloop": 1.25}, less=True,
    ),
    "memory": Case(
        "memory per idle connection, 10,000", "bytes", memory, Load(10_000, 0),
        wanted={"uvloop": 1.1}, less=True,
    ),
    "memory-waiting": Case(
        "memory with one waiting reply, 10,000", "bytes", memory, Load(10_000, 64, 60_000),
        _NO_LIMIT, less=True,
    ),
    "notebook": Case(
        "20 clients, 5 s: makespan", "s", makespan, Load(20, hold=5000), ("twistecho",),
        less=True, bound=5.05,
    ),
    "storm": Case(
        "10,000 clients, 5 s: makespan", "s", makespan, Load(10_000, hold=5000), ("twistecho",),
        less=True, bound=7.0,
    ),
    "late-half": Case(
        "lateness p99 at half of the full rate, 10 ms delay, 2,000 connections", "ms", lateness,
        Load(2000, 64, 10, share=0.5), ("twistecho", "uvloop", "go", "node"), less=True, bound=2.0,
    ),
    "late-idle": Case(
        "lateness p99 at a hundredth of the full rate", "ms", lateness,
        Load(2000, 64, 10, share=0.01), ("twistecho", "uvloop", "go", "node"), less=True,
    ),
    "version": Case(
        "CPU of twistecho --version", "us", start_up, Load(),
        ("twistecho --version", "import click"), {"import click": 1.5}, less=True,
    ),
    "echo-help": Case(
        "CPU of twist echo --help", "us", start_up, Load(),
        ("twist echo --help", "twist --help"), {"twist --help": 1.2}, less=True,
    ),
    "echo-1000": Case(
        "echo 1 KiB, 1,000 connections", "messages/s", rate, Load(1000)
    ),
    "import": Case(
        "CPU of python -c 'import twistecho'", "us", start_up, Load(), ("import twistecho",),
        less=True,
    ),
    "help": Case(
        "CPU of twist --help", "us", start_up, Load(), ("twist --help",), less=True
    ),
}  # fmt: skip
"""The cases by name, those with goals first."""
