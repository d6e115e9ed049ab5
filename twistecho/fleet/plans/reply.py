"""The format that a plan asks of replies: one of the service's, or whichever of them it finds."""

from typing import Final, Literal

from twistecho.base.reply_formats import ReplyFormat

AUTO: Final = "auto"
"""Each client finds by the first bytes that come which format its replies have."""

AskedReply = ReplyFormat | Literal["auto"]
"""What replies are to be: of one format, or `AUTO`."""

ASKED: tuple[AskedReply, ...] = (AUTO, *ReplyFormat)
"""All that a plan can ask of replies."""


def parse_reply(text: str) -> AskedReply:
    """Read what a plan asks of replies. Raises ValueError, which names all that there is."""
    for known in ASKED:
        if text == known:
            return known
    raise ValueError(f"{text[:40]!r} is not one of {', '.join(map(str, ASKED))}")
