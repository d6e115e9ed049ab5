"""What the service holds at most.

A peer chooses how much it sends and whether it ever reads; these numbers bound what that can cost.
"""

from dataclasses import dataclass

from .wire import REPLY_SIZE

MESSAGE_COST = 128
"""What a waiting message costs besides its own bytes, in bytes: an allowance for the objects."""


@dataclass(frozen=True)
class Limits:
    """The bounds of one service.

    ``waiting_bytes`` is what may wait on one connection, queue and write buffer together, before
    its peer is no longer read from; one read more may come on top. Every waiting message counts
    `MESSAGE_COST` bytes besides its own, so that many tiny ones are bounded too. Raises ValueError
    for a bound that is too small to work with.
    """

    waiting_bytes: int = 256 * 1024

    def __post_init__(self) -> None:
        """Refuse bounds under which no reply could be written."""
        if self.waiting_bytes < 4 * REPLY_SIZE:
            raise ValueError(
                f"{self.waiting_bytes} is too few bytes: four replies need {4 * REPLY_SIZE}"
            )

    @property
    def write_buffer(self) -> int:
        """The bytes at which a write buffer is full; one batch of this size more may go in."""
        return self.waiting_bytes // 4

    @property
    def queue(self) -> int:
        """The part of ``waiting_bytes``, in bytes, that may stand in the queue."""
        return self.waiting_bytes - 2 * self.write_buffer - REPLY_SIZE
