"""Whether a report can be believed: computed from what it holds, never stored.

A report is invalid

- where it does not add up: for each client and in all, messages and bytes sent are those answered,
  failed and outstanding; a client that was answered was answered every message; the histograms and
  the intervals count what the clients count;
- where clients, or whole parts of the run, are missing from it;
- where an open load was not offered as planned: the fleet itself was late, or messages that were
  due could not be sent. Such figures flatter the server.

An interrupted run is incomplete, which is something else: what it found is true.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from twistecho.fleet.plans.plan import Plan

from .latency import Latencies
from .outcome import Outcome
from .report import Report

LATEST = 0.010
"""Seconds: how late 99 % of an open load's messages may be handed over by the fleet's own fault."""

HELD = 0.99
"""The share of the messages due in an open load that must have been handed over."""

_LISTED = 5


def invalid(report: Report) -> tuple[str, ...]:
    """Give the reasons why a report cannot be believed, a line each: none where it can be."""
    return tuple(_reasons(report))


def _reasons(report: Report) -> Iterator[str]:
    yield from _missing(report)
    yield from _cut(_unbalanced(report.plan, report.outcomes))
    yield from _histograms(report)
    yield from _intervals(report)
    if report.plan.rate is not None:
        yield from _not_offered(report)


def _missing(report: Report) -> Iterator[str]:
    """Name the parts and the clients of whom nothing is known."""
    for part in report.parts:
        if part.problem:
            yield f"part {part.name}: {part.problem}"
    known = {outcome.client for outcome in report.outcomes}
    first, clients = report.plan.first, report.plan.clients
    missing = clients - len(known & set(range(first, first + clients)))
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
    connected = sum(outcome.connected is not None for outcome in report.outcomes)
    found = Latencies(measured.connect).count
    if found != connected:
        yield f"connecting was measured {found:,} times for {connected:,} clients connected"


def _intervals(report: Report) -> Iterator[str]:
    """Compare what the intervals sum up to with what the clients count."""
    intervals = report.measured.intervals
    connected = sum(outcome.connected is not None for outcome in report.outcomes)
    failures: Counter[str] = Counter()
    for interval in intervals:
        failures.update(interval.failures)
    replies = sum(Latencies(interval.latency).count for interval in intervals)
    sums = {
        "clients connected": (sum(i.connected for i in intervals), connected),
        "messages answered": (sum(i.answered for i in intervals), report.messages),
        "latencies": (replies, report.messages),
        "failures": (failures.total(), sum(report.failures.values())),
    }
    for name, (found, expected) in sums.items():
        if found != expected:
            yield f"the intervals have {found:,} {name} in all, not {expected:,}"
    found = sum(interval.bytes_returned for interval in intervals)
    # What came of a reply that was never whole belongs to its client, and to no interval.
    if found > report.bytes_returned or (not report.failures and found < report.bytes_returned):
        yield f"the intervals have {found:,} bytes returned in all, not {report.bytes_returned:,}"


def _not_offered(report: Report) -> Iterator[str]:
    """Say where an open load was not the one that was planned."""
    lag = Latencies(report.measured.lag).summary([99.0])
    if lag is not None and lag.percentiles[0] > LATEST:
        yield (
            f"the fleet could not hold the rate: by its own fault, 1 % of the messages were "
            f"{lag.percentiles[0] * 1e3:,.1f} ms late or more"
        )
    # What a failed client no longer sent is its failure; what an interrupted one did, nobody's.
    whole = [outcome for outcome in report.outcomes if outcome.answered]
    sent = sum(outcome.sent for outcome in whole)
    due = sent + sum(outcome.unsent for outcome in whole)
    if sent < HELD * due:
        yield (
            f"the rate was not held: {sent:,} of {due:,} messages due were sent, since clients "
            "still waited for earlier replies"
        )
