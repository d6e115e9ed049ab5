"""The format that a plan requires of replies: one of the service's, or any of them."""

from typing import Final, Literal

from twistecho.base.reply_formats import ReplyFormat

AUTO: Final = "auto"
"""Each client detects the format of its replies from the first bytes received."""

AskedReply = ReplyFormat | Literal["auto"]
"""The required format of replies: a certain one, or `AUTO`."""

ASKED: tuple[AskedReply, ...] = (AUTO, *ReplyFormat)
"""All values of a plan's ``reply``."""


def parse_reply(text: str) -> AskedReply:
    """Read a plan's ``reply``. Raises ValueError, which names all valid values."""
    for known in ASKED:
        if text == known:
            return known
    raise ValueError(f"{text[:40]!r} is not one of {', '.join(map(str, ASKED))}")
