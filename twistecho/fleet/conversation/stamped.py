"""Reading ``stamped`` replies: a head, one Python bytes literal, ``as`` and a time.

Tokens are read as they arrive; less than one token is stored. The payload inside the literal is
compared at once, so that the first wrong byte is detected.
"""

import re
from calendar import weekday
from functools import lru_cache

from twistecho.base.reply_formats import CTIME_SIZE, STAMPED_AS, STAMPED_HEAD

from .expected import Expected, ExtraError, MismatchError

_BODY = {
    b"'": re.compile(rb"(?:[ -&(-\[\]-~]|\\(?:[\\'nrt]|x[0-9a-f]{2}))*"),
    b'"': re.compile(rb"(?:[ !#-\[\]-~]|\\(?:[\\nrt]|x[0-9a-f]{2}))*"),
}
_PARTIAL_ESCAPE = re.compile(rb"\\(?:x[0-9a-f]?)?\Z")
_DAYS = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"]
_MONTHS = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun"]
_MONTHS += [b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"]
_TIME = re.compile(
    rb"(?P<name>%b) (?P<month>%b) (?P<day> [1-9]|[12][0-9]|3[01]) "
    rb"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60) (?P<year>[0-9]{4})"
    % (b"|".join(_DAYS), b"|".join(_MONTHS))
)
_TAIL_SIZE = len(STAMPED_AS) + CTIME_SIZE


class StampedReader(Expected):
    """Reads `stamped` replies."""

    __slots__ = ("_held", "_pending", "_quote", "_tail")

    def __init__(self) -> None:
        super().__init__()
        self._held = b""  # an unfinished token
        self._quote = b""  # the quote the literal ends with; empty outside a literal
        self._tail = False
        self._pending = 0

    @property
    def whole(self) -> bool:
        """Whether all sent bytes have been returned and the last reply is complete."""
        between = not (self._held or self._quote or self._tail)
        return between and self._at == len(self._bytes)

    @property
    def owed(self) -> int:
        """Bytes sent and not yet returned in a whole reply."""
        return self._left() + self._pending

    def feed(self, data: bytes) -> None:
        """Read received bytes. Raises `MismatchError` or `ExtraError`."""
        data, self._held = self._held + data, b""
        at = 0
        while at < len(data):
            used = self._read(data, at)
            if not used:
                break
            at += used
        self._held = data[at:]

    def _read(self, data: bytes, at: int) -> int:
        """Read one token; return its length, or 0 if more bytes are needed."""
        if self._tail:
            return self._read_tail(data, at)
        if self._quote:
            return self._read_body(data, at)
        return self._read_head(data, at)

    def _read_head(self, data: bytes, at: int) -> int:
        if not self._left():
            raise ExtraError("bytes came while no reply was pending", came=data[at:])
        head = STAMPED_HEAD + b"b"
        piece = data[at : at + len(head) + 1]
        if not (head.startswith(piece) or (piece.startswith(head) and piece[-1:] in _BODY)):
            expected = STAMPED_HEAD + repr(self._next()).encode("ascii")
            raise MismatchError(
                f"a reply begins with {piece[:40]!r}", expected=expected, came=data[at:]
            )
        if len(piece) <= len(head):
            return 0
        self._quote = piece[-1:]
        return len(piece)

    def _read_body(self, data: bytes, at: int) -> int:
        match = _BODY[self._quote].match(data, at)
        text = match.group() if match else b""
        if text:
            payload = _unescape(text)
            self._take(payload)
            self._pending += len(payload)
            return len(text)
        if data.startswith(self._quote, at):
            self._quote = b""
            self._tail = True
            return 1
        if not _PARTIAL_ESCAPE.match(data, at):
            raise MismatchError(
                f"not a Python bytes literal at {data[at : at + 4]!r}",
                expected=self._next(),
                came=data[at:],
            )
        return 0

    def _read_tail(self, data: bytes, at: int) -> int:
        piece = data[at : at + _TAIL_SIZE]
        if not STAMPED_AS.startswith(piece[: len(STAMPED_AS)]):
            raise MismatchError(
                f"{piece[:4]!r} after the bytes, not ' as '", expected=STAMPED_AS, came=piece
            )
        if len(piece) < _TAIL_SIZE:
            return 0
        if not is_ctime(piece[len(STAMPED_AS) :]):
            raise MismatchError(
                f"{piece[:_TAIL_SIZE]!r} after the bytes, not a time",
                expected=STAMPED_AS + b"a time",
                came=piece,
            )
        self._tail = False
        self.returned += self._pending
        self._pending = 0
        return _TAIL_SIZE


@lru_cache(maxsize=16)  # a stamp stays the same for one second
def is_ctime(text: bytes) -> bool:
    """Return whether `time.ctime` can have written this: a valid date and time, and its weekday.

    60 seconds are valid: some systems' clocks show leap seconds.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    month = _MONTHS.index(found["month"]) + 1
    try:
        return _DAYS[weekday(int(found["year"]), month, int(found["day"]))] == found["name"]
    except ValueError:  # no such day
        return False


def _unescape(text: bytes) -> bytes:
    """Return the bytes for the inside of a bytes literal, or for a part cut between escapes."""
    if b"\\" not in text:
        return text
    return text.decode("unicode_escape").encode("latin-1")
