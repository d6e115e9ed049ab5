"""The report of a fleet: a value, written as JSON and compared with another engine's."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from twistecho.base.decoding import decode, parse, written_as
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan

from .by_stage import StageFound, StageResult, stage_results
from .disagreement import Disagreement, disagreements
from .histograms import Latencies, LatencySummary, Measured
from .outcome import Outcome
from .own_share import Shares, marks, own_shares
from .report_json import (
    REPORT_FORM,
    bare_dict,
    check_head,
    check_report_schema,
    check_sums,
    report_to_dict,
)


@dataclass(frozen=True)
class Part:
    """One of the runs that were merged into a report: of a process, a machine or a file.

    It ran ``clients`` clients, and ``messages`` were answered right in ``makespan`` seconds.
    ``problem`` is the short reason why a part returned no whole report, otherwise None.
    """

    name: str
    clients: int
    messages: int
    makespan: float
    problem: str | None = None


@dataclass(frozen=True)
class Report:
    """The results of one engine that carried out a plan against a target.

    ``outcomes`` has one entry per client, in the order of their numbers. ``measured`` has all
    measured times. ``began`` is the wall-clock time of the start, in seconds since 1970, if known.
    ``parts`` lists the runs that were merged into it, if any. An ``interrupted`` run was ended
    early by the user. ``cpu_seconds`` is the CPU time of the fleet's processes, if known.
    ``allowed_lag``, in seconds, is the user's limit for the fleet's own delay and its share of a
    time, if set: see `verdict`. ``stages`` has the results of each stage of the plan, if it has
    any: see `by_stage`.
    """

    engine: str
    target: str
    plan: Plan
    outcomes: tuple[Outcome, ...]
    measured: Measured
    began: float = 0.0
    parts: tuple[Part, ...] = ()
    interrupted: bool = False
    cpu_seconds: float | None = None
    allowed_lag: float | None = None
    stages: tuple[StageFound, ...] = ()

    @cached_property
    def by_stage(self) -> tuple[StageResult, ...]:
        """The stages of the plan, each with its results; empty if the plan has none."""
        return stage_results(self.plan, self.stages)

    @property
    def cpu_share(self) -> float | None:
        """The share of a processor that each of the fleet's processes took; None if unknown."""
        if self.cpu_seconds is None or not self.makespan:
            return None
        return self.cpu_seconds / self.makespan / max(1, len(self.parts))

    @cached_property
    def own_shares(self) -> Shares:
        """The fleet's own shares of the times that the report shows, as far as known."""
        return own_shares(self.measured)

    @property
    def marks(self) -> Shares:
        """The own shares that make their figure doubtful."""
        return marks(self.own_shares, self.allowed_lag)

    @property
    def makespan(self) -> float:
        """Seconds from the first client's start to the last one's end."""
        if not self.outcomes:
            return 0.0
        return max(o.ended for o in self.outcomes) - min(o.started for o in self.outcomes)

    @property
    def measured_from(self) -> float:
        """When the warm-up ended and the first stage began, in seconds since the run began."""
        known = [o.offered_from for o in self.outcomes if o.offered_from is not None]
        # With stages of clients, even the first client may come later than that.
        staged = self.plan.client_stages is not None
        return self.plan.warmup if staged else min(known, default=self.plan.warmup)

    @property
    def offered(self) -> float:
        """Seconds in which at least one client offered load, without the warm-up.

        For a report of an older version it is the makespan without the warm-up.
        """
        known = sorted(
            (o.offered_from, o.offered_until)
            for o in self.outcomes
            if o.offered_from is not None and o.offered_until is not None
        )
        if not known and self.outcomes:
            began = max(min(o.started for o in self.outcomes), self.plan.warmup)
            known = [(began, max(o.ended for o in self.outcomes))]
        took, end = 0.0, 0.0
        for begin, until in known:
            took += max(0.0, until - max(begin, end))
            end = max(end, until)
        return took

    @property
    def answered(self) -> int:
        """How many clients got right replies to all their messages."""
        return sum(outcome.answered for outcome in self.outcomes)

    @property
    def failures(self) -> dict[str, int]:
        """How many clients failed, by cause, the most frequent first; see `interruptions`."""
        return _by_cause(o for o in self.outcomes if not o.interrupted)

    @property
    def interruptions(self) -> dict[str, int]:
        """How many clients were ended early while nothing was wrong, by cause (their phase)."""
        return _by_cause(o for o in self.outcomes if o.interrupted)

    @property
    def messages(self) -> int:
        """How many messages were answered right."""
        return sum(outcome.messages for outcome in self.outcomes)

    @property
    def sent(self) -> int:
        """How many messages the system accepted for sending."""
        return sum(outcome.sent for outcome in self.outcomes)

    @property
    def outstanding(self) -> int:
        """How many messages were still unanswered when the run was ended early."""
        return sum(outcome.outstanding for outcome in self.outcomes)

    @property
    def unsent(self) -> int:
        """How many messages were due, but not taken by the system by the end."""
        return sum(outcome.unsent for outcome in self.outcomes)

    @property
    def connects(self) -> int:
        """How many connections were made."""
        return sum(outcome.connects for outcome in self.outcomes)

    @property
    def bytes_sent(self) -> int:
        """How many bytes of messages the system accepted for sending."""
        return sum(outcome.bytes_sent for outcome in self.outcomes)

    @property
    def bytes_returned(self) -> int:
        """How many payload bytes were returned correctly."""
        return sum(outcome.bytes_returned for outcome in self.outcomes)

    @property
    def replies_found(self) -> dict[ReplyFormat, int]:
        """How many clients detected each format of replies, the most frequent first."""
        found = Counter(one.reply for one in self.outcomes if one.reply is not None)
        return dict(found.most_common())

    @property
    def complete(self) -> bool:
        """Whether every message of every client was answered right, and all in the same format."""
        right = len(self.outcomes) == self.plan.clients == self.answered
        return right and len(self.replies_found) < 2

    def latencies(self) -> LatencySummary | None:
        """Return the figures of the response times, or None where there was no reply."""
        return Latencies(self.measured.latency).summary()

    def disagreements(self, other: "Report") -> list[Disagreement]:
        """Return the differences from another report of the same plan; times do not count."""
        return disagreements(self.outcomes, other.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data.

        Its ``summary``, and the figures added to each histogram, repeat what the rest implies.
        """
        return report_to_dict(self)

    def to_bare_dict(self) -> dict[str, Any]:
        """Return only the JSON data that `from_dict` reads: this takes less time."""
        return bare_dict(self)

    def _repr_html_(self) -> str:
        """Return the report as HTML for a notebook: the verdict and the figures."""
        from .notebook import summary_html  # noqa: PLC0415 - it imports this module

        return summary_html(self)

    def to_json(self) -> str:
        """Write the report as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_dict(cls, data: Any) -> "Report":
        """Read a report from JSON data. Raises ValueError with the path of the wrong field."""
        check_report_schema(data)
        return decode(data, cls, "a report")

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Read a report from JSON text. Raises ValueError for other text or a newer schema."""
        return cls.from_dict(parse(text, "a report"))


@written_as(Report, **REPORT_FORM)
def _report(schema: int, **fields: Any) -> Report:
    check_head(schema, fields["began"])
    report = Report(**fields)
    check_sums(report)
    return report


def _by_cause(outcomes: Iterable[Outcome]) -> dict[str, int]:
    causes = Counter(str(outcome.cause) for outcome in outcomes if outcome.cause is not None)
    return dict(causes.most_common())


def make_report(
    engine: str,
    target: str,
    plan: Plan,
    outcomes: Iterable[Outcome],
    measured: Measured,
    *,
    stages: tuple[StageFound, ...] = (),
    began: float = 0.0,
    interrupted: bool = False,
    cpu_seconds: float | None = None,
) -> Report:
    """Make the report of an engine; its outcomes are sorted by the clients' numbers."""
    ordered = tuple(sorted(outcomes, key=lambda outcome: outcome.client))
    return Report(
        engine,
        target,
        plan,
        ordered,
        measured,
        began=began,
        interrupted=interrupted,
        cpu_seconds=cpu_seconds,
        stages=stages,
    )
