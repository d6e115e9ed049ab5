"""The fields of a plan for the size, content and weights of messages."""

from collections.abc import Callable, Sequence

from twistecho.base.notation import FieldError

from .contents import MOST_OWN, Content, stock_of
from .drawn import Filling, draw_messages
from .sizes import MOST_SIZE, Fixed, Sizes, parse_sizes
from .tokens import Text

OF_FILE = "file:"
"""The prefix of a payload that names a file: the payload is the file's bytes."""

_MOST_WEIGHT = 10**9


def sizes_of(size: str | int | None) -> Sizes | None:
    """Return the sizes that a plan's field requests, in bytes. Raises FieldError for others."""
    if size is None:
        return None
    if isinstance(size, int):
        if not 1 <= size <= MOST_SIZE:
            raise FieldError("size", f"it is not 1 byte or more, {MOST_SIZE:,} at most")
        return Fixed(size)
    try:
        return parse_sizes(size)
    except ValueError as error:
        raise FieldError("size", str(error)) from None


def check_payload(payload: str | bytes | None) -> None:
    """Raise FieldError for a payload that cannot fill messages."""
    if isinstance(payload, str):
        try:
            Content.parse(payload)
        except ValueError as error:
            raise FieldError("payload", f"{error}, or bytes") from None
    elif payload is not None and not 1 <= len(payload) <= MOST_OWN:
        problem = f"{len(payload):,} bytes are not 1 or more, {MOST_OWN:,} at most"
        raise FieldError("payload", problem)


def check_weights(weights: Sequence[float], messages: int) -> None:
    """Raise FieldError for weights that do not fit the number of messages, or out of range."""
    if weights and len(weights) != messages:
        raise FieldError("weights", f"there are {len(weights):,} for {messages:,} ", "messages")
    for weight in weights:
        if not 0 < weight <= _MOST_WEIGHT:
            problem = f"one is not a number above 0, {_MOST_WEIGHT:,} at most"
            raise FieldError("weights", problem)


def messages_drawn(
    texts: Sequence[Text],
    seed: int,
    client: int,
    *,
    weights: Sequence[float],
    size: str | int | None,
    payload: str | bytes | None,
) -> Callable[[int], bytes]:
    """Return a function from a message's number to a randomly drawn message; see `drawn`."""
    filling, sizes = None, sizes_of(size)
    if sizes is not None:
        content = payload if isinstance(payload, bytes) else Content(payload or Content.RANDOM)
        filling = Filling(sizes, stock_of(content, seed, sizes.most))
    return draw_messages(texts, seed, client, weights, filling)
