"""The verdict on a report: whether it is valid and complete, and meets its requirements.

A report passes if it is valid, every requirement is met, and every message of every client was
answered right, unless a requirement limits how many clients may fail. It fails if clients detected
different formats of replies. A requirement of one cause, ``receive:reset < 5``, allows only that
cause: a client that failed by another one fails the run.

Whether a report is valid is computed from its contents, and never stored. It is invalid

- if it does not add up: per client and in total, messages and bytes sent must equal those answered,
  failed and outstanding; an answered client must have an answer to every message; the histograms
  and the intervals must match the counts of the clients;
- if clients, or whole parts of the run, are missing from it;
- if an open load was not offered as planned: the fleet itself was late, or messages that were due
  were not sent by the end. Such figures flatter the server. Each stage of a load in stages is
  judged separately: its messages must be sent before it is over;
- if clients sent nothing because the duration was over before they could;
- if a requirement is undecided: see `requirements`.

An interrupted run is incomplete but not invalid: its figures are true.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from twistecho.fleet.plans.plan import Plan

from .figures import is_of_failures, stage_and_figure
from .histograms import Latencies
from .outcome import Outcome, is_interruption
from .own_limit import fell_behind, late_by, whose_limit
from .report import Report
from .requirements import Requirement, Result
from .stage_checks import stages_not_offered, stages_that_do_not_add_up

HELD = 0.99
"""The share of the messages due in an open load that must have been handed over by the end."""

INVALID = 3
"""The exit code where a report cannot be believed."""

_LISTED = 5


def invalid(report: Report, rate_tolerance: float = HELD) -> tuple[str, ...]:
    """Return the reasons why a report cannot be believed, one line per reason; none if it can.

    ``rate_tolerance`` is the share of the messages due under a rate that must have been sent.
    """
    return tuple(_reasons(report, rate_tolerance))


def _reasons(report: Report, rate_tolerance: float) -> Iterator[str]:
    yield from _missing(report)
    yield from _cut(_unbalanced(report.plan, report.outcomes))
    yield from _histograms(report)
    yield from _intervals(report)
    yield from stages_that_do_not_add_up(report)
    if report.plan.sends_for is not None:
        yield from _silent(report)
    if report.plan.rate is not None:
        by_stage = list(stages_not_offered(report, rate_tolerance))
        yield from by_stage or _not_offered(report, rate_tolerance)


def _missing(report: Report) -> Iterator[str]:
    """Yield a line per kind of missing or unexpected parts and clients."""
    for part in report.parts:
        if part.problem:
            yield f"part {part.name}: {part.problem}"
    known = {outcome.client for outcome in report.outcomes}
    clients = report.plan.clients
    missing = clients - sum(client in report.plan.numbers for client in known)
    if missing:
        yield f"clients missing: {missing:,} of {clients:,}"
    if len(report.outcomes) > len(known):
        yield f"clients listed twice: {len(report.outcomes) - len(known):,}"
    strangers = len(known) - clients + missing
    if strangers:
        yield f"clients that are not in the plan: {strangers:,}"


def _unbalanced(plan: Plan, outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield a line per client whose own counts do not add up."""
    each = plan.messages_per_client
    for outcome in outcomes:
        messages, count = outcome.balance
        if messages or count:
            yield (
                f"client {outcome.client} does not add up: {messages:,} sent messages and "
                f"{count:,} sent bytes are neither answered, failed nor outstanding"
            )
        elif outcome.answered and outcome.failed + outcome.outstanding:
            yield f"client {outcome.client} counts as answered, but not all its messages were"
        elif outcome.answered and each is not None and outcome.messages != each:
            yield f"client {outcome.client} got {outcome.messages:,} replies to {each:,} messages"
        elif plan.reconnect and outcome.sent > outcome.connects * plan.reconnect:
            yield (
                f"client {outcome.client} sent {outcome.sent:,} messages over {outcome.connects:,} "
                f"connections, at most {plan.reconnect:,} per connection are planned"
            )


def _cut(lines: Iterator[str]) -> list[str]:
    found = list(lines)
    more = len(found) - _LISTED
    return found if more <= 0 else [*found[:_LISTED], f"... and {more:,} more clients"]


def _histograms(report: Report) -> Iterator[str]:
    """Compare the counts of the histograms with those of the clients."""
    measured, answered = report.measured, report.messages - report.measured.unmeasured
    for name in ("latency", "service"):
        found = Latencies(getattr(measured, name)).count
        if found != answered:
            yield f"{name} was measured {found:,} times for {answered:,} messages answered"
    found = Latencies(measured.connect).count + measured.early_connects
    if found != report.connects:
        yield f"connecting was measured {found:,} times for {report.connects:,} connections made"


def _intervals(report: Report) -> Iterator[str]:
    """Compare the sums of the intervals with the counts of the clients."""
    intervals = report.measured.intervals
    causes: Counter[str] = Counter()
    for interval in intervals:
        causes.update(interval.failures)
    failures = sum(clients for cause, clients in causes.items() if not is_interruption(cause))
    replies = sum(Latencies(interval.latency).count for interval in intervals)
    sums = {
        "connections made": (sum(i.connected for i in intervals), report.connects),
        "messages answered": (sum(i.answered for i in intervals), report.messages),
        "latencies": (replies, report.messages),
        "failures": (failures, sum(report.failures.values())),
    }
    for name, (found, expected) in sums.items():
        if found != expected:
            yield f"the intervals have {found:,} {name} in total, not {expected:,}"
    found = sum(interval.bytes_returned for interval in intervals)
    whole = not (report.failures or report.interruptions)
    # Bytes of an incomplete reply are counted for the client, but in no interval.
    if found > report.bytes_returned or (whole and found < report.bytes_returned):
        yield f"the intervals have {found:,} bytes returned in total, not {report.bytes_returned:,}"


def _silent(report: Report) -> Iterator[str]:
    """Yield a line if clients sent nothing although nothing failed: their turn came too late."""
    plan = report.plan
    late = plan.ramp is not None and not plan.barrier
    silent = sum(
        not outcome.sent and (plan.rate is None or late or outcome.unsent > 0)
        for outcome in report.outcomes
        if outcome.answered
    )
    if silent:
        yield (
            f"{silent:,} of {plan.clients:,} clients sent nothing: the duration was over before "
            "they could"
        )


def _not_offered(report: Report, tolerance: float) -> Iterator[str]:
    """Yield the reasons why an open load was not offered as planned."""
    late = late_by(report, report.measured)
    if late is not None:
        yield fell_behind(report, late)
    # A failed client's unsent messages do not count here, nor those of an interrupted client.
    whole = [outcome for outcome in report.outcomes if not outcome.interrupted]
    sent = sum(outcome.sent for outcome in whole)
    due = sent + sum(outcome.unsent for outcome in whole)
    due += 0 if report.interrupted or not whole else round(report.plan.left_out)
    if sent < tolerance * due:
        yield (
            f"the rate was not held: {sent:,} of {due:,} messages due were sent by the end "
            f"({sent / due * 100:.3g} %; at least {tolerance * 100:g} % must be)"
            + whose_limit(report)
        )


@dataclass(frozen=True)
class Verdict:
    """The verdict on a report.

    ``invalid`` has the reasons why it cannot be believed. ``results`` has one result per
    requirement, in their order.
    """

    report: Report
    invalid: tuple[str, ...]
    results: tuple[Result, ...]

    @property
    def intolerable(self) -> dict[str, int]:
        """How many clients were not answered, by cause, without a requirement that limits them.

        A requirement of a stage covers only clients that failed in that stage.
        """
        names = {result.requirement.name for result in self.results}
        return {
            cause: left
            for cause, clients in (self.report.failures | self.report.interruptions).items()
            if not any(is_of_failures(name, cause) for name in names)
            and (left := clients - self._spoken_of(cause)) > 0
        }

    def _spoken_of(self, cause: str) -> int:
        """Count the clients with this cause in stages that a requirement of it covers."""
        named = [stage_and_figure(result.requirement.name) for result in self.results]
        return sum(
            stage.found.failures.get(cause, 0)
            for stage in self.report.by_stage
            if any(each == stage.number and is_of_failures(name, cause) for each, name in named)
        )

    @property
    def tolerated(self) -> bool:
        """Whether not all messages were answered right, but requirements cover every failure."""
        agreed = len(self.report.replies_found) < 2
        return agreed and not self.report.complete and not self.intolerable

    @property
    def passed(self) -> bool:
        """Whether the report is valid, and complete or tolerated, and meets its requirements."""
        met = all(result.met for result in self.results)
        return met and not self.invalid and (self.report.complete or self.tolerated)

    @property
    def exit_code(self) -> int:
        """The exit code of a command that shows it: `INVALID`, else 1 (failed or missed), or 0."""
        return INVALID if self.invalid else 0 if self.passed else 1


def judge(
    report: Report, requirements: Iterable[Requirement] = (), rate_tolerance: float = HELD
) -> Verdict:
    """Return the verdict on a report; see `invalid`."""
    results = tuple(requirement.check(report) for requirement in requirements)
    undecided = tuple(str(result) for result in results if result.doubt)
    return Verdict(report, invalid(report, rate_tolerance) + undecided, results)
