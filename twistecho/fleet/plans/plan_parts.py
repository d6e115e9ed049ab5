"""A plan divided among processes."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .stages import Share

if TYPE_CHECKING:
    from .plan import Plan


def divide(plan: "Plan", parts: int) -> "list[Plan]":
    """Divide a plan; see `Plan.divide`."""
    if plan.ordered:
        raise ValueError("clients of several processes cannot connect in order")
    if plan.stages is not None and plan.stages.share is not None:
        raise ValueError("one process's share of stages cannot be divided again")
    parts = min(parts, plan.clients)
    each, more = divmod(plan.clients, parts)
    plans, first = [], plan.first
    for number in range(parts):
        clients = each + (number < more)
        plans.append(_part(plan, first, clients, Share(number, parts, plan.clients)))
        first += clients
    return plans


def _part(plan: "Plan", first: int, clients: int, part: Share) -> "Plan":
    """Return the part with this many clients, numbered from ``first``."""
    share = clients / plan.clients
    fields: dict[str, Any] = {
        "clients": clients,
        "rate": None if plan.rate is None else plan.rate * share,
        "ramp": None if plan.ramp is None else plan.ramp * share,
    }
    if plan.stages is not None:
        name = "clients" if plan.rate_stages is None else "rate"
        fields[name] = replace(plan.stages, share=part)
    return replace(plan, first=first, **fields)
