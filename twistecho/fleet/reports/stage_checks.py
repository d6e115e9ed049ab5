"""Checks of the stages of a report: each was offered as planned, and their sums are right."""

from collections.abc import Iterator

from .own_limit import fell_behind, late_by, whose_limit
from .report import Report


def stages_not_offered(report: Report, tolerance: float) -> Iterator[str]:
    """Yield a line per stage in which the planned rate was not offered."""
    for stage in report.by_stage:
        late = late_by(report, stage.found.measured)
        if late is not None:
            yield f"{stage}: {fell_behind(report, late)}"
        if stage.in_time < tolerance * stage.due:
            yield (
                f"{stage}: the rate was not held: {stage.in_time:,} of {stage.due:,} messages due "
                f"were sent before the stage was over ({stage.in_time / stage.due * 100:.3g} %; at "
                f"least {tolerance * 100:g} % must be)" + whose_limit(report)
            )


def stages_that_do_not_add_up(report: Report) -> Iterator[str]:
    """Compare the sums of the stages with the counts of the clients, without the warm-up."""
    stages = report.stages
    if report.plan.stages is None or not report.outcomes:
        return
    answered = report.messages - report.measured.unmeasured
    found = sum(stage.answered for stage in stages)
    if found != answered:
        yield f"the stages have {found:,} messages answered in total, not {answered:,}"
    owed = sum(outcome.failed + outcome.outstanding for outcome in report.outcomes)
    causes = sum(clients for stage in stages for clients in stage.failures.values())
    for stage in report.by_stage:
        if stage.found.late > stage.sent:
            yield f"{stage} has {stage.found.late:,} messages sent late of {stage.sent:,} sent"
    sums = {
        "messages failed or outstanding": (sum(s.failed + s.outstanding for s in stages), owed),
        "messages unsent": (sum(stage.unsent for stage in stages), report.unsent),
        "failures": (causes, sum(report.failures.values())),
    }
    for name, (found, most) in sums.items():
        if found > most:
            yield f"the stages have {found:,} {name} in total, more than {most:,}"
