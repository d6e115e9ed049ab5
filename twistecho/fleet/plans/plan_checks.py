"""Checks of a plan as a whole: fields that contradict each other, or that cannot be carried out."""

from typing import TYPE_CHECKING

from twistecho.base.decoding import MOST
from twistecho.base.notation import LONGEST_TIME, FieldError

from .arrivals import Arrivals
from .default_messages import OWN_MESSAGE
from .payload import check_payload, check_weights, sizes_of
from .plan_fields import check_counts, check_times
from .plan_stages import check_stages
from .prefixes import check_prefixes

if TYPE_CHECKING:
    from .plan import Plan


def check_plan(plan: "Plan") -> None:
    """Raise FieldError for a plan that cannot be carried out; its fields have the right types."""
    check_counts(plan)
    if not plan.messages:
        raise FieldError("messages", "there must be at least one")
    if not all(plan.messages) and plan.size is None:
        raise FieldError("messages", "an empty message has no reply")
    _check_payload(plan)
    check_times(plan)
    _check_together(plan)
    _check_contradictions(plan)
    if plan.stages is not None:
        check_stages(plan)


def _check_payload(plan: "Plan") -> None:
    """Refuse invalid sizes, payloads and weights, and those that contradict the messages."""
    sizes_of(plan.size)
    check_payload(plan.payload)
    check_weights(plan.weights, len(plan.messages))
    if plan.payload is not None and plan.size is None:
        raise FieldError("payload", "it needs ", "size")
    if plan.size is not None and plan.payload is None and plan.messages != (OWN_MESSAGE,):
        raise FieldError("size", "it contradicts ", "messages", ", unless a payload is named too")
    if plan.protocol is None:
        check_prefixes(plan.reply, plan.messages, plan.size, plan.payload)


def _check_together(plan: "Plan") -> None:
    """Refuse client numbers, and times between messages or clients, that are too large."""
    if plan.first + plan.clients - 1 > MOST:
        raise FieldError("first", f"the last client's number is more than {MOST:.3g}")
    for name in ("rate", "ramp"):
        # The rate of a part of a plan was rounded, hence the tolerance.
        value = getattr(plan, name)
        if value is not None and plan.clients > value * LONGEST_TIME * 1.001:
            raise FieldError(name, f"{value:g} is too small for {plan.clients:,} clients")


def _check_contradictions(plan: "Plan") -> None:
    """Refuse fields that exclude each other."""
    if plan.duration is not None and plan.repeat != 1:
        raise FieldError("repeat", "it contradicts ", "duration")
    if plan.think and plan.rate is not None:
        raise FieldError(
            "think", "it contradicts ", "rate", ", under which messages are due on schedule"
        )
    if plan.think and plan.pipeline > 1:
        raise FieldError(
            "think", "it contradicts ", "pipeline", ", under which no client waits for a reply"
        )
    if plan.reconnect is not None and plan.pipeline > plan.reconnect:
        raise FieldError(
            "pipeline",
            f"{plan.pipeline} contradicts ",
            "reconnect",
            f", under which a connection carries only {plan.reconnect}",
        )
    if plan.ordered and plan.ramp is not None:
        raise FieldError("ramp", "it contradicts connecting in order")


def check_turns(plan: "Plan") -> None:
    """Raise FieldError for a ramp that leaves the last client nothing to send before the end."""
    if plan.ramp is None:
        return
    constant = plan.arrivals is Arrivals.CONSTANT
    each = 1 / plan.rate if plan.rate and constant else 0.0
    first = (plan.clients - 1) * (1 / plan.ramp + each)
    if first >= plan.ends:
        raise FieldError(
            "ramp",
            f"at {plan.ramp:g}/s the last of {plan.clients:,} clients begins after "
            f"{first:.3g} s, and sending ends after {plan.ends:g} s: see ",
            "duration",
        )
