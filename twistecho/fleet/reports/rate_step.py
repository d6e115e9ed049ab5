"""One step of the search for the highest rate: whether it passed, and if not, what the limit was.

A step is a run at one rate. It passes if its report is valid, every requirement is met, every
message was answered right (unless a requirement allows failures) and the target kept up: response
times did not grow, except by `GROWTH`. By Little's law, if a target answers a share less than the
messages due, replies become later by that share of the time that passes. Source: Little, A Proof
for the Queuing Formula L = lambda W (1961). A step in which no message was due does not pass.

The limit of a step that did not pass was

- the *fleet*, if it sent late, or if its machine ran out of ports, files or threads;
- the *target*, if clients failed;
- the *clients*, if messages waited because all clients waited for replies, and the target took
  little longer per message than in a step that passed: more clients might have been served as well;
- the *fleet*, if its own share of a figure leaves a requirement undecided;
- otherwise the *target*.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from twistecho.base.notation import written

from .figures import read
from .histograms import Latencies
from .keeping_up import answered_in_time, growth_of
from .outcome import Phase
from .own_limit import late_by, signs_of_own_limit
from .readable import readable_dict
from .report import Report
from .requirements import Requirement
from .verdict import HELD, Verdict, judge

GROWTH = 1 - HELD
"""By how many seconds per second that passes response times may grow."""

_BUSY = 2.0
"""Clients are busy if the mean response time is more than this many times the service time."""

_SLOWED = 2.0
"""The target has slowed down if its service time is this many times that of a step that passed."""

_BY_RATE = 3.0
"""... and also at least the ratio of the two rates, to this power, times that."""

NOT_HELD = "rate not held"
"""The short reason of a step in which messages that were due were not sent."""

_OWN_REASONS = frozenset({"address-family", "no-local-port", "no-thread", "too-many-files"})
"""Reasons for which clients fail if their own machine is out of resources."""

_SHORTEST = 1e-6
"""The shortest measurable time, in seconds."""


class Limit(StrEnum):
    """What limited a rate."""

    TARGET = "target"
    FLEET = "fleet"
    CLIENTS = "clients"
    MAX_RATE = "max-rate"


@dataclass(frozen=True)
class RateStep:
    """A run at a ``rate``, in messages per second, and the verdict on it; see `judge_step`."""

    rate: float
    verdict: Verdict
    growth: float | None
    """By how much response times grew, at least, in seconds per second that passed. It is None if
    unknown, below 0 if they may have become shorter."""

    @property
    def report(self) -> Report:
        """The report of the run."""
        return self.verdict.report

    @property
    def passed(self) -> bool:
        """Whether the rate was sustained, and every requirement was met."""
        return self.verdict.passed and self._kept_up and not self._nothing_was_due

    @property
    def _kept_up(self) -> bool:
        return self.growth is None or self.growth <= GROWTH

    @property
    def _nothing_was_due(self) -> bool:
        return not (Latencies(self.report.measured.latency).count or self.report.failures)

    @property
    def answered(self) -> float | None:
        """Messages answered right per second, while load was offered; None where none was."""
        in_time = answered_in_time(self.report)
        return read(self.report, "rate").value if in_time is None else in_time

    @property
    def unreachable(self) -> str | None:
        """Why no client could connect; None where one could, or the run was interrupted."""
        report = self.report
        if report.connects or report.interrupted:
            return None
        return next((each for each in report.failures if each.startswith(Phase.CONNECT)), None)

    @property
    def broken(self) -> str | None:
        """Why a part of the fleet ended early; None if none did."""
        return next((f"{p.name}: {p.problem}" for p in self.report.parts if p.problem), None)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons why it did not pass, one line per reason; those of the verdict first."""
        return tuple(self._reasons())

    def _reasons(self) -> Iterator[str]:
        for result in self.verdict.results:
            if result.missed:
                yield f"{result.requirement.name} was {result.actual}"
        for cause, clients in self.verdict.intolerable.items():
            yield f"{clients:,} of {self.report.plan.clients:,} clients failed: {cause}"
        yield from self.verdict.invalid
        if not self._kept_up:
            assert self.growth is not None  # noqa: S101 - without it the step has kept up
            yield f"response times grew by {written(self.growth)} per second"
        if self._nothing_was_due and not self.report.interrupted:
            yield "no message was due after the warm-up"

    @property
    def short_reason(self) -> str:
        """Why it did not pass, in a few words; empty where it did."""
        return "" if self.passed else next(self._short_reasons(), "invalid")

    def _short_reasons(self) -> Iterator[str]:
        report, verdict = self.report, self.verdict
        if report.interrupted:
            yield "interrupted"
        if self.unreachable is not None:
            yield "not reached"
        yield from (f"missed {each.requirement}" for each in verdict.results if each.missed)
        failed = sum(verdict.intolerable.values())
        if failed:
            yield f"{failed:,} client{'s' * (failed != 1)} failed"
        if late_by(report, report.measured) is not None:
            yield "fleet was late"
        if verdict.invalid and report.unsent:
            yield NOT_HELD
        if any(result.doubt for result in verdict.results):
            yield "undecided"
        if not self._kept_up:
            yield "fell behind"
        if self._nothing_was_due:
            yield "no message was due"

    def limit(self, *passed: "RateStep") -> Limit:
        """Return what the limit was; ``passed`` are the steps that passed."""
        late = late_by(self.report, self.report.measured) is not None
        if late or self._machine_was_used_up or self._nothing_was_due:
            return Limit.FLEET
        if self.verdict.intolerable:
            return Limit.TARGET
        if self._clients_were_busy and not any(map(self._slowed_down_from, passed)):
            return Limit.FLEET if signs_of_own_limit(self.report) else Limit.CLIENTS
        if any(result.doubt for result in self.verdict.results):
            return Limit.FLEET
        missed = any(result.missed for result in self.verdict.results)
        if missed or not self._kept_up:
            return Limit.TARGET
        return Limit.FLEET if signs_of_own_limit(self.report) else Limit.TARGET

    @property
    def _machine_was_used_up(self) -> bool:
        causes = self.verdict.intolerable
        return any(cause.partition(":")[2] in _OWN_REASONS for cause in causes)

    @property
    def _clients_were_busy(self) -> bool:
        # A failed client's unsent messages are no sign that clients were busy.
        if any(outcome.unsent for outcome in self.report.outcomes if outcome.answered):
            return True
        # Means, not medians: the means of the parts add up to the mean of the whole.
        response, service, lag = (_mean(self, each) for each in ("latency", "service", "lag"))
        return response - lag > _BUSY * service

    def _slowed_down_from(self, below: "RateStep") -> bool:
        ratio = median(self, "service") / max(median(below, "service"), _SHORTEST)
        return ratio >= max(_SLOWED, float((self.rate / below.rate) ** _BY_RATE))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data: a report's fields, without clients and seconds."""
        told = self.report.to_dict()
        return {
            "rate": self.rate,
            "passed": self.passed,
            "reasons": list(self.reasons),
            "growth": self.growth,
            "requirements": [
                {
                    "requirement": str(result.requirement),
                    "answer": result.answer,
                    "value": result.actual.value,
                }
                for result in self.verdict.results
            ],
            "began": self.report.began,
            "interrupted": self.report.interrupted,
            "rate_answered": self.answered,
            "summary": told["summary"],
            "measured": readable_dict(self.report.measured) | {"intervals": []},
        }


def judge_step(
    rate: float,
    report: Report,
    requirements: Iterable[Requirement] = (),
    rate_tolerance: float = HELD,
) -> RateStep:
    """Return the verdict on a run at a rate."""
    return RateStep(rate, judge(report, requirements, rate_tolerance), growth_of(report))


def _mean(step: RateStep, time: str) -> float:
    summary = Latencies(getattr(step.report.measured, time)).summary()
    return 0.0 if summary is None else summary.mean


def median(step: RateStep, time: str) -> float:
    """Return the median of one of a step's times, in seconds; 0 where there was none."""
    summary = Latencies(getattr(step.report.measured, time)).summary([50.0])
    return 0.0 if summary is None else summary.percentiles[0]
