"""The fields of a plan that take stages, ``rate`` and ``clients``: read and checked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twistecho.base.notation import FieldError

from .presence import Presence
from .stages import Stages, parse_counts, parse_rates

if TYPE_CHECKING:
    from .plan import Plan

STAGED = {"rate": "rate_stages", "clients": "client_stages"}
"""The fields that take stages, and the fields that then hold the stages."""

_PARSERS = {"rate": parse_rates, "clients": parse_counts}


def parse_staged(field: str, text: str) -> Stages:
    """Read the stages of a field. Raises FieldError for other text."""
    try:
        return _PARSERS[field](text)
    except ValueError as error:
        raise FieldError(field, str(error)) from None


def numbers_and_stages(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that replace given ones that are stages: their number and the stages.

    Raises FieldError for text that is not stages.
    """
    fields: dict[str, Any] = {}
    for name, staged in STAGED.items():
        value = given[name]
        stages = parse_staged(name, value) if isinstance(value, str) else value
        if isinstance(stages, Stages):
            fields |= {staged: stages, name: number_of(name, stages)}
    return fields


def number_of(field: str, stages: Stages) -> float | int:
    """Return the number that a field, ``rate`` or ``clients``, has when it is given as stages."""
    share = stages.share
    if field == "clients":
        clients = Presence(stages.stages).clients
        if share is None:
            return clients
        if share.clients != clients:
            raise FieldError("clients", f"it is not the number of clients of {stages}")
        return share.own
    return stages.most if share is None else stages.most * (share.own / share.clients)


def check_stages(plan: "Plan") -> None:
    """Refuse fields that contradict stages, and numbers that do not match them."""
    name = "clients" if plan.rate_stages is None else "rate"
    if plan.rate_stages is not None and plan.client_stages is not None:
        raise FieldError("clients", "stages contradict those of ", "rate")
    if plan.client_stages is not None and plan.rate is not None:
        raise FieldError("clients", "stages contradict ", "rate", ": they need a closed load")
    for other, given in (
        ("duration", plan.duration is not None),
        ("repeat", plan.repeat != 1),
        ("ramp", plan.ramp is not None),
        ("ordered", plan.ordered),
        ("barrier", plan.barrier and plan.client_stages is not None),
    ):
        if given:
            raise FieldError(other, "it contradicts stages of ", name)
    _check_numbers(plan)


def _check_numbers(plan: "Plan") -> None:
    """Refuse a number that does not match its stages, and fractions of clients."""
    stages, clients = plan.rate_stages, plan.client_stages
    if clients is not None:
        values = {value for stage in clients for value in (stage.begin, stage.end)}
        if any(value != int(value) for value in values):
            raise FieldError("clients", "stages of clients must be whole numbers")
        if plan.clients != number_of("clients", clients):
            raise FieldError("clients", f"it is not the number of clients of {clients}")
    elif stages is not None:
        if stages.share is not None and stages.share.own != plan.clients:
            raise FieldError("clients", f"it is not the number of clients of {stages}")
        if plan.rate != number_of("rate", stages):
            raise FieldError("rate", f"it is not the highest of {stages}")
