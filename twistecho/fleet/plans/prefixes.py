"""Which messages cannot be told, in reasonable time, from the beginnings of ``prefixed`` replies.

A service answers a message of more than `MESSAGE_SIZE` bytes in pieces, cut where it likes, each
with the prefix before it. Where the message itself holds the prefix, what comes can be read in two
ways, of which one ends with the next byte: that is as fast as anything else. But of a row of n
prefixes each may be the message's or the service's, so there are n ways, followed over n prefixes:
a MiB of nothing else would take hours. So a row of them, two or more, is refused where messages are
that large. One is not, nor the one more where a text ends with it and the bytes behind it begin
with another.

Where the format is asked for, or found, to be ``raw`` or ``stamped``, none of this matters. Where
it is to be found nobody knows before.
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
    """Raise FieldError for a plan's messages whose replies there are too many ways to read."""
    if reply not in (ReplyFormat.PREFIXED, AUTO):
        return
    sizes = sizes_of(size)
    most = 0 if sizes is None else sizes.most
    if any(max(most, len(text)) > MESSAGE_SIZE and _ROW in text for text in messages):
        _refuse("messages", "a large one", reply)
    if most > MESSAGE_SIZE and isinstance(payload, bytes) and _holds_row(payload):
        _refuse("payload", "it", reply)


def _holds_row(payload: bytes) -> bool:
    """Tell whether a piece may hold a row, which goes on at the beginning behind the end."""
    around = payload * -(-(len(payload) + len(_ROW)) // len(payload))
    return _ROW in around


def _refuse(field: str, what: str, reply: AskedReply) -> None:
    problem = f"{what} repeats {PREFIX.decode()!r}, with which prefixed replies begin"
    if reply == AUTO:
        raise FieldError(field, f"{problem}: name the format with ", "reply", " raw")
    raise FieldError(field, problem)
