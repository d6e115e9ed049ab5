"""Reading ``prefixed`` replies, which do not mark where they end.

A message may itself contain the prefix, so a stream can be read in more than one way. All ways
that are still possible are followed; a new one begins only where the stream contains the prefix.
"""

from twistecho.base.reply_formats import PREFIX

from .expected import SHOWN, Expected, ExtraError, MismatchError, WireError

_IN_PAYLOAD = len(PREFIX) + 1  # a way's state counts the bytes of the prefix it has seen
_Way = tuple[int, int]


class PrefixedReader(Expected):
    """Reads `prefixed` replies; a way is (payload bytes returned, bytes of the prefix seen)."""

    __slots__ = ("_base", "_complete", "_ways")

    def __init__(self) -> None:
        super().__init__()
        self._base = 0  # offset of the first stored byte in the stream of messages
        self._ways: set[_Way] = {(0, 0)}
        self._complete = True  # whether one way had all bytes since the last message was added

    def _end(self) -> int:
        return self._base + len(self._bytes)

    @property
    def owed(self) -> int:
        """Bytes sent and not yet returned, in the most favourable reading."""
        return self._end() - self.returned

    @property
    def whole(self) -> bool:
        """Whether all sent bytes have been returned, in the most favourable reading."""
        return not self._end() or (self._end(), _IN_PAYLOAD) in self._ways

    def expect(self, message: bytes) -> None:
        """Add a message that is being sent; drop the bytes that no way needs any more."""
        # A reply that was complete before this message was sent cannot contain it.
        end = self._end()
        self._ways = {(r, 0 if r == end and s == _IN_PAYLOAD else s) for r, s in self._ways}
        oldest = min(returned for returned, _ in self._ways)
        self._bytes = self._bytes[oldest - self._base :] + message
        self._base = oldest
        self._complete = False

    def begin_connection(self) -> None:
        """Note that all replies are in, and that later messages use a new connection.

        All other ways to read the old connection's bytes are dropped.
        """
        self._base, self._bytes = self._end(), b""
        self._ways = {(self._base, _IN_PAYLOAD)}

    def feed(self, data: bytes) -> None:
        """Read received bytes. Raises `MismatchError` or `ExtraError`."""
        ends: set[_Way] = set()
        seen: set[tuple[int, int, int]] = set()
        todo = [(0, *way) for way in self._ways]
        while todo:
            step = todo.pop()
            if step in seen:
                continue
            seen.add(step)
            at, returned, state = step
            if state == _IN_PAYLOAD:
                self._reached(returned)
            if at == len(data):
                ends.add((returned, state))
            elif state == _IN_PAYLOAD:
                todo += self._payload(data, at, returned)
            else:
                todo += self._prefix(data, at, returned, state)
        if not ends:
            raise self._problem(data)
        self._ways = ends

    def _reached(self, returned: int) -> None:
        self.returned = max(self.returned, returned)
        self._complete |= returned == self._end()

    def _problem(self, data: bytes) -> WireError:
        """Return the error where no way is left: extra bytes after all replies, or wrong ones."""
        if not self._complete:
            first = self.returned - self._base
            expected = self._bytes[first : first + SHOWN]
            if all(state != _IN_PAYLOAD for _, state in self._ways):
                expected = PREFIX + expected
            return MismatchError(
                f"after {self.returned} bytes came {data[:40]!r}", expected=expected, came=data
            )
        self._ways = {(self._end(), _IN_PAYLOAD)}
        return ExtraError("bytes came while no reply was pending", came=data)

    def _prefix(self, data: bytes, at: int, returned: int, seen: int) -> list[tuple[int, int, int]]:
        """Continue inside a prefix of which ``seen`` bytes have come."""
        if returned == self._end():
            return []
        if seen == len(PREFIX):
            first = returned - self._base
            if data[at : at + 1] != self._bytes[first : first + 1]:
                return []
            return [(at + 1, returned + 1, _IN_PAYLOAD)]
        piece = data[at : at + len(PREFIX) - seen]
        if not PREFIX.startswith(piece, seen):
            return []
        return [(at + len(piece), returned, seen + len(piece))]

    def _payload(self, data: bytes, at: int, returned: int) -> list[tuple[int, int, int]]:
        """Continue inside a message: to the next place where a prefix may begin, and past it."""
        if returned == self._end():
            return []
        begins = _prefix_begins(data, at)
        steps = [(at, returned, 0)] if begins == at else []
        run = data[at : max(begins, at + 1)]
        right = self._agreement(run, returned - self._base)
        if right == len(run) or returned + right == self._end():
            steps.append((at + right, returned + right, _IN_PAYLOAD))
        else:
            self._reached(returned + right)
        return steps


def _prefix_begins(data: bytes, at: int) -> int:
    """Find the next place where the prefix, or at the end of ``data`` a part of it, begins."""
    while True:
        at = data.find(PREFIX[:1], at)
        if at < 0:
            return len(data)
        if PREFIX.startswith(data[at : at + len(PREFIX)]):
            return at
        at += 1
