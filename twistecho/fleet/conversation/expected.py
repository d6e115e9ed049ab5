"""What was sent and has not come back yet, and what can be wrong with what comes back."""


class WireError(ValueError):
    """What came back cannot be the reply to what was sent."""

    reason: str


class MismatchError(WireError):
    """A byte differs from what the reply must hold."""

    reason = "mismatch"


class ExtraError(WireError):
    """Bytes came when nothing was owed."""

    reason = "extra"


class Owed:
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

    @property
    def owed(self) -> int:
        """Bytes sent and not yet returned."""
        return self._left()

    def _left(self) -> int:
        return len(self._bytes) - self._at

    def _take(self, payload: bytes) -> None:
        """Strike payload bytes off what is owed, if they are the next ones."""
        if not self._bytes.startswith(payload, self._at):
            raise MismatchError(f"a reply differs from what was sent, at or after {self.returned}")
        self._at += len(payload)

    def _agreement(self, payload: bytes, at: int) -> int:
        """Count how many bytes of a payload are those held at ``at``, up to the first wrong one."""
        if self._bytes.startswith(payload, at):
            return len(payload)
        pairs = zip(payload, self._bytes[at : at + len(payload)], strict=False)
        same = (number for number, (ours, theirs) in enumerate(pairs) if ours != theirs)
        return next(same, len(self._bytes) - at)
