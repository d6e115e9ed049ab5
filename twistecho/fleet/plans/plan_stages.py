"""The fields of a plan that take stages, ``rate`` and ``clients``: read and checked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twistecho.base.notation import FieldError

from .presence import Presence
from .stages import Stages, parse_counts, parse_rates

if TYPE_CHECKING:
    from .plan import Plan

STAGED = {"rate": "rate_stages", "clients": "client_stages"}
"""The fields that take stages, and those in which these are then."""

_PARSERS = {"rate": parse_rates, "clients": parse_counts}


def parse_staged(field: str, text: str) -> Stages:
    """Read the stages of a field. Raises FieldError where they are none."""
    try:
        return _PARSERS[field](text)
    except ValueError as error:
        raise FieldError(field, str(error)) from None


def numbers_and_stages(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields that take the place of those given, where one of these is stages.

    Raises FieldError for text that is none.
    """
    fields: dict[str, Any] = {}
    for name, staged in STAGED.items():
        value = given[name]
        stages = parse_staged(name, value) if isinstance(value, str) else value
        if isinstance(stages, Stages):
            fields |= {staged: stages, name: number_of(name, stages)}
    return fields


def number_of(field: str, stages: Stages) -> float | int:
    """Give the number of a field, ``rate`` or ``clients``, that stages stand in the place of."""
    share = stages.share
    if field == "clients":
        clients = Presence(stages.stages).clients
        if share is None:
            return clients
        if share.clients != clients:
            raise FieldError("clients", f"they are not those of {stages}")
        return share.own
    return stages.most if share is None else stages.most * (share.own / share.clients)


def check_stages(plan: "Plan") -> None:
    """Refuse what does not go together with stages, and what they themselves cannot be."""
    name = "clients" if plan.rate_stages is None else "rate"
    if plan.rate_stages is not None and plan.client_stages is not None:
        raise FieldError("clients", "stages contradict those of ", "rate")
    if plan.client_stages is not None and plan.rate is not None:
        raise FieldError("clients", "stages contradict ", "rate", ": they are of a closed load")
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
    """Refuse a number beside stages that is not theirs, and parts of clients."""
    stages, clients = plan.rate_stages, plan.client_stages
    if clients is not None:
        values = {value for stage in clients for value in (stage.begin, stage.end)}
        if any(value != int(value) for value in values):
            raise FieldError("clients", "there are no parts of clients")
        if plan.clients != number_of("clients", clients):
            raise FieldError("clients", f"it is not the number of clients of {clients}")
    elif stages is not None:
        if stages.share is not None and stages.share.own != plan.clients:
            raise FieldError("clients", f"they are not those of {stages}")
        if plan.rate != number_of("rate", stages):
            raise FieldError("rate", f"it is not the highest of {stages}")
