"""How a byte stream is cut into messages, and how a reply is written into it.

    read                            each read, in messages of at most 1024 bytes, as in the notebook
    line                            up to LF, which is part of the message
    delimiter:TEXT                  up to this text, which is part of the message
    length:1|2|4[,little][,inclusive]   a length field of 1, 2 or 4 bytes, then the message
    fixed:N                         N bytes

Except with ``read``, the messages do not depend on how TCP splits the bytes. A length is an
unsigned number, big-endian unless ``little``. It counts the bytes that follow it, or with
``inclusive`` its own bytes too. It is not part of the message; every reply gets one of its own.
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
    """The reply is too long for the length field of the framing."""


_ORDERS: dict[bool, Literal["little", "big"]] = {True: "little", False: "big"}


@dataclass(frozen=True)
class Framing:
    """A way to cut a stream into messages. ``text`` is the text that it was read from.

    ``delimiter`` ends each message of ``line`` and ``delimiter``. ``size``, in bytes, is that of a
    message for ``fixed``, and that of the length field for ``length``, which also uses ``little``
    and ``inclusive``.
    """

    kind: FramingKind
    delimiter: bytes = b""
    size: int = 0
    little: bool = False
    inclusive: bool = False
    text: str | bytes = field(default="", compare=False)

    @property
    def wraps(self) -> bool:
        """Whether a length is written before each reply."""
        return self.kind is FramingKind.LENGTH

    @property
    def is_read(self) -> bool:
        """Whether each read becomes messages by itself."""
        return self.kind is FramingKind.READ

    @property
    def longest(self) -> int:
        """The longest possible message, in bytes, where the service's limits do not reduce it."""
        if self.kind is FramingKind.FIXED:
            return self.size
        if self.kind is FramingKind.LENGTH:
            return min(LONGEST_MESSAGE, self._longest_length)
        return MESSAGE_SIZE if self.is_read else LONGEST_MESSAGE

    @property
    def _longest_length(self) -> int:
        """The most bytes that can follow a length."""
        most: int = 256**self.size - 1
        return most - self.size if self.inclusive else most

    def cutter(self, most: int) -> Cutter | None:
        """Make a cutter of one connection's bytes into messages of at most ``most`` bytes.

        None for ``read``.
        """
        if self.kind is FramingKind.LENGTH:
            return LengthCutter(self, most)
        if self.kind is FramingKind.FIXED:
            return FixedCutter(self.size)
        return None if self.is_read else DelimiterCutter(self.delimiter, most)

    def size_of(self, data: bytes | bytearray, at: int) -> int:
        """Read the length at ``at``: how many bytes follow it. Below 0, the length is invalid."""
        told = int.from_bytes(data[at : at + self.size], _ORDERS[self.little])
        return told - self.size if self.inclusive else told

    def wrap(self, reply: bytes) -> bytes:
        """Return the bytes to send for a reply. Raises ReplyTooLongError if it is too long."""
        if self.kind is not FramingKind.LENGTH:
            return reply
        if len(reply) > self._longest_length:
            raise ReplyTooLongError(
                f"{len(reply)} bytes do not fit a length field of {self.size} bytes"
            )
        told = len(reply) + (self.size if self.inclusive else 0)
        return told.to_bytes(self.size, _ORDERS[self.little]) + reply

    def __str__(self) -> str:
        """Return the text that the framing was read from."""
        text = self.text
        return escaped(text) if isinstance(text, str) else repr(text)[2:-1]


READ = Framing(FramingKind.READ, text="read")
"""Each read is one message, or several of 1024 bytes at most."""


def parse_framing(text: str | bytes) -> Framing:
    """Read a framing. Raises ValueError with one line.

    Bytes are for a delimiter that is not valid text.
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
        raise ValueError(f"{kind}: {given!r} is not an option")
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
            raise ValueError(f"length: {each!r} is not one of little, inclusive, once each")
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
    """Raise FieldError for a framing whose messages are all longer than ``most`` bytes."""
    least = framing.size if framing.kind is FramingKind.FIXED else len(framing.delimiter)
    if least > most:
        raise FieldError("framing", f"{framing}: the longest message allowed has {most} bytes")
