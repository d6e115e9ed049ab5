"""Remedies for a report that cannot be believed: what to change, or what to accept."""

from collections.abc import Iterator

from .own_limit import late_by, signs_of_own_limit
from .report import Report
from .verdict import Verdict


def remedies(verdict: Verdict) -> Iterator[str]:
    """Yield remedies for the reasons why a report is invalid, one clause per remedy."""
    if not verdict.invalid:
        return
    found = list(_remedies(verdict))
    yield from found or ["run it again; if a fresh run does not add up, twistecho has a bug"]


def _remedies(verdict: Verdict) -> Iterator[str]:
    report = verdict.report
    if any(part.problem for part in report.parts):
        yield "find out why the part ended, and run it again"
    if any(result.doubt for result in verdict.results) or _fleet_was_late(report):
        yield (
            "more --processes, another machine or a lower rate; "
            "--allow-lag TIME accepts up to TIME of the fleet's own"
        )
    elif _left_unsent(report):
        lower = " or a lower --rate" if not report.failures else "; see why clients failed"
        yield (
            f"more --clients, a deeper --pipeline{lower}; "
            "--rate-tolerance SHARE accepts that less was sent"
        )
    if _were_silent(report):
        yield "a longer --duration, or --barrier, so that all clients take part"


def _fleet_was_late(report: Report) -> bool:
    """Return whether the fleet itself was too slow for a rate."""
    if report.plan.rate is None:
        return False
    parts = [report.measured, *(stage.found.measured for stage in report.by_stage)]
    late = any(late_by(report, each) is not None for each in parts)
    return late or (_left_unsent(report) and bool(signs_of_own_limit(report)))


def _left_unsent(report: Report) -> bool:
    """Return whether messages due under a rate were not sent, or not in their stage."""
    late = any(stage.found.late or stage.found.unsent for stage in report.by_stage)
    return report.plan.rate is not None and (late or report.unsent > 0 or report.plan.left_out > 0)


def _were_silent(report: Report) -> bool:
    """Return whether clients of a timed plan sent nothing, although nothing failed."""
    silent = any(one.answered and not one.sent for one in report.outcomes)
    return silent and report.plan.sends_for is not None
