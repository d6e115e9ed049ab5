"""A check for messages whose ``prefixed`` replies would take too long to read.

A service answers a message of more than `MESSAGE_SIZE` bytes in pieces of any size, each with the
prefix before it. If the message itself contains the prefix, the received bytes can be read in two
ways, and the next byte decides: that is fast. But in a row of n prefixes each may be the message's
or the service's. There are n ways, to be followed over n prefixes: a MiB of prefixes would take
hours. So two or more prefixes in a row are refused where messages are that large. A single prefix
is accepted, also where a text ends with one and the bytes after it begin with another.

The check is not needed for ``raw`` or ``stamped`` replies. With ``auto`` the format is unknown in
advance, so the check applies.
"""

from collections.abc import Sequence

from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import MESSAGE_SIZE, PREFIX, ReplyFormat

from .payload import sizes_of
from .reply import AUTO, AskedReply

_ROW = PREFIX * 2


def check_prefixes(
    reply: AskedReply,
    messages: Sequence[bytes],
    size: str | int | None,
    payload: str | bytes | None,
) -> None:
    """Raise FieldError for messages whose replies could be read in too many ways."""
    if reply not in (ReplyFormat.PREFIXED, AUTO):
        return
    sizes = sizes_of(size)
    most = 0 if sizes is None else sizes.most
    if any(max(most, len(text)) > MESSAGE_SIZE and _ROW in text for text in messages):
        _refuse("messages", "a large one", reply)
    if most > MESSAGE_SIZE and isinstance(payload, bytes) and _holds_row(payload):
        _refuse("payload", "it", reply)


def _holds_row(payload: bytes) -> bool:
    """Return whether a piece may contain prefixes in a row, also across the payload's end."""
    around = payload * -(-(len(payload) + len(_ROW)) // len(payload))
    return _ROW in around


def _refuse(field: str, what: str, reply: AskedReply) -> None:
    problem = f"{what} repeats {PREFIX.decode()!r}, with which prefixed replies begin"
    if reply == AUTO:
        raise FieldError(field, f"{problem}: name the format with ", "reply", " raw")
    raise FieldError(field, problem)
