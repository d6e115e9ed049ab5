"""The bytes expected back, and the errors for wrong ones.

A reader checks whether the received bytes return the sent ones. It takes the sent bytes (`expect`)
and the received bytes (`feed`), in pieces of any size. It follows the stream by offset and fails at
the first byte that cannot belong. The verdict depends only on the bytes, not on how TCP split them.
A reader stores only the bytes not yet returned and less than one token of a reply, so the peer
cannot make it grow.
"""

from typing import Protocol

SHOWN = 40
"""How many expected and received bytes an error shows."""

_CONTEXT = 8  # how many of these come before the first wrong byte


class WireError(ValueError):
    """The received bytes cannot be the reply to the sent ones.

    ``expected`` and ``came`` are the beginnings of the expected and of the received bytes, as far
    as they are known.
    """

    reason: str
    expected = b""
    came = b""

    def __init__(self, *problem: object, expected: bytes = b"", came: bytes = b"") -> None:
        super().__init__(*problem)
        self.expected, self.came = expected[: SHOWN + 1], came[: SHOWN + 1]


class MismatchError(WireError):
    """A byte differs from the expected reply."""

    reason = "mismatch"


class ExtraError(WireError):
    """Bytes came while no reply was pending."""

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
        """Note that all replies are in, and that later messages use a new connection."""

    @property
    def owed(self) -> int:
        """Bytes sent and not yet returned."""
        return self._left()

    def _left(self) -> int:
        return len(self._bytes) - self._at

    def _take(self, payload: bytes) -> None:
        """Remove payload bytes from the expected ones. Raises MismatchError if they differ."""
        if not self._bytes.startswith(payload, self._at):
            raise MismatchError(
                f"a reply differs from what was sent, at or after {self.returned}",
                expected=self._next(),
                came=payload,
            )
        self._at += len(payload)

    def _next(self) -> bytes:
        """Return the next expected bytes, as many as an error shows."""
        return self._bytes[self._at : self._at + SHOWN + 1]

    def _agreement(self, payload: bytes, at: int) -> int:
        """Return how many bytes of a payload equal the expected ones at ``at``, from its start."""
        if self._bytes.startswith(payload, at):
            return len(payload)
        pairs = zip(payload, self._bytes[at : at + len(payload)], strict=False)
        same = (number for number, (ours, theirs) in enumerate(pairs) if ours != theirs)
        return next(same, len(self._bytes) - at)


class ReplyReader(Protocol):
    """Compares the replies to a stream of messages with what was sent."""

    @property
    def returned(self) -> int:
        """Payload bytes returned correctly since the start, in whole replies."""

    @property
    def owed(self) -> int:
        """Bytes sent and not yet returned; ``owed`` + ``returned`` is the number of bytes sent."""

    @property
    def whole(self) -> bool:
        """Whether all sent bytes have been returned and the last reply is complete."""

    def expect(self, message: bytes) -> None:
        """Add a message that is being sent."""

    def feed(self, data: bytes) -> None:
        """Read received bytes. Raises `MismatchError` or `ExtraError`."""

    def begin_connection(self) -> None:
        """Note that all replies are in, and that later messages use a new connection."""


class RawReader(Expected):
    """Reads `raw` replies: the bytes themselves."""

    __slots__ = ()

    @property
    def whole(self) -> bool:
        """Whether all sent bytes have been returned."""
        return self._at == len(self._bytes)

    def feed(self, data: bytes) -> None:
        """Read received bytes. Raises `MismatchError` or `ExtraError`."""
        if data == self._bytes and not self._at:  # all expected bytes, in one piece
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
            raise ExtraError(f"{len(data) - left} bytes more than were sent", came=data[left:])
