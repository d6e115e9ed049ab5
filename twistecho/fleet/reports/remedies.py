"""What helps where a report cannot be believed: what to run otherwise, or what to accept."""

from collections.abc import Iterator

from .own_limit import late_by, signs_of_own_limit
from .report import Report
from .verdict import Verdict


def remedies(verdict: Verdict) -> Iterator[str]:
    """Give what helps against the reasons for which a report is invalid, a clause each."""
    if not verdict.invalid:
        return
    found = list(_remedies(verdict))
    yield from found or ["run it again; a fresh run that does not add up is a fault of twistecho"]


def _remedies(verdict: Verdict) -> Iterator[str]:
    report = verdict.report
    if any(part.problem for part in report.parts):
        yield "see what ended the part, and run it again"
    if any(result.doubt for result in verdict.results) or _fleet_was_late(report):
        yield (
            "more --processes, another machine or a lower rate; "
            "--allow-lag TIME accepts so much of the fleet's own"
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
    """Tell whether the fleet itself did not hold a rate."""
    if report.plan.rate is None:
        return False
    parts = [report.measured, *(stage.found.measured for stage in report.by_stage)]
    late = any(late_by(report, each) is not None for each in parts)
    return late or (_left_unsent(report) and bool(signs_of_own_limit(report)))


def _left_unsent(report: Report) -> bool:
    """Tell whether messages of a rate were not sent, or not in their stage."""
    late = any(stage.found.late or stage.found.unsent for stage in report.by_stage)
    return report.plan.rate is not None and (late or report.unsent > 0 or report.plan.left_out > 0)


def _were_silent(report: Report) -> bool:
    """Tell whether clients that were to send for a time sent nothing, with nothing wrong."""
    silent = any(one.answered and not one.sent for one in report.outcomes)
    return silent and report.plan.sends_for is not None
