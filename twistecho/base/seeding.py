"""Repeatable random numbers: a pure function of seed, purpose, connection and message.

The number for (seed, purpose, connection, message) does not depend on earlier draws:

    block   the message's number divided by 8, rounded down
    text    the ASCII text SEED/PURPOSE/CONNECTION/BLOCK, numbers in decimal
    digest  the BLAKE2b digest of 64 bytes of that text, without key, salt or person (RFC 7693)
    word    8 bytes of the digest: those from 8 times the remainder of that division on
    number  the upper 53 bits of the word, read as a big-endian integer, times 2 to the -53

It is uniform in [0, 1) and the same on every machine and every version of Python. Different
purposes give independent numbers for one message: whether a fault applies to it does not affect
its delay. One digest serves eight messages of a connection, so a draw costs an eighth of it.
"""

from functools import lru_cache
from hashlib import blake2b
from struct import Struct

HIGHEST = 1.0 - 2.0**-53
"""The greatest number that is ever drawn."""

_WORDS = Struct(">8Q")

_REMEMBERED = 8192
"""Blocks kept in the cache: some 5 MB. If more are in use, each draw costs a digest."""


def block(seed: int, purpose: str, connection: int, number: int) -> tuple[float, ...]:
    """Draw the eight numbers of a block, which is counted from 0."""
    text = f"{seed}/{purpose}/{connection}/{number}".encode("ascii")
    return tuple([(word >> 11) * 2.0**-53 for word in _WORDS.unpack(blake2b(text).digest())])


_block = lru_cache(_REMEMBERED)(block)


def uniform(seed: int, purpose: str, connection: int, message: int) -> float:
    """Draw a number in [0, 1) for one message of one connection, both counted from 0."""
    return _block(seed, purpose, connection, message >> 3)[message & 7]


def pair(seed: int, purpose: str, connection: int, message: int) -> tuple[float, float]:
    """Draw two numbers for message n: those that `uniform` draws for 2n and for 2n + 1.

    Both come from the same digest.
    """
    words = _block(seed, purpose, connection, message >> 2)
    at = (message & 3) * 2
    return words[at], words[at + 1]


def parse_seed(text: str) -> int:
    """Read a seed: a whole number, 0 or more. Raises ValueError with one line."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 100:
        raise ValueError(f"{text[:40]!r} is not a seed, a whole number of at most 100 digits")
    return int(text)
