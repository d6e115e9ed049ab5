"""The text of the option for one answer: pattern and reply, with escapes in the reply."""

import re
from typing import Any

from twistecho.base.escapes import ESCAPE, escaped_byte
from twistecho.base.notation import whole

from .answers import On
from .parsing import LinesOf, no_files, parse_delays


def parse_on(text: str, *, lines_of: LinesOf = no_files) -> On:
    r"""Read ``/PATTERN/REPLY/[close][,delay=20ms][,limit=2][,fault=...]``.

    The first character is the delimiter; inside the pattern and the reply it is written with a
    backslash before it. ``\r``, ``\n``, ``\t`` and ``\xHH`` in the reply are those bytes. ``fault``
    takes the rest. ``lines_of`` reads the file of a trace. Raises ValueError with one line.
    """
    delimiter = text[:1]
    if not delimiter or delimiter.isalnum() or delimiter == "\\":
        raise ValueError(f"{text[:40]!r} is not /PATTERN/REPLY/[close][,option=value]")
    parts = re.split(rf"(?<!\\)((?:\\\\)*){re.escape(delimiter)}", text[1:], maxsplit=2)
    if len(parts) < 5:
        raise ValueError(f"{text[:40]!r} has no {delimiter!r} after the pattern and the reply")
    pattern, reply = (
        (parts[at] + parts[at + 1]).replace(f"\\{delimiter}", delimiter) for at in (0, 2)
    )
    try:
        options = _options(parts[4], lines_of)
        return On(pattern.encode("utf-8", "surrogateescape"), unescape_reply(reply), **options)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r}: {error}") from None


_FAULT = re.compile("(?:^|,)fault=")
_KEY = re.compile("(?:^|,)(close|delay=|limit=)")


def _options(text: str, lines_of: LinesOf) -> dict[str, Any]:
    """Read the options after the reply."""
    text, *fault = _FAULT.split(text, maxsplit=1)
    given: dict[str, Any] = {"fault": fault[0]} if fault else {}
    pieces = _KEY.split(text)
    if pieces[0]:
        raise ValueError(f"{pieces[0][:40]!r} is not an option: use close, delay, limit or fault")
    for key, value in zip(pieces[1::2], pieces[2::2], strict=True):
        name = key.removesuffix("=")
        if name in given:
            raise ValueError(f"{name} is given twice")
        if name == "close" and value:
            raise ValueError(f"'close{value[:40]}' is not an option")
        given[name] = True if name == "close" else value
    readers = {"delay": lambda delay: parse_delays(delay, lines_of=lines_of), "limit": whole}
    for name in readers.keys() & given.keys():
        try:
            given[name] = readers[name](given[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return given


def unescape_reply(text: str) -> bytes:
    r"""Read the escapes of an option's reply, except groups and backslashes, which stay."""

    def replaced(match: re.Match[bytes]) -> bytes:
        byte = escaped_byte(match[1])
        if byte == b"\\":
            return b"\\\\"
        return match[0] if byte is None else byte

    return ESCAPE.sub(replaced, text.encode("utf-8", "surrogateescape"))
