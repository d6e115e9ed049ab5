"""The tokens of a text, in whose place numbers are sent."""

from collections.abc import Callable, Iterable

CLIENT, MESSAGE = b"{client}", b"{message}"
"""The tokens, in whose place the client's number and the message's are sent."""

Text = Callable[[int], bytes]
"""Makes what a client sends of the number of the message."""


def have_tokens(texts: Iterable[bytes]) -> bool:
    """Say whether there is a token in any of these."""
    return any(CLIENT in text or MESSAGE in text for text in texts)


def numbered(text: bytes, client: int) -> Text:
    """Give what puts numbers in the place of a text's tokens: the client's once and for all."""
    text = text.replace(CLIENT, b"%d" % client)
    times = text.count(MESSAGE)
    if not times:
        return unchanged(text)
    form = text.replace(b"%", b"%%").replace(MESSAGE, b"%d")
    return form.__mod__ if times == 1 else lambda number: form % ((number,) * times)


def unchanged(text: bytes) -> Text:
    """Give what makes the same text of every number."""
    return lambda _number: text
