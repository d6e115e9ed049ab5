"""A run in one line, before or after it; and the pieces of that line."""

from collections.abc import Iterator

from twistecho.base.notation import written
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import AUTO
from twistecho.fleet.plans.target import is_unverified
from twistecho.fleet.reports.report import Report

from .words import count


def headline(plan: Plan, target: object, found: Report | None = None) -> str:
    """Return one line that describes a run; ``found`` has the detected format of replies."""
    words = [count(plan.clients, "client"), _share(plan), *payload_in_words(plan)]
    if plan.client_stages is not None:
        words[0] = f"{plan.client_stages} clients ({plan.clients:,} in all)"
    if plan.rate is not None:
        rate = f"{plan.rate:,g}" if plan.rate_stages is None else plan.rate_stages
        words.append(f"{rate} messages/s ({plan.arrivals})")
    words += [*load_in_words(plan), *kept_each(plan)]
    spoken = replies_in_words(plan, found)
    doubt = ", certificate not verified" if is_unverified(str(target)) else ""
    return f"{', '.join(words)}, to {target} ({spoken}{doubt})"


def _share(plan: Plan) -> str:
    """Return how much each client sends."""
    each = plan.messages_per_client
    share = f"{plan.sends_for:g} s" if each is None else f"{count(each, 'message')} each"
    return f"{share} after {plan.warmup:g} s of warm-up" if plan.warmup else share


def load_in_words(plan: Plan) -> Iterator[str]:
    """Yield how many unanswered messages a client may have, and its pause between messages."""
    if plan.pipeline > 1:
        yield f"{plan.pipeline} at once"
    if plan.think:
        yield f"{written(plan.think)} between them"


def kept_each(plan: Plan) -> Iterator[str]:
    """Yield how connections are made, and how long each is kept, unless it is the default."""
    if plan.reconnect is not None:
        each = "for each message" if plan.reconnect == 1 else f"every {plan.reconnect:,} messages"
        yield f"a new connection {each}"
    if plan.ramp is not None:
        yield f"{plan.ramp:,g} connections/s"
    if plan.barrier:
        yield "all connected first"


def payload_in_words(plan: Plan) -> list[str]:
    """Return a description of the messages, if they are generated or drawn."""
    mixed = [f"mixed {':'.join(f'{weight:g}' for weight in plan.weights)}"] if plan.weights else []
    if plan.size is None:
        return mixed
    content = "from a file" if isinstance(plan.payload, bytes) else plan.payload or "random"
    return [*mixed, f"{plan.size} bytes ({content})"]


def replies_in_words(plan: Plan, report: Report | None) -> str:
    """Return the format of replies: the plan's, or the detected one if the plan has it detected."""
    if plan.protocol is not None:
        return f"protocol {plan.protocol_name}"
    if plan.reply != AUTO:
        return f"{plan.reply} replies"
    found = "" if report is None else ", ".join(map(str, report.replies_found))
    return f"replies: {AUTO}" + f", found {found}" * bool(found)
