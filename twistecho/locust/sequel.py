"""A report of a fleet that began later than others of its run, in the time of the whole run."""

from dataclasses import replace

from twistecho.fleet.reports.histograms import INTERVAL_LENGTH, Interval
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.report import Report


def put_later(report: Report, seconds: float) -> Report:
    """Give the same report, all of it so much later; its start is earlier by as much.

    Fleets that follow each other can then be merged, and the rate is that of the time they all
    took. Intervals are put later by the whole intervals that have passed.
    """
    passed = int(seconds // INTERVAL_LENGTH)
    empty = tuple(Interval(number * INTERVAL_LENGTH) for number in range(passed))
    later = tuple(
        replace(interval, start=interval.start + passed * INTERVAL_LENGTH)
        for interval in report.measured.intervals
    )
    return replace(
        report,
        outcomes=tuple(_put_later(outcome, seconds) for outcome in report.outcomes),
        measured=replace(report.measured, intervals=empty + later),
        began=report.began - seconds if report.began else 0.0,
    )


def _put_later(outcome: Outcome, seconds: float) -> Outcome:
    times = ("started", "connected", "first_byte", "replied", "ended")
    known = {name: getattr(outcome, name) for name in times}
    later = {name: time + seconds for name, time in known.items() if time is not None}
    return replace(outcome, **later)
