"""Adds a fleet's report to Locust's own statistics.

There are two entries of the type ``FLEET``, or ``ECHO`` for an `EchoUser`. *message* has a request
for every message that was answered right. *conversation* has one for every client; it fails, under
the name of its cause, if the conversation failed. A conversation that ended because the test ended
is no failure. Times are milliseconds, which Locust rounds.
"""

from typing import Any

from locust.stats import RequestStats, StatsEntry

from twistecho.fleet.reports.histograms import Interval, Latencies
from twistecho.fleet.reports.outcome import INTERRUPTED, Cause
from twistecho.fleet.reports.report import Report

TYPE = "FLEET"
MESSAGE, CONVERSATION, FLEET = "message", "conversation", "fleet"


def failure_of(cause: Cause | None) -> str | None:
    """Return Locust's name for a conversation's failure; None if it is no failure."""
    return None if cause is None or cause.reason == INTERRUPTED else str(cause)


def count_report(stats: RequestStats, report: Report) -> None:
    """Add everything that a report counts. No other greenlet runs in between."""
    entry = _entry_of(stats, report)
    if entry.num_requests:
        stats.get(MESSAGE, TYPE).extend(entry)
        stats.total.extend(entry)
    for outcome in report.outcomes:
        milliseconds: Any = (outcome.ended - outcome.started) * 1e3
        stats.log_request(TYPE, CONVERSATION, milliseconds, 0)
        failure = failure_of(outcome.cause)
        if failure is not None:
            stats.log_error(TYPE, CONVERSATION, failure)


def count_lost(stats: RequestStats, problem: str, seconds: float) -> None:
    """Add a fleet that returned no report, as a failure named by its problem."""
    milliseconds: Any = seconds * 1e3
    stats.log_request(TYPE, FLEET, milliseconds, 0)
    stats.log_error(TYPE, FLEET, problem)


def rounded(milliseconds: float) -> int:
    """Round as Locust does: to whole milliseconds, and to two digits from a hundred on."""
    digits = min(len(str(int(milliseconds))), 5)
    return round(milliseconds) if digits < 3 else int(round(milliseconds, 2 - digits))


def _entry_of(stats: RequestStats, report: Report) -> StatsEntry:
    """Make one entry of all messages: one request event per message would block the worker."""
    entry = StatsEntry(stats, MESSAGE, TYPE)
    entry.start_time = report.began
    for interval in report.measured.intervals:
        if interval.answered:
            _add_interval(entry, report.began, interval)
    return entry


def _add_interval(entry: StatsEntry, began: float, interval: Interval) -> None:
    second = began + interval.start
    entry.num_requests += interval.answered
    entry.num_reqs_per_sec[int(second)] += interval.answered
    entry.last_request_timestamp = second
    entry.total_content_length += interval.bytes_returned
    for item in Latencies(interval.latency).histogram().get_recorded_iterator():
        milliseconds: Any = item.value_iterated_to / 1e3
        entry.response_times[rounded(milliseconds)] += item.count_added_in_this_iter_step
        entry.total_response_time += milliseconds * item.count_added_in_this_iter_step
        entry.max_response_time = max(entry.max_response_time, milliseconds)
        least = entry.min_response_time
        entry.min_response_time = milliseconds if least is None else min(least, milliseconds)
