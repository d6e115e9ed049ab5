"""Whether the fleet itself was what limited a load: its lateness, and other signs of it."""

from twistecho.base.notation import written

from .figures import read
from .histograms import Latencies, Measured
from .report import Report

LATEST = 0.010
"""Seconds: how late 99 % of an open load's messages may be handed over by the fleet's own fault."""

_OWN = "; the fleet was the limit, {}: more processes, or another machine, offer more"
_BUSY = ", since clients waited for earlier replies: more clients, or a deeper pipeline, offer more"
_FAILED = ", since clients failed"

_WHOLE_PROCESSOR = 0.9
"""The share of a processor from which on the fleet could do no more."""

_MOST = 0.5  # of a response


def late_by(report: Report, measured: Measured) -> float | None:
    """Give the 99th percentile of the lag, in seconds, where that is more than is allowed.

    ``measured`` is that of the report, or of one of its stages.
    """
    allowed = LATEST if report.allowed_lag is None else report.allowed_lag
    lag = Latencies(measured.lag).summary([99.0])
    return lag.percentiles[0] if lag is not None and lag.percentiles[0] > allowed else None


def signs_of_own_limit(report: Report) -> list[str]:
    """Say what shows that the fleet itself could do no more: nothing, where it could."""
    signs, late = [], late_by(report, report.measured)
    if report.cpu_share is not None and report.cpu_share >= _WHOLE_PROCESSOR:
        signs.append(f"it used {report.cpu_share * 100:.0f} % of a processor")
    if late is not None and report.plan.rate is not None:
        signs.append(f"1 % of its messages were {written(late)} late")
    share, median = report.marks.get("response", {}).get("p50"), read(report, "p50")
    if share is not None and median.value and share.seconds >= _MOST * median.value:
        signs.append(f"{share} of the median response, {median}, is its own")
    return signs


def whose_limit(report: Report) -> str:
    """Say, as the end of a line, whose limit it was that a rate was not held."""
    signs = signs_of_own_limit(report)
    if signs:
        return _OWN.format(", ".join(signs))
    late = any(stage.found.late for stage in report.by_stage)
    if late or any(outcome.unsent for outcome in report.outcomes if outcome.answered):
        return _BUSY
    return _FAILED if report.failures else ""
