"""Cutters, which cut the bytes of a connection into messages as they arrive; see `framing`."""

from typing import Protocol

TOO_LONG = "message-too-long"
"""Why a stream has ended: a message is longer than the service allows."""

NO_LENGTH = "impossible-length"
"""Why a stream has ended: a length that includes itself is less than its own bytes."""


class Cutter:
    """Cuts the bytes of one connection into messages of at most ``most`` bytes.

    ``broken`` is None until the stream cannot be cut any more: then `TOO_LONG` or `NO_LENGTH`.
    ``more`` is whether the held bytes may contain further complete messages, see `feed`.
    """

    __slots__ = ("_held", "_most", "broken", "more")

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = bytearray()
        self.broken: str | None = None
        self.more = False

    @property
    def pending(self) -> int:
        """The number of held bytes: an unfinished message, and messages not returned yet."""
        return len(self._held)

    def feed(self, data: bytes, count: int) -> list[bytes]:
        """Take bytes; return the messages that they complete, at most ``count``.

        Where there are ``more``, feed ``b""`` to get the next ones.
        """
        held = self._held
        held += data
        messages, end = self._cut(count)
        del held[:end]
        if self.broken is not None:
            held.clear()
        self.more = len(messages) == count and bool(held)
        return messages

    def _cut(self, count: int) -> tuple[list[bytes], int]:
        """Return at most ``count`` messages, and where the last of them ends in the held bytes."""
        raise NotImplementedError


class DelimiterCutter(Cutter):
    """Cuts after each ``delimiter``, which is part of the message."""

    __slots__ = ("_delimiter", "_searched")

    def __init__(self, delimiter: bytes, most: int) -> None:
        super().__init__(most)
        self._delimiter = delimiter
        self._searched = 0  # no delimiter begins before this index

    def _cut(self, count: int) -> tuple[list[bytes], int]:
        delimiter, held, search = self._delimiter, self._held, self._searched
        messages: list[bytes] = []
        begin = 0
        while len(messages) < count:
            at = held.find(delimiter, search)
            end = at + len(delimiter) if at >= 0 else len(held) + 1
            if end - begin > self._most:
                self.broken = TOO_LONG
                break
            if at < 0:
                break
            messages.append(bytes(held[begin:end]))
            begin = search = end
        rest = len(held) - begin
        self._searched = 0 if len(messages) == count else max(0, rest - len(delimiter) + 1)
        return messages, begin


class LengthField(Protocol):
    """Reads the length before a message: a field of ``size`` bytes."""

    @property
    def size(self) -> int:
        """The size of the length field, in bytes."""

    def size_of(self, data: bytes | bytearray, at: int) -> int:
        """Read the length at ``at``: how many bytes follow it. Below 0, the length is invalid."""


class LengthCutter(Cutter):
    """Cuts by the length before each message, which is not part of the message."""

    __slots__ = ("_field",)

    def __init__(self, field: LengthField, most: int) -> None:
        super().__init__(most)
        self._field = field

    def _cut(self, count: int) -> tuple[list[bytes], int]:
        field, held = self._field, self._held
        messages: list[bytes] = []
        begin = 0
        while len(messages) < count and len(held) - begin >= field.size:
            size = field.size_of(held, begin)
            if not 0 <= size <= self._most:
                self.broken = TOO_LONG if size > 0 else NO_LENGTH
                break
            end = begin + field.size + size
            if len(held) < end:
                break
            messages.append(bytes(held[begin + field.size : end]))
            begin = end
        return messages, begin


class FixedCutter(Cutter):
    """Cuts after every ``most`` bytes."""

    __slots__ = ()

    def _cut(self, count: int) -> tuple[list[bytes], int]:
        size, held = self._most, self._held
        end = min(count, len(held) // size) * size
        return [bytes(held[at : at + size]) for at in range(0, end, size)], end
