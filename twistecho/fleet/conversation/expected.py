"""What was sent and is expected back, and what can be wrong with what comes instead.

Is what came back what was sent, whatever way TCP cut it? A reader is told what was sent (`expect`)
and what came back (`feed`), in pieces of any size. It follows the stream by offset and fails at the
first byte that cannot belong. The verdict depends only on the bytes, never on how they were cut. A
reader holds what is still owed and less than one token of a reply: the other side cannot make it
grow.
"""

from typing import Protocol

SHOWN = 40
"""Bytes of what was expected, and of what came, that are worth showing."""

_CONTEXT = 8  # bytes before the first wrong one, of these


class WireError(ValueError):
    """What came back cannot be the reply to what was sent.

    ``expected`` is how that begins which should have come, and ``came`` what did, as far as that
    is known.
    """

    reason: str
    expected = b""
    came = b""

    def __init__(self, *problem: object, expected: bytes = b"", came: bytes = b"") -> None:
        super().__init__(*problem)
        self.expected, self.came = expected[: SHOWN + 1], came[: SHOWN + 1]


class MismatchError(WireError):
    """A byte differs from what the reply must hold."""

    reason = "mismatch"


class ExtraError(WireError):
    """Bytes came when nothing was owed."""

    reason = "extra"


class Expected:
    """The bytes sent and not yet returned; `returned` counts from the start of the stream."""

    __slots__ = ("_at", "_bytes", "returned")

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0
        self.returned = 0

    def expect(self, message: bytes) -> None:
        """Add a message that is being sent."""
        left = self._bytes[self._at :]
        self._bytes = left + message if left else message
        self._at = 0

    def begin_connection(self) -> None:
        """Note that all was returned, and what is sent from now on goes over a new connection."""

    @property
    def owed(self) -> int:
        """Bytes sent and not yet returned."""
        return self._left()

    def _left(self) -> int:
        return len(self._bytes) - self._at

    def _take(self, payload: bytes) -> None:
        """Strike payload bytes off what is owed, if they are the next ones."""
        if not self._bytes.startswith(payload, self._at):
            raise MismatchError(
                f"a reply differs from what was sent, at or after {self.returned}",
                expected=self._next(),
                came=payload,
            )
        self._at += len(payload)

    def _next(self) -> bytes:
        """Give the bytes that are to come back next, as many as are shown."""
        return self._bytes[self._at : self._at + SHOWN + 1]

    def _agreement(self, payload: bytes, at: int) -> int:
        """Count how many bytes of a payload are those held at ``at``, up to the first wrong one."""
        if self._bytes.startswith(payload, at):
            return len(payload)
        pairs = zip(payload, self._bytes[at : at + len(payload)], strict=False)
        same = (number for number, (ours, theirs) in enumerate(pairs) if ours != theirs)
        return next(same, len(self._bytes) - at)


class ReplyReader(Protocol):
    """Compares the replies to a stream of messages with what was sent."""

    @property
    def returned(self) -> int:
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

    def begin_connection(self) -> None:
        """Note that all was returned, and what is sent from now on goes over a new connection."""


class RawReader(Expected):
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
            before = self._bytes[max(0, self._at - _CONTEXT) : self._at]
            raise MismatchError(
                f"a reply differs from what was sent, at {self.returned}",
                expected=before + self._next(),
                came=before + data[right : right + SHOWN],
            )
        if len(data) > left:
            raise ExtraError(f"{len(data) - left} bytes more than was sent", came=data[left:])
