"""Detecting the format of replies from the received bytes: raw, prefixed or stamped.

The received bytes are read as all three formats, byte by byte. A format is ruled out at the first
byte that cannot belong to it; the last one left is the format. This holds for every message and
however TCP splits the bytes, although a message may itself begin like the prefix. While more than
one format is left and the received bytes equal the sent ones, they count as raw, until a further
byte rules that out.

The result is unambiguous. Complete replies in one format are never the beginning of replies in
another one, except raw replies: the raw reply to ``R`` is the beginning of the prefix. Then the
next byte decides, or the end of the connection, as a service sends all pending replies after it
received FIN. A wrong format stays possible only as long as the sent bytes repeat themselves: raw
and prefixed replies to M differ where M and the prefix before M do. Messages for which this would
take too long are refused before: see `plans.prefixes`.
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
"""The reader of each format."""


class AutoReader:
    """Reads the replies of one conversation until their format is known; see the module.

    ``decided`` is called once, with the format's reader, which reads all later bytes. ``found`` is
    the format; None while it is unknown, and if no format fits.
    """

    __slots__ = ("_counted", "_decided", "_first", "_seen", "_sent", "_ways", "found")

    def __init__(self, decided: Callable[[ReplyFormat, ReplyReader], object]) -> None:
        self.found: ReplyFormat | None = None
        self._decided = decided
        self._ways: dict[ReplyFormat, ReplyReader] = {
            each: made() for each, made in READERS.items()
        }
        self._sent = 0
        self._counted = 0  # bytes of whole replies that counted as raw
        self._first = b""  # the beginning of the sent bytes, as much as an error shows
        self._seen = b""  # the beginning of the received bytes, likewise

    @property
    def returned(self) -> int:
        """Payload bytes returned correctly, in whole replies."""
        known = len(self._ways) == 1
        return max([self._counted, *(reader.returned for reader in self._ways.values() if known)])

    @property
    def owed(self) -> int:
        """Bytes sent and not yet returned."""
        return self._sent - self.returned

    @property
    def whole(self) -> bool:
        """Whether all sent bytes have been returned, in one of the formats left."""
        return any(reader.whole for reader in self._ways.values())

    def expect(self, message: bytes) -> None:
        """Add a message that is being sent."""
        self._sent += len(message)
        self._first += message[: SHOWN + 1 - len(self._first)]
        for reader in self._ways.values():
            reader.expect(message)

    def feed(self, data: bytes) -> None:
        """Read received bytes. Raises `MismatchError` or `ExtraError`."""
        at = 0
        while len(self._ways) > 1 and at < len(data):
            self._narrow(data, at)
            at += 1
        if len(self._ways) == 1:
            self._go_on(data[at:])
        elif self.found:
            self._counted = self._ways[self.found].returned

    def begin_connection(self) -> None:
        """Note that all replies are in, and that later messages use a new connection.

        This rules out a format that would be in the middle of a reply: raw is left then.
        """
        self._ways = {each: reader for each, reader in self._ways.items() if reader.whole}
        for reader in self._ways.values():
            reader.begin_connection()
        if len(self._ways) == 1:
            self._go_on(b"")

    def _narrow(self, data: bytes, at: int) -> None:
        """Read one byte as all formats left. Raises `WireError` if it rules out all of them."""
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
        """Add to an error all bytes received, and the bytes sent, while they are few."""
        whole = len(self._seen) < SHOWN
        error.came = (self._seen if whole else b"") + data[at : at + SHOWN + 1]
        error.expected = self._first if whole else error.expected
        return error

    def _go_on(self, data: bytes) -> None:
        """Read the rest with the only reader left, and hand over to it.

        It takes over once it has returned the bytes that counted as raw, so that none count twice.
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
