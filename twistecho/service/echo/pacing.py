"""Pacing: how many bytes of one direction may pass now, and when the next may. Without I/O.

A token bucket. It fills at the rate, in bytes per second, and holds the bytes of one `QUANTUM` plus
one. A caller that never takes more than there is room for gets, in any period, at most rate *
period plus one bucket. A caller that returns at each `Pace.next_at` gets exactly the rate, up to a
quantum late. After taking more than there was room for, as a read may, the wait is longer.
"""

from math import inf

QUANTUM = 0.02
"""Seconds. Bytes pass in portions of half a quantum, or singly where that is less than a byte."""


class Pace:
    """The pace of one direction of one connection, at ``rate`` bytes per second, 1 or more.

    ``now`` is a time in seconds, of a clock that does not go back.
    """

    __slots__ = ("_bucket", "_full_at", "_rate")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._bucket = 1 + rate * QUANTUM  # bytes
        self._full_at = -inf  # when the bucket is full again

    @property
    def bucket(self) -> int:
        """The most bytes that may pass at once."""
        return int(self._bucket)

    def room(self, now: float) -> int:
        """Return how many bytes may pass now."""
        there = self._bucket - max(0.0, self._full_at - now) * self._rate
        if there < 1:  # at `next_at`, rounding may leave just less than a byte
            return int(now >= self.next_at(1))
        return int(there)

    def take(self, size: int, now: float) -> None:
        """Count bytes that pass now, even if more than there was `room` for."""
        self._full_at = max(self._full_at, now) + size / self._rate

    def next_at(self, wanted: int) -> float:
        """Return when there is room for ``wanted`` bytes (1 or more), or for a portion of them.

        The time is in the past where there is room already.
        """
        portion = max(1.0, min(wanted, self._bucket / 2))
        return self._full_at - (self._bucket - portion) / self._rate


class Outflow:
    """Written bytes that leave at a pace."""

    __slots__ = ("_gone", "_pace", "_written")

    def __init__(self, rate: float, written: bytes = b"") -> None:
        self._pace = Pace(rate)
        self._written = written
        self._gone = 0  # how many of them have left

    def write(self, data: bytes) -> None:
        """Take new bytes. To be called when none are pending."""
        self._written, self._gone = data, 0

    @property
    def pending(self) -> bytes:
        """The bytes that have not left."""
        return self._written[self._gone :]

    def __bool__(self) -> bool:
        """Return whether bytes are pending."""
        return self._gone < len(self._written)

    def portion(self, now: float) -> bytes:
        """Remove and return the bytes that may leave now."""
        size = min(self._pace.room(now), len(self._written) - self._gone)
        self._pace.take(size, now)
        portion = self._written[self._gone : self._gone + size]
        self._gone += size
        return portion

    @property
    def next_at(self) -> float:
        """When more of them may leave."""
        return self._pace.next_at(len(self._written) - self._gone)


def pace_of(rate: float | None) -> Pace | None:
    """Return the pace of a direction; None where its rate is unlimited."""
    return None if rate is None else Pace(rate)
