"""Chance that can be repeated: numbers that are a pure function of what they are drawn for.

The number for (seed, purpose, connection, message) is made so, whatever was drawn before it:

    text    the ASCII text SEED/PURPOSE/CONNECTION/MESSAGE, numbers in decimal
    digest  the BLAKE2b digest of 8 bytes of that text, without key, salt or person (RFC 7693)
    number  the upper 53 bits of the digest, read as a big-endian integer, times 2 to the -53

It is uniform in [0, 1) and the same on every machine and every version of Python. Purposes keep
apart what is drawn for one message: whether it meets a fault says nothing about its delay.
"""

from hashlib import blake2b

HIGHEST = 1.0 - 2.0**-53
"""The greatest number that is ever drawn."""


def uniform(seed: int, purpose: str, connection: int, message: int) -> float:
    """Draw a number in [0, 1) for one message of one connection, both counted from 0."""
    text = f"{seed}/{purpose}/{connection}/{message}".encode("ascii")
    digest = blake2b(text, digest_size=8).digest()
    return float(int.from_bytes(digest, "big") >> 11) * 2.0**-53


def parse_seed(text: str) -> int:
    """Read a seed: a whole number, 0 or more. Raises ValueError with one line."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 100:
        raise ValueError(f"{text[:40]!r} is not a seed, a whole number of at most 100 digits")
    return int(text)
