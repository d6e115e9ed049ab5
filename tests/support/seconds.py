"""A report with a given latency in each second."""

from collections.abc import Sequence

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.report import Report, make_report

_SIZE = 10


def report_of_seconds(latencies: Sequence[float], each: int = 100) -> Report:
    """Make a consistent report of one client, with ``each`` messages in each second.

    Each message takes its second's latency, half of them a little longer.
    """
    recording = Recording()
    recording.connected(0.0, 0.0)
    for second, latency in enumerate(latencies):
        for number in range(each):
            now = second + (number + 0.5) / each
            due = now - latency * (1 + number % 2 / 1000)
            recording.reply(due, due, now, _SIZE)
    messages, ended = each * len(latencies), float(len(latencies))
    outcome = Outcome(
        *(0, None, messages, messages, _SIZE * messages, _SIZE * messages),
        *(0.0, 0.0, 0.5 / each, ended),
        offered_from=0.0,
        offered_until=ended,
    )
    made = Plan(clients=1, messages=(b"x" * _SIZE,), duration=3600.0, reply=ReplyFormat.RAW)
    return make_report("threads", "localhost:5000", made, [outcome], recording.measured())
