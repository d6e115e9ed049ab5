"""Finding the format of replies by what comes: raw, prefixed or stamped.

What comes is read in all three ways, byte by byte, and a way ends at the first byte that cannot
belong to it. The one that is left is the format, whatever was sent and however TCP cut the bytes:
what a client sent may itself begin as a prefix does. Where more than one way is left, and what has
come is exactly what was sent, it counts as raw until the next byte tells otherwise.

No message is ambiguous: whatever was sent, all the right replies to it in one format are no
beginning of those in another, but for raw ones, which may be: those to ``R`` begin a prefix. So the
next byte tells, or the end, before which a service that was told FIN sends all that it owes. A way
goes on beside the right one only as far as what was sent repeats itself: raw and prefixed replies
to M differ where M and the prefix before M do. What takes too long to be read is refused before:
see `plans.prefixes`.
"""

from collections.abc import Callable

from twistecho.base.reply_formats import ReplyFormat

from .expected import SHOWN, RawReader, ReplyReader, WireError
from .prefixed import PrefixedReader
from .stamped import StampedReader

READERS: dict[ReplyFormat, type[RawReader] | type[PrefixedReader] | type[StampedReader]] = {
    ReplyFormat.RAW: RawReader,
    ReplyFormat.PREFIXED: PrefixedReader,
    ReplyFormat.STAMPED: StampedReader,
}
"""What reads the replies of each format."""


class AutoReader:
    """Reads the replies of one conversation until their format is known; see the module.

    ``decided`` is called with the reader that takes over, once: all that comes later is for that
    one. ``found`` is the format, None while nothing tells, and where no format was right.
    """

    __slots__ = ("_counted", "_decided", "_first", "_seen", "_sent", "_ways", "found")

    def __init__(self, decided: Callable[[ReplyFormat, ReplyReader], object]) -> None:
        self.found: ReplyFormat | None = None
        self._decided = decided
        self._ways: dict[ReplyFormat, ReplyReader] = {
            each: made() for each, made in READERS.items()
        }
        self._sent = 0
        self._counted = 0  # bytes of replies that counted as raw, and whole
        self._first = b""  # of what was sent, as far as it would be shown
        self._seen = b""  # of what came, likewise

    @property
    def returned(self) -> int:
        """Payload bytes that have come back right, in replies that are whole."""
        known = len(self._ways) == 1
        return max([self._counted, *(reader.returned for reader in self._ways.values() if known)])

    @property
    def owed(self) -> int:
        """Bytes sent and not yet returned."""
        return self._sent - self.returned

    @property
    def whole(self) -> bool:
        """Whether all that was sent has come back, in one of the ways that are left."""
        return any(reader.whole for reader in self._ways.values())

    def expect(self, message: bytes) -> None:
        """Add a message that is being sent."""
        self._sent += len(message)
        self._first += message[: SHOWN + 1 - len(self._first)]
        for reader in self._ways.values():
            reader.expect(message)

    def feed(self, data: bytes) -> None:
        """Take bytes that came back. Raises `MismatchError` or `ExtraError`."""
        at = 0
        while len(self._ways) > 1 and at < len(data):
            self._narrow(data, at)
            at += 1
        if len(self._ways) == 1:
            self._go_on(data[at:])
        elif self.found:
            self._counted = self._ways[self.found].returned

    def begin_connection(self) -> None:
        """Note that all was returned, and what is sent from now on goes over a new connection.

        A way in which a reply is amid does not go on there: it is the raw one that is left then.
        """
        self._ways = {each: reader for each, reader in self._ways.items() if reader.whole}
        for reader in self._ways.values():
            reader.begin_connection()
        if len(self._ways) == 1:
            self._go_on(b"")

    def _narrow(self, data: bytes, at: int) -> None:
        """Read one byte in all ways that are left. Raises `WireError` where none is then."""
        byte = data[at : at + 1]
        wrong: dict[ReplyFormat, WireError] = {}
        for reply, reader in self._ways.items():
            try:
                reader.feed(byte)
            except WireError as error:
                wrong[reply] = error
        if len(wrong) == len(self._ways):
            first = next(iter(wrong))
            self._ways = {first: self._ways[first]}
            raise self._shown(wrong[first], data, at)
        self._ways = {each: reader for each, reader in self._ways.items() if each not in wrong}
        self._seen += byte[: SHOWN - len(self._seen)]
        raw = self._ways.get(ReplyFormat.RAW)
        if raw is None:
            self.found = None
        elif raw.whole:
            self.found = ReplyFormat.RAW

    def _shown(self, error: WireError, data: bytes, at: int) -> WireError:
        """Have an error tell all that came, and what was sent, where that is little."""
        whole = len(self._seen) < SHOWN
        error.came = (self._seen if whole else b"") + data[at : at + SHOWN + 1]
        error.expected = self._first if whole else error.expected
        return error

    def _go_on(self, data: bytes) -> None:
        """Have the only reader that is left read the rest, and take over.

        Not before it has caught up with what counted as raw: bytes count once.
        """
        [(self.found, reader)] = self._ways.items()
        if reader.returned >= self._counted:
            self._decided(self.found, reader)
        if not data:
            return
        behind = reader.returned < self._counted
        reader.feed(data)
        if behind and reader.returned >= self._counted:
            self._decided(self.found, reader)
