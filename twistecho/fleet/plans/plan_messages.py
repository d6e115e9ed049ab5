"""The messages of a plan's clients, and whether a client detects another client's reply."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .payload import messages_drawn, sizes_of
from .tokens import CLIENT, MESSAGE, have_tokens, numbered, unchanged

if TYPE_CHECKING:
    from .plan import Plan

_MOST_MESSAGES = 10**12
"""More messages than any client can send in the longest time."""


def told_apart(plan: "Plan") -> bool | None:
    """Return whether a client detects another's reply; None: it depends on the protocol."""
    if plan.protocol is not None:
        return None
    if plan.literal or not all(CLIENT in text for text in plan.messages):
        return False
    sizes = sizes_of(plan.size)
    return sizes is None or sizes.least >= _longest_text(plan)


def _longest_text(plan: "Plan") -> int:
    """Return the size of the longest text that a client sends, numbers included."""
    client = plan.first + plan.clients - 1
    message = (plan.messages_per_client or _MOST_MESSAGES) - 1
    return max(len(numbered(text, client)(message)) for text in plan.messages)


def only_message_of(plan: "Plan", client: int) -> bytes | None:
    """Return the message that a client repeats; None where its messages differ."""
    alike = len(plan.messages) == 1 and (plan.literal or MESSAGE not in plan.messages[0])
    alike = alike and not _is_drawn(plan)
    return messages_of(plan, client)(0) if alike else None


def messages_of(plan: "Plan", client: int) -> Callable[[int], bytes]:
    """Return a function from a message's number, from 0 over all repeats, to the message."""
    texts, many = plan.messages, len(plan.messages)
    plain = plan.literal or not have_tokens(texts)
    made = [unchanged(text) if plain else numbered(text, client) for text in texts]
    if _is_drawn(plan):
        return messages_drawn(
            made, plan.seed, client, weights=plan.weights, size=plan.size, payload=plan.payload
        )
    if plain:
        return lambda number: texts[number % many]
    return made[0] if many == 1 else lambda number: made[number % many](number)


def _is_drawn(plan: "Plan") -> bool:
    """Return whether messages have a size or weights, so that they are drawn at random."""
    return plan.size is not None or bool(plan.weights)
