"""The tokens of a text, which are replaced by numbers when it is sent."""

from collections.abc import Callable, Iterable

CLIENT, MESSAGE = b"{client}", b"{message}"
"""The tokens that are replaced by the client's number and the message's."""

Text = Callable[[int], bytes]
"""Returns the text that a client sends as the message of a given number."""


def have_tokens(texts: Iterable[bytes]) -> bool:
    """Return whether any of the texts contains a token."""
    return any(CLIENT in text or MESSAGE in text for text in texts)


def numbered(text: bytes, client: int) -> Text:
    """Return a function from a message's number to the text with its tokens replaced."""
    text = text.replace(CLIENT, b"%d" % client)
    times = text.count(MESSAGE)
    if not times:
        return unchanged(text)
    form = text.replace(b"%", b"%%").replace(MESSAGE, b"%d")
    return form.__mod__ if times == 1 else lambda number: form % ((number,) * times)


def unchanged(text: bytes) -> Text:
    """Return a function that returns the same text for every number."""
    return lambda _number: text
