"""Randomly drawn messages: which text, how large, and which bytes follow it.

All of it is a pure function of the seed, the client's number and the message's number. Two numbers
are drawn per message. The first selects the text, where texts have weights; its position within
that text's share selects the size. The second selects where in the stock the bytes begin.
A message is a text, filled up with bytes to its size; if the text does not fit it is bytes alone.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from twistecho.base.seeding import HIGHEST, pair

from .contents import Stock
from .sizes import Sizes

_PURPOSE = "message"

Texts = Sequence[Callable[[int], bytes]]
"""For each of a client's texts, a function from a message's number to the text to send."""


class Filling(NamedTuple):
    """The sizes of messages, and the stock of the bytes that fill them."""

    sizes: Sizes
    stock: Stock


def draw_messages(
    texts: Texts, seed: int, client: int, weights: Sequence[float], filling: Filling | None
) -> Callable[[int], bytes]:
    """Return a function from a message's number to a client's message.

    Texts are taken in turn, or at random by their ``weights``. Without a ``filling`` they are the
    whole message.
    """
    if weights:
        return _mixed(texts, seed, client, weights, _filler(filling))
    text_of, fill = _in_turn(texts), _filler(filling)

    def message(number: int) -> bytes:
        return fill(text_of(number), *pair(seed, _PURPOSE, client, number))

    return message


def _in_turn(texts: Texts) -> Callable[[int], bytes]:
    many = len(texts)
    return texts[0] if many == 1 else lambda number: texts[number % many](number)


_Filler = Callable[[bytes, float, float], bytes]
"""Makes a message from its text and the two numbers that select its size and its bytes."""


def _filler(filling: Filling | None) -> _Filler:
    if filling is None:
        return lambda text, _size_at, _place: text
    quantile, (data, places) = filling.sizes.quantile, filling.stock

    def fill(text: bytes, size_at: float, place: float) -> bytes:
        size, begin = quantile(size_at), int(place * places)
        left = size - len(text)
        return text + data[begin : begin + left] if left >= 0 else data[begin : begin + size]

    return fill


def _mixed(
    texts: Texts, seed: int, client: int, weights: Sequence[float], fill: _Filler
) -> Callable[[int], bytes]:
    ends = list(accumulate(weights))
    begins, total, last = [0.0, *ends], ends[-1], len(ends) - 1

    def message(number: int) -> bytes:
        drawn, place = pair(seed, _PURPOSE, client, number)
        drawn *= total
        chosen = bisect_right(ends, drawn, 0, last)
        # The position within the text's share is again uniformly distributed.
        left = min(HIGHEST, (drawn - begins[chosen]) / weights[chosen])
        return fill(texts[chosen](number), left, place)

    return message
