"""The bytes of messages of a requested size: each is a randomly chosen piece of a stock.

``random``
    The stock is the first `STOCK` bytes of SHAKE-256 of the ASCII text SEED/payload.
``text``
    The same bytes, each mapped to a letter or a blank, with the frequencies of English.
``zeros``
    Zeros.

Bytes that the user gives are a stock themselves. A piece begins at any place of the stock; where
it reaches the end it continues at the beginning. All clients of a process share a stock.
"""

from functools import lru_cache
from hashlib import shake_256
from typing import NamedTuple

from twistecho.base.notation import TextEnum

STOCK = 2**20
"""The size of the stock, in bytes."""

MOST_OWN = 2**20
"""The most bytes that the user may give; the plan and its report contain them."""


class Content(TextEnum):
    """What messages are filled with; the values are the command line's."""

    RANDOM = "random"
    TEXT = "text"
    ZEROS = "zeros"


_FREQUENT = {
    " ": 46, "e": 26, "t": 19, "a": 17, "o": 16, "i": 15, "n": 15, "s": 13, "r": 13, "h": 12,
    "l": 8, "d": 8, "u": 6, "c": 6, "m": 5, "f": 5, "w": 5, "g": 4, "y": 4, "p": 4, "b": 3, "v": 2,
    "k": 2, "j": 1, "q": 0, "x": 1, "z": 0,
}  # fmt: skip
_LETTERS = "".join(letter * times for letter, times in _FREQUENT.items()).encode("ascii")
"""The letter for each byte."""


class Stock(NamedTuple):
    """Bytes; a piece may begin at each of the first ``places``."""

    data: bytes
    places: int


@lru_cache(2)
def stock_of(payload: Content | bytes, seed: int, most: int) -> Stock:
    """Return the stock for messages of at most ``most`` bytes."""
    if payload is Content.ZEROS:
        return Stock(bytes(most), 1)
    stock = payload if isinstance(payload, bytes) else _drawn(payload, seed)
    times = -(-(len(stock) + most) // len(stock))
    return Stock((stock * times)[: len(stock) + most], len(stock))


def _drawn(content: Content, seed: int) -> bytes:
    stock = shake_256(f"{seed}/payload".encode("ascii")).digest(STOCK)
    return stock.translate(_LETTERS) if content is Content.TEXT else stock
