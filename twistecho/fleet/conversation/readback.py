"""Reading replies back: is what came back what was sent, whatever way TCP cut it.

A reader is told what was sent (`expect`) and what came back (`feed`), in pieces of any size. It
follows the stream by offset and fails at the first byte that cannot belong. The verdict depends
only on the bytes, never on how they were cut. A reader holds what is still owed and less than
one token of a reply: the other side cannot make it grow.
"""

from typing import Protocol

from twistecho.base.reply_formats import ReplyFormat

from .expected import ExtraError, MismatchError, Owed
from .prefixed import PrefixedReader
from .stamped import StampedReader


class ReplyReader(Protocol):
    """Compares the replies to a stream of messages with what was sent."""

    returned: int
    """Payload bytes, counted from the start, that have come back right, in whole replies."""

    @property
    def owed(self) -> int:
        """Bytes sent and not yet returned: with ``returned`` they are all that were sent."""

    @property
    def whole(self) -> bool:
        """Whether all that was sent has come back and the last reply is complete."""

    def expect(self, message: bytes) -> None:
        """Add a message that is being sent."""

    def feed(self, data: bytes) -> None:
        """Take bytes that came back. Raises `MismatchError` or `ExtraError`."""


class RawReader(Owed):
    """Reads `raw` replies: the bytes themselves."""

    __slots__ = ()

    @property
    def whole(self) -> bool:
        """Whether all that was sent has come back."""
        return self._at == len(self._bytes)

    def feed(self, data: bytes) -> None:
        """Take bytes that came back. Raises `MismatchError` or `ExtraError`."""
        if data == self._bytes and not self._at:  # all that is owed, in one piece
            self._at = len(data)
            self.returned += self._at
            return
        left = self._left()
        right = self._agreement(data[:left], self._at)
        self.returned += right
        self._at += right
        if right < min(left, len(data)):
            raise MismatchError(f"a reply differs from what was sent, at {self.returned}")
        if len(data) > left:
            raise ExtraError(f"{len(data) - left} bytes more than was sent")


_READERS: dict[ReplyFormat, type[RawReader] | type[PrefixedReader] | type[StampedReader]] = {
    ReplyFormat.RAW: RawReader,
    ReplyFormat.PREFIXED: PrefixedReader,
    ReplyFormat.STAMPED: StampedReader,
}


def reader_for(reply: ReplyFormat) -> ReplyReader:
    """Make a reader for one conversation whose replies have this format."""
    return _READERS[reply]()
