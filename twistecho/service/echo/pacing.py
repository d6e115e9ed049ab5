"""Pacing: how many bytes of one direction may go now, and when the next may. Pure of I/O.

A token bucket. It fills at the rate, in bytes per second, and holds what comes in `QUANTUM` and one
byte more. Whoever takes no more than there is has, in any time, no more than rate * time and one
bucket; whoever comes back each time that more may go has the rate exactly, though up to a quantum
late. Who had to take more than there was, as a read may, waits the longer for the next.
"""

from math import inf

QUANTUM = 0.02
"""Seconds: bytes go in portions of what half of it brings, or singly where that is no byte."""


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
        """How many bytes may go at once at most."""
        return int(self._bucket)

    def room(self, now: float) -> int:
        """Say how many bytes may go now."""
        there = self._bucket - max(0.0, self._full_at - now) * self._rate
        if there < 1:  # in time, but for the rounding
            return int(now >= self.next_at(1))
        return int(there)

    def take(self, size: int, now: float) -> None:
        """Count bytes that go now, be they more than there was `room` for."""
        self._full_at = max(self._full_at, now) + size / self._rate

    def next_at(self, wanted: int) -> float:
        """Say from when on there is room for ``wanted`` bytes, 1 or more, or for a portion of them.

        That is a time gone by where there is already.
        """
        portion = max(1.0, min(wanted, self._bucket / 2))
        return self._full_at - (self._bucket - portion) / self._rate


class Outflow:
    """Bytes that have been written, and leave at a pace."""

    __slots__ = ("_gone", "_pace", "_written")

    def __init__(self, rate: float, written: bytes = b"") -> None:
        self._pace = Pace(rate)
        self._written = written
        self._gone = 0  # how many of these have left

    def write(self, data: bytes) -> None:
        """Take bytes, once none is pending."""
        self._written, self._gone = data, 0

    @property
    def pending(self) -> bytes:
        """The bytes that have not left."""
        return self._written[self._gone :]

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return self._gone < len(self._written)

    def portion(self, now: float) -> bytes:
        """Take off the bytes that may go now."""
        size = min(self._pace.room(now), len(self._written) - self._gone)
        self._pace.take(size, now)
        portion = self._written[self._gone : self._gone + size]
        self._gone += size
        return portion

    @property
    def next_at(self) -> float:
        """From when on more of them may go."""
        return self._pace.next_at(len(self._written) - self._gone)


def pace_of(rate: float | None) -> Pace | None:
    """Give the pace of a direction; None where its rate is unbounded, which costs nothing."""
    return None if rate is None else Pace(rate)
