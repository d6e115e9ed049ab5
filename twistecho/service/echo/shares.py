"""What each of several workers may hold, so that together they hold what the service may.

A bound is divided into whole parts that differ by one at most and add up to it. What is a bound of
one connection, such as ``waiting_bytes``, is every worker's alike.
"""

from collections.abc import Sequence
from dataclasses import replace

from .limits import Limits

MOST_WORKERS = 256
"""More processes than that are a mistake."""


def parse_workers(text: str, cores: int) -> int:
    """Read how many workers are wanted: a number, or ``auto`` for one on each core.

    Raises ValueError with one line.
    """
    if text == "auto":
        return min(cores, MOST_WORKERS)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= MOST_WORKERS:
        raise ValueError(f"{text[:40]!r} is neither auto nor a number from 1 to {MOST_WORKERS}")
    return int(text)


def divide(total: int, parts: int) -> list[int]:
    """Divide a whole number into so many, which differ by one at most; the greater come first."""
    each, over = divmod(total, parts)
    return [each + (part < over) for part in range(parts)]


def shares_of(limits: Limits, workers: int) -> list[Limits]:
    """Give each worker its limits. Raises ValueError, naming the field, where one gets nothing."""
    for name in ("connections", "connections_per_peer"):
        if 0 < getattr(limits, name) < workers:
            raise ValueError(
                f"{name}: {getattr(limits, name)} cannot be divided among {workers} workers"
            )
    least = limits.total_waiting_bytes // workers
    if least < limits.waiting_bytes:
        raise ValueError(
            f"total_waiting_bytes: divided among {workers} workers that is {least} each, less than "
            f"waiting_bytes of one connection, {limits.waiting_bytes}"
        )
    return [
        replace(
            limits,
            total_waiting_bytes=total,
            connections=connections,
            connections_per_peer=per_peer,
        )
        for total, connections, per_peer in zip(
            divide(limits.total_waiting_bytes, workers),
            divide(limits.connections, workers),
            divide(limits.connections_per_peer, workers),
            strict=True,
        )
    ]


def describe_shares(shares: Sequence[Limits]) -> str:
    """Say in a few words what each worker may hold at most."""
    first = shares[0]
    words = [f"{first.connections} connections"]
    if first.connections_per_peer:
        words.append(f"{first.connections_per_peer} of one peer")
    words.append(f"{first.total_waiting_bytes} waiting bytes")
    if len(shares) == 1:
        return f"1 worker of up to {', '.join(words)}"
    return f"{len(shares)} workers of up to {', '.join(words)} each"
