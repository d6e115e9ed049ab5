"""A plan divided among the processes that carry it out together."""

from dataclasses import replace

from .plan import Plan


def divide(plan: Plan, parts: int) -> list[Plan]:
    """Divide a plan into parts of as many clients each, one more in the first where it must be.

    Every part gets its share of the rate and of the ramp, and client numbers of its own; there are
    no more parts than clients. Raises ValueError for a plan that cannot be divided.
    """
    if plan.ordered:
        raise ValueError("clients of several processes cannot connect in order")
    parts = min(parts, plan.clients)
    each, more = divmod(plan.clients, parts)
    plans, first = [], plan.first
    for number in range(parts):
        clients = each + (number < more)
        plans.append(_part(plan, first, clients))
        first += clients
    return plans


def _part(plan: Plan, first: int, clients: int) -> Plan:
    share = clients / plan.clients
    return replace(
        plan,
        first=first,
        clients=clients,
        rate=None if plan.rate is None else plan.rate * share,
        ramp=None if plan.ramp is None else plan.ramp * share,
    )
