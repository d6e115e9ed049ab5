"""What a fleet found: a value, written as JSON and compared with another engine's."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .latency import PERCENTILES, Latencies, LatencySummary
from .outcome import Outcome
from .plan import Plan

SCHEMA = 1
"""The version of the JSON form; it grows when a reader of the old form would be misled."""

COMPARED = ("messages", "bytes_sent", "bytes_returned")
"""The counts, besides the outcome itself, on which two reports must agree, client by client."""


@dataclass(frozen=True)
class Disagreement:
    """A client of whom two reports tell different things; ``field`` names what differs."""

    client: int
    field: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        """Give the disagreement as one line."""
        return f"client {self.client}: {self.field}: {self.ours} against {self.theirs}"


@dataclass(frozen=True)
class Report:
    """What one engine found when it carried out a plan against a target.

    ``outcomes`` has one entry a client, in the order of their numbers. ``latency`` is the
    histogram of all replies in HdrHistogram's text form. ``makespan`` is the time from the first
    client's start to the last one's end, in seconds.
    """

    engine: str
    target: str
    plan: Plan
    outcomes: tuple[Outcome, ...]
    latency: str

    @property
    def makespan(self) -> float:
        """Seconds from the first client's start to the last one's end."""
        if not self.outcomes:
            return 0.0
        return max(o.ended for o in self.outcomes) - min(o.started for o in self.outcomes)

    @property
    def answered(self) -> int:
        """How many clients had every message answered right."""
        return sum(outcome.answered for outcome in self.outcomes)

    @property
    def failures(self) -> dict[str, int]:
        """How many clients failed, by cause, the most frequent first."""
        causes = Counter(str(o.cause) for o in self.outcomes if o.cause is not None)
        return dict(causes.most_common())

    @property
    def messages(self) -> int:
        """How many messages were answered right."""
        return sum(outcome.messages for outcome in self.outcomes)

    @property
    def bytes_sent(self) -> int:
        """How many bytes of messages the clients began to send."""
        return sum(outcome.bytes_sent for outcome in self.outcomes)

    @property
    def bytes_returned(self) -> int:
        """How many payload bytes came back right."""
        return sum(outcome.bytes_returned for outcome in self.outcomes)

    @property
    def complete(self) -> bool:
        """Whether every message of every client was answered right."""
        return len(self.outcomes) == self.plan.clients == self.answered

    def latencies(self) -> LatencySummary | None:
        """Give the figures of the histogram, or None where there was no reply."""
        return Latencies(self.latency).summary()

    def disagreements(self, other: "Report") -> list[Disagreement]:
        """List where another report, of the same plan, tells something else; times don't count."""
        ours = {outcome.client: outcome for outcome in self.outcomes}
        theirs = {outcome.client: outcome for outcome in other.outcomes}
        found: list[Disagreement] = []
        for client in sorted(ours.keys() | theirs.keys()):
            found += _differences(client, ours.get(client), theirs.get(client))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON data; ``summary`` repeats for people what the rest implies."""
        return {
            "schema": SCHEMA,
            "engine": self.engine,
            "target": self.target,
            "plan": self.plan.to_dict(),
            "summary": self._summary(),
            "latency_histogram": self.latency,
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
        }

    def _summary(self) -> dict[str, Any]:
        latency = self.latencies()
        return {
            "answered": self.answered,
            "failed": sum(self.failures.values()),
            "failures": self.failures,
            "messages": self.messages,
            "bytes_sent": self.bytes_sent,
            "bytes_returned": self.bytes_returned,
            "makespan_seconds": self.makespan,
            "latency_seconds": latency and _latency_to_dict(latency),
        }

    def to_json(self) -> str:
        """Write the report as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_dict(cls, data: Any) -> "Report":
        """Read a report back from JSON data. Raises ValueError if it is none, or a newer form."""
        try:
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema {data['schema']!r} is not {SCHEMA}")
            return cls(
                engine=str(data["engine"]),
                target=str(data["target"]),
                plan=Plan.from_dict(data["plan"]),
                outcomes=tuple(Outcome.from_dict(outcome) for outcome in data["outcomes"]),
                latency=Latencies(data["latency_histogram"]).encode(),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a report: {error!r}") from error

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Read a report back from JSON text. Raises ValueError if it is none, or a newer form."""
        try:
            return cls.from_dict(json.loads(text))
        except RecursionError:
            raise ValueError("not a report: nested too deep") from None


def make_report(
    engine: str, target: str, plan: Plan, outcomes: Iterable[Outcome], latencies: Latencies
) -> Report:
    """Put together what an engine found, in the order of the clients' numbers."""
    ordered = tuple(sorted(outcomes, key=lambda outcome: outcome.client))
    return Report(engine, target, plan, ordered, latencies.encode())


def _latency_to_dict(summary: LatencySummary) -> dict[str, float]:
    named = {f"p{at:g}": value for at, value in zip(PERCENTILES, summary.percentiles, strict=True)}
    return {"min": summary.min, **named, "max": summary.max, "mean": summary.mean}


def _differences(client: int, ours: Outcome | None, theirs: Outcome | None) -> list[Disagreement]:
    if ours is None or theirs is None:
        return [Disagreement(client, "outcome", ours or "missing", theirs or "missing")]
    pairs = [("outcome", str(ours), str(theirs))]
    pairs += [(name, getattr(ours, name), getattr(theirs, name)) for name in COMPARED]
    return [Disagreement(client, name, one, two) for name, one, two in pairs if one != two]
