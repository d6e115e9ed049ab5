"""The verdict on a report: valid, complete, and what was required of it.

It passes where it is valid and every requirement is met; and where every message of every client
was answered right, unless a requirement says how many clients may fail. It fails where clients
found different formats of replies. A requirement of one cause,
``receive:reset < 5``, says so of that cause alone: who failed by another one fails the run.

Whether a report can be believed is computed from what it holds, never stored. It is invalid

- where it does not add up: for each client and in all, messages and bytes sent are those answered,
  failed and outstanding; a client that was answered was answered every message; the histograms and
  the intervals count what the clients count;
- where clients, or whole parts of the run, are missing from it;
- where an open load was not offered as planned: the fleet itself was late, or messages that were
  due were not sent by the end. Such figures flatter the server. Of a load in stages, each stage is
  judged by itself: its messages are to be sent before it is over;
- where clients sent nothing since the duration was over before they could;
- where a requirement is undecided: see `requirements`.

An interrupted run is incomplete, which is something else: what it found is true.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from twistecho.fleet.plans.plan import Plan

from .figures import is_of_failures, stage_and_figure
from .histograms import Latencies
from .outcome import Outcome, is_interruption
from .own_limit import late_by, whose_limit
from .report import Report
from .requirements import Requirement, Result
from .stage_checks import stages_not_offered, stages_that_do_not_add_up

HELD = 0.99
"""The share of the messages due in an open load that must have been handed over by the end."""

INVALID = 3
"""The exit code where a report cannot be believed."""

_LISTED = 5


def invalid(report: Report, rate_tolerance: float = HELD) -> tuple[str, ...]:
    """Give the reasons why a report cannot be believed, a line each: none where it can be.

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
    """Name the parts and the clients of whom nothing is known."""
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
        yield f"clients that are not of the plan: {strangers:,}"


def _unbalanced(plan: Plan, outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Name the clients whose own counts do not add up."""
    each = plan.messages_per_client
    for outcome in outcomes:
        messages, count = outcome.balance
        if messages or count:
            yield (
                f"client {outcome.client} does not add up: of what it sent, {messages:,} messages "
                f"and {count:,} bytes are neither answered, failed nor outstanding"
            )
        elif outcome.answered and outcome.failed + outcome.outstanding:
            yield f"client {outcome.client} was answered, but not all that it sent"
        elif outcome.answered and each is not None and outcome.messages != each:
            yield f"client {outcome.client} was answered {outcome.messages:,} messages of {each:,}"
        elif plan.reconnect and outcome.sent > outcome.connects * plan.reconnect:
            yield (
                f"client {outcome.client} sent {outcome.sent:,} messages over {outcome.connects:,} "
                f"connections, {plan.reconnect:,} each at most"
            )


def _cut(lines: Iterator[str]) -> list[str]:
    found = list(lines)
    more = len(found) - _LISTED
    return found if more <= 0 else [*found[:_LISTED], f"... and {more:,} more clients"]


def _histograms(report: Report) -> Iterator[str]:
    """Compare what the histograms count with what the clients count."""
    measured, answered = report.measured, report.messages - report.measured.unmeasured
    for name in ("latency", "service"):
        found = Latencies(getattr(measured, name)).count
        if found != answered:
            yield f"{name} was measured {found:,} times for {answered:,} messages answered"
    found = Latencies(measured.connect).count + measured.early_connects
    if found != report.connects:
        yield f"connecting was measured {found:,} times for {report.connects:,} connections made"


def _intervals(report: Report) -> Iterator[str]:
    """Compare what the intervals sum up to with what the clients count."""
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
            yield f"the intervals have {found:,} {name} in all, not {expected:,}"
    found = sum(interval.bytes_returned for interval in intervals)
    whole = not (report.failures or report.interruptions)
    # What came of a reply that was never whole belongs to its client, and to no interval.
    if found > report.bytes_returned or (whole and found < report.bytes_returned):
        yield f"the intervals have {found:,} bytes returned in all, not {report.bytes_returned:,}"


def _silent(report: Report) -> Iterator[str]:
    """Say how many clients took no part, though nothing was wrong: their turn came too late."""
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
    """Say where an open load was not the one that was planned."""
    late = late_by(report, report.measured)
    if late is not None:
        yield (
            f"the fleet could not hold the rate: by its own fault, 1 % of the messages were "
            f"{late * 1e3:,.1f} ms late or more"
        )
    # What a client no longer sent once it had failed is its failure; an interruption's, nobody's.
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
    """What is to be thought of a report.

    ``invalid`` has the reasons why it cannot be believed. ``results`` follow the requirements.
    """

    report: Report
    invalid: tuple[str, ...]
    results: tuple[Result, ...]

    @property
    def intolerable(self) -> dict[str, int]:
        """How many clients were not answered, by cause, where no requirement says how many may.

        One of a stage says so of those that failed in that stage.
        """
        names = {result.requirement.name for result in self.results}
        return {
            cause: left
            for cause, clients in (self.report.failures | self.report.interruptions).items()
            if not any(is_of_failures(name, cause) for name in names)
            and (left := clients - self._spoken_of(cause)) > 0
        }

    def _spoken_of(self, cause: str) -> int:
        """Count the clients that failed so in stages of which requirements say how many may."""
        named = [stage_and_figure(result.requirement.name) for result in self.results]
        return sum(
            stage.found.failures.get(cause, 0)
            for stage in self.report.by_stage
            if any(each == stage.number and is_of_failures(name, cause) for each, name in named)
        )

    @property
    def tolerated(self) -> bool:
        """Whether not all was answered right, and requirements speak of everything that was not."""
        agreed = len(self.report.replies_found) < 2
        return agreed and not self.report.complete and not self.intolerable

    @property
    def passed(self) -> bool:
        """Whether all is as it should be."""
        met = all(result.met for result in self.results)
        return met and not self.invalid and (self.report.complete or self.tolerated)

    @property
    def exit_code(self) -> int:
        """What a command ends with that shows it: `INVALID` before 1, failed or missed, and 0."""
        return INVALID if self.invalid else 0 if self.passed else 1


def judge(
    report: Report, requirements: Iterable[Requirement] = (), rate_tolerance: float = HELD
) -> Verdict:
    """Give the verdict on a report; see `invalid`."""
    results = tuple(requirement.check(report) for requirement in requirements)
    undecided = tuple(str(result) for result in results if result.doubt)
    return Verdict(report, invalid(report, rate_tolerance) + undecided, results)
