"""The state of a running run: its current phase, and the time left.

Clients that wait for each other before they begin are *at the barrier*. The warm-up, and all times
of the plan, count from when they pass it.
"""

from bisect import bisect_right

from twistecho.fleet.plans.plan import Plan

from .progress import Progress


def is_at_barrier(plan: Plan, progress: Progress) -> bool:
    """Return whether the clients still wait for each other."""
    return plan.barrier and progress.measured_from <= plan.warmup


def _warm_from(plan: Plan, progress: Progress) -> float:
    """Return when the warm-up began, or begins, in seconds since the run began."""
    if is_at_barrier(plan, progress):
        return progress.took
    return max(0.0, progress.measured_from - plan.warmup)


def _since_warm_up(plan: Plan, progress: Progress, at: float) -> float:
    """Convert a time since the run began into one since its warm-up was over."""
    return at - _warm_from(plan, progress) - plan.warmup


def is_over(plan: Plan, progress: Progress) -> bool:
    """Return whether the plan's time to begin messages is over."""
    length = plan.sends_for
    return length is not None and _since_warm_up(plan, progress, progress.took) >= length


def stage_now(plan: Plan, progress: Progress) -> int | None:
    """Return the number of the current stage, from 1; None outside all stages."""
    at = _since_warm_up(plan, progress, progress.took)
    if plan.stages is None or not 0 <= at < plan.stages.seconds:
        return None
    return bisect_right(plan.stages.begins, at)


def doing(plan: Plan, progress: Progress) -> str:
    """Return the current phase in a few words; empty during the usual load."""
    if is_at_barrier(plan, progress):
        return "connecting"
    if _since_warm_up(plan, progress, progress.took) < 0:
        return "warm-up"
    if is_over(plan, progress):
        return "waiting for the last replies"
    stage = stage_now(plan, progress)
    return f"stage {stage} of {len(plan.stages or ())}" if stage else ""


def time_left(plan: Plan, progress: Progress) -> float | None:
    """Estimate the seconds until no more messages are begun; None if still unknown."""
    began = _warm_from(plan, progress)
    if plan.sends_for is not None:
        return max(0.0, began + plan.warmup + plan.sends_for - progress.took)
    each = plan.messages_per_client or 0
    if plan.rate is not None:
        return max(0.0, began + plan.clients * each / plan.rate - progress.took)
    still = max(0, _expected(plan, progress) - progress.answered)
    return still * progress.took / progress.answered if progress.answered else None


def share_done(plan: Plan, progress: Progress) -> float | None:
    """Return how much of the run is done, 0 to 1; None if unknown.

    It is a share of the time if the plan has one, otherwise of the messages.
    """
    if is_at_barrier(plan, progress):
        return None
    if plan.sends_for is not None:
        whole, done = plan.warmup + plan.sends_for, progress.took - _warm_from(plan, progress)
    else:
        whole, done = float(_expected(plan, progress)), float(progress.answered)
    return min(1.0, max(0.0, done / whole)) if whole > 0 else None


def _expected(plan: Plan, progress: Progress) -> int:
    """Return the number of messages of the plan, without those of failed clients."""
    return (plan.clients - sum(progress.failures.values())) * (plan.messages_per_client or 0)


def rate_asked(plan: Plan, progress: Progress) -> float | None:
    """Return the current rate of an open load, in messages per second; None where nothing is due.

    A changing rate is taken in the middle of the second that the progress shows, so that both are
    of the same time.
    """
    if is_at_barrier(plan, progress) or is_over(plan, progress):
        return None
    at = progress.took if progress.second is None else progress.second.number + 0.5
    return plan.rate_at(_since_warm_up(plan, progress, at))


def clients_asked(plan: Plan, progress: Progress) -> int:
    """Return the number of clients in the plan: with stages of clients, at this time."""
    if plan.client_stages is None:
        return plan.clients
    return round(plan.client_stages.at(_since_warm_up(plan, progress, progress.took)))
