"""Whether the fleet itself limited the load: its delay in sending, and other signs."""

from twistecho.base.notation import written

from .figures import read
from .histograms import Latencies, Measured
from .report import Report

LATEST = 0.010
"""The limit of the fleet's own p99 send delay under an open load, in seconds."""

_OWN = "; the fleet was the limit, {}: use more processes, or another machine"
_BUSY = ", since clients waited for earlier replies: use more clients, or a deeper pipeline"
_FAILED = ", since clients failed"

_WHOLE_PROCESSOR = 0.9
"""The share of a processor at which the fleet counts as fully busy."""

_MOST = 0.5  # share of a response


def late_by(report: Report, measured: Measured) -> float | None:
    """Return the 99th percentile of the lag, in seconds, where it exceeds the limit.

    ``measured`` is that of the report, or of one of its stages.
    """
    allowed = _limit_of(report)
    lag = Latencies(measured.lag).summary([99.0])
    return lag.percentiles[0] if lag is not None and lag.percentiles[0] > allowed else None


def _limit_of(report: Report) -> float:
    return LATEST if report.allowed_lag is None else report.allowed_lag


def fell_behind(report: Report, late: float) -> str:
    """Return the reason, in one line, why a report with the lag ``late`` is invalid."""
    limit = written(_limit_of(report))
    return f"the load generator fell behind: p99 send delay {late * 1e3:,.1f} ms (limit {limit})"


def signs_of_own_limit(report: Report) -> list[str]:
    """Return the signs that the fleet itself was the limit; empty where it was not."""
    signs, late = [], late_by(report, report.measured)
    if report.cpu_share is not None and report.cpu_share >= _WHOLE_PROCESSOR:
        signs.append(f"it used {report.cpu_share * 100:.0f} % of a processor")
    if late is not None and report.plan.rate is not None:
        signs.append(f"its p99 send delay was {written(late)}")
    share, median = report.marks.get("response", {}).get("p50"), read(report, "p50")
    if share is not None and median.value and share.seconds >= _MOST * median.value:
        signs.append(f"{share} of the median response, {median}, is its own")
    return signs


def whose_limit(report: Report) -> str:
    """Return the end of a line that explains why a rate was not held."""
    signs = signs_of_own_limit(report)
    if signs:
        return _OWN.format(", ".join(signs))
    late = any(stage.found.late for stage in report.by_stage)
    if late or any(outcome.unsent for outcome in report.outcomes if outcome.answered):
        return _BUSY
    return _FAILED if report.failures else ""
