"""The result of a comparison of designs: a value, written as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from twistecho.base.decoding import check_schema, decode, parse, written_as
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.report import Report

SCHEMA = 1
"""The version of the JSON form; it is raised when old readers would misread the new form."""

CONNECT_RETRIED = 0.9
"""Connect time in seconds from which on the first SYN must have been lost.

Linux repeats a SYN after 1 s (RFC 6298). The server's queue was full; nothing else on the loopback
takes this long.
"""


@dataclass(frozen=True)
class ServerCost:
    """The resources of a server's process and all its children, from listening until the end.

    ``cpu`` is in seconds. ``memory_idle``, before the first client, and ``memory_peak`` are in
    bytes; shared pages count once if the system reports that. ``processes`` and ``threads`` are the
    most seen.
    """

    cpu: float
    memory_idle: int
    memory_peak: int
    processes: int
    threads: int


@dataclass(frozen=True)
class Run:
    """One plan carried out by one engine against one server: a design, or one of the user's own.

    ``design`` is its name. ``cost`` is None if it was not measured. ``server_ended`` describes the
    end of a server that ended during the run.
    """

    design: str
    report: Report
    cost: ServerCost | None
    server_ended: str | None = None

    @property
    def clients(self) -> int:
        """How many clients there were."""
        return self.report.plan.clients

    @property
    def in_order_of_end(self) -> list[Outcome]:
        """The clients' outcomes in the order in which the clients finished."""
        return sorted(self.report.outcomes, key=lambda o: (o.ended, o.replied or 0.0, o.client))

    @cached_property
    def connect_times(self) -> list[float]:
        """How long each connection took to be established, in seconds, in ascending order."""
        outcomes = self.report.outcomes
        if self.report.plan.reconnect is not None:  # outcomes hold first connections only
            made = Latencies(self.report.measured.connect)
            return made.at_ranks(range(1, made.count + 1))
        return sorted(o.connected - o.started for o in outcomes if o.connected is not None)

    @property
    def connects_retried(self) -> int:
        """How many connections were established after their first SYN was lost."""
        return sum(took >= CONNECT_RETRIED for took in self.connect_times)

    @property
    def most_in_progress(self) -> int:
        """The most clients that were connected at the same time."""
        return most_at_once(_connected_for(self.report.outcomes))

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON data; ``summary`` is for people and follows from the rest."""
        return {
            "design": self.design,
            "server": asdict(self.cost) if self.cost else None,
            "server_ended": self.server_ended,
            "summary": {
                "connect_seconds_p50": middle(self.connect_times),
                "connect_seconds_max": max(self.connect_times, default=None),
                "connects_retried": self.connects_retried,
                "most_in_progress": self.most_in_progress,
            },
            "report": self.report.to_dict(),
        }


@written_as(Run, cost=None, server=ServerCost | None)
def _run(server: ServerCost | None, **fields: Any) -> Run:
    # Older files hold zeros for a cost that was not measured.
    return Run(cost=server if server and server.processes else None, **fields)


@dataclass(frozen=True)
class Comparison:
    """The runs of one comparison, in their order, and the settings of all servers.

    ``settings`` holds them as they were requested: the delay, what it applies to, the backlog; and
    the command of each of the user's own servers; see `own_setting`.
    """

    settings: dict[str, str]
    runs: tuple[Run, ...]

    @property
    def complete(self) -> bool:
        """Whether every message of every client was answered right, by every design."""
        return all(run.report.complete for run in self.runs)

    @property
    def sizes(self) -> list[int]:
        """The numbers of clients of the runs, in their order."""
        return list(dict.fromkeys(run.clients for run in self.runs))

    @property
    def engines(self) -> list[str]:
        """The engines that drove the clients, in their order."""
        return list(dict.fromkeys(run.report.engine for run in self.runs))

    def name(self, run: Run) -> str:
        """Return a run's name among those of its size: the design, and the engine if two ran."""
        return f"{run.design} {run.report.engine}" if len(self.engines) > 1 else run.design

    def is_own(self, run: Run) -> bool:
        """Return whether the server was the user's own, not one of the designs."""
        return own_setting(run.design) in self.settings

    def of_size(self, clients: int) -> list[Run]:
        """Return the runs with that many clients."""
        return [run for run in self.runs if run.clients == clients]

    def to_json(self) -> str:
        """Write everything as JSON text, the times of every client included."""
        runs = [run.to_dict() for run in self.runs]
        return json.dumps({"schema": SCHEMA, "settings": self.settings, "runs": runs}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Comparison":
        """Read a comparison from JSON text. Raises ValueError if it is none, or a newer form."""
        data = parse(text, "a comparison")
        check_schema(data, SCHEMA, "a comparison")
        return decode(data, cls, "a comparison")


def causes(runs: Iterable[Run]) -> list[str]:
    """Return the causes of failure that occurred in any of the runs."""
    return list(dict.fromkeys(cause for run in runs for cause in run.report.failures))


def own_setting(name: str) -> str:
    """Return the name of the setting that holds the command of this own server."""
    return f"server {name}"


def middle(ordered: list[float]) -> float | None:
    """Return the median of sorted values, the lower one of two; None if there are none."""
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """Return the most (begin, end) spans that overlap at one moment; an end precedes a begin."""
    steps = [step for begin, end in spans for step in ((begin, 1), (end, -1))]
    now = most = 0
    for _, change in sorted(steps):
        now += change
        most = max(most, now)
    return most


def _connected_for(outcomes: Iterable[Outcome]) -> list[tuple[float, float]]:
    return [(o.connected, o.ended) for o in outcomes if o.connected is not None]
