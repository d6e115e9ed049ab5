"""How a byte stream is cut into messages, and how a reply is written into it.

    read                            what one read gives, at most 1024 bytes each: the notebook's
    line                            up to LF, which belongs to the message
    delimiter:TEXT                  up to this text, which belongs to it
    length:1|2|4[,little][,inclusive]   a length in so many bytes, then the message
    fixed:N                         N bytes

With any but ``read`` the messages are the same however TCP cut the bytes. A length is an unsigned
number, big-endian unless it is ``little``, of the bytes that follow it, or of all if ``inclusive``;
it is no part of the message, and every reply gets its own.
"""

from dataclasses import dataclass, field
from typing import Literal

from twistecho.base.notation import FieldError, TextEnum, escaped, parse_spec, whole
from twistecho.base.reply_formats import LONGEST_MESSAGE, MESSAGE_SIZE

from .cutters import Cutter, DelimiterCutter, FixedCutter, LengthCutter
from .values import bytes_of


class FramingKind(TextEnum):
    """Where a message ends; the values are the names used on the command line."""

    READ = "read"
    LINE = "line"
    DELIMITER = "delimiter"
    LENGTH = "length"
    FIXED = "fixed"


class ReplyTooLongError(ValueError):
    """The length of a reply cannot be told: the framing has too few bytes for it."""


_ORDERS: dict[bool, Literal["little", "big"]] = {True: "little", False: "big"}


@dataclass(frozen=True)
class Framing:
    """A way to cut a stream into messages. ``text`` is the framing as it was asked for.

    ``delimiter`` ends a message of ``line`` and ``delimiter``; ``size`` is that of a message under
    ``fixed`` and that of its length under ``length``, in bytes, which ``little`` and ``inclusive``
    describe.
    """

    kind: FramingKind
    delimiter: bytes = b""
    size: int = 0
    little: bool = False
    inclusive: bool = False
    text: str | bytes = field(default="", compare=False)

    @property
    def wraps(self) -> bool:
        """Whether a reply is more than its own bytes."""
        return self.kind is FramingKind.LENGTH

    @property
    def is_read(self) -> bool:
        """Whether messages are what reads give."""
        return self.kind is FramingKind.READ

    @property
    def longest(self) -> int:
        """The longest message that can come, in bytes, where the service bounds no other."""
        if self.kind is FramingKind.FIXED:
            return self.size
        if self.kind is FramingKind.LENGTH:
            return min(LONGEST_MESSAGE, self._longest_length)
        return MESSAGE_SIZE if self.is_read else LONGEST_MESSAGE

    @property
    def _longest_length(self) -> int:
        """The greatest number of bytes that the length can tell of."""
        most: int = 256**self.size - 1
        return most - self.size if self.inclusive else most

    def cutter(self, most: int) -> Cutter | None:
        """Make what cuts one connection's bytes into messages of at most ``most`` bytes.

        None where messages are what reads give.
        """
        if self.kind is FramingKind.LENGTH:
            return LengthCutter(self, most)
        if self.kind is FramingKind.FIXED:
            return FixedCutter(self.size)
        return None if self.is_read else DelimiterCutter(self.delimiter, most)

    def size_of(self, data: bytes | bytearray, at: int) -> int:
        """Read the length at a place in the data: how many bytes follow it; below 0 for none."""
        told = int.from_bytes(data[at : at + self.size], _ORDERS[self.little])
        return told - self.size if self.inclusive else told

    def wrap(self, reply: bytes) -> bytes:
        """Write a reply into the stream. Raises ReplyTooLongError where its length has no room."""
        if self.kind is not FramingKind.LENGTH:
            return reply
        if len(reply) > self._longest_length:
            raise ReplyTooLongError(
                f"{len(reply)} bytes are more than a length of {self.size} bytes can tell of"
            )
        told = len(reply) + (self.size if self.inclusive else 0)
        return told.to_bytes(self.size, _ORDERS[self.little]) + reply

    def __str__(self) -> str:
        """Give the framing as it was asked for."""
        text = self.text
        return escaped(text) if isinstance(text, str) else repr(text)[2:-1]


READ = Framing(FramingKind.READ, text="read")
"""What one read gives is a message, or several."""


def parse_framing(text: str | bytes) -> Framing:
    """Read a framing. Raises ValueError with one line.

    Bytes are for a delimiter that is no text.
    """
    source = bytes_of(text)
    if source.startswith(b"delimiter:"):
        delimiter = source.removeprefix(b"delimiter:")
        if not 1 <= len(delimiter) <= MESSAGE_SIZE:
            raise ValueError(f"delimiter: needs a text of 1 to {MESSAGE_SIZE} bytes")
        return Framing(FramingKind.DELIMITER, delimiter, text=text)
    spec = parse_spec(source.decode("latin-1"))
    kind = FramingKind.parse(spec.name)
    if spec.options or (spec.values and kind in (FramingKind.READ, FramingKind.LINE)):
        given = next(iter(spec.options or spec.values))
        raise ValueError(f"{kind}: {given!r} is no option")
    if kind is FramingKind.LENGTH:
        return _length(spec.values, text)
    if kind is FramingKind.FIXED:
        return Framing(kind, size=_fixed(spec.values), text=text)
    if kind is FramingKind.DELIMITER:
        raise ValueError("delimiter: needs the text that ends a message, delimiter:TEXT")
    return Framing(kind, b"\n" if kind is FramingKind.LINE else b"", text=text)


def _length(values: tuple[str, ...], text: str | bytes) -> Framing:
    if values[:1] not in (("1",), ("2",), ("4",)):
        raise ValueError("length: needs its size in bytes, length:1, length:2 or length:4")
    for each in values[1:]:
        if each not in ("little", "inclusive") or values.count(each) > 1:
            raise ValueError(f"length: {each!r} is none of little, inclusive, once each")
    return Framing(
        FramingKind.LENGTH,
        size=int(values[0]),
        little="little" in values,
        inclusive="inclusive" in values,
        text=text,
    )


def _fixed(values: tuple[str, ...]) -> int:
    if len(values) != 1:
        raise ValueError("fixed: needs the size of a message in bytes, fixed:N")
    size = whole(values[0])
    if size < 1:
        raise ValueError(f"fixed: {size} is not 1 or more")
    return size


def check_size(framing: Framing, most: int) -> None:
    """Raise FieldError for a framing whose messages are all longer than may come, in bytes."""
    least = framing.size if framing.kind is FramingKind.FIXED else len(framing.delimiter)
    if least > most:
        raise FieldError("framing", f"{framing}: no message may have more than {most} bytes")
