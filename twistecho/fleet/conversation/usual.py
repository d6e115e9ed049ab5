"""The usual reply to a message: the one that can be compared as a whole, and need not be read.

A ``stamped`` reply ends with the time, which is the same for a second: it is that of the reply
before. A message that is answered in pieces has no usual reply.
"""

from twistecho.base.reply_formats import (
    CTIME_SIZE,
    MESSAGE_SIZE,
    PREFIX,
    STAMPED_AS,
    STAMPED_HEAD,
    ReplyFormat,
)

_TAIL = len(STAMPED_AS) + CTIME_SIZE


class UsualReply:
    """Gives the usual reply to a message in a format, which is None while nobody knows it.

    It is empty where there is none.
    """

    __slots__ = ("_format", "_tail", "learns")

    def __init__(self, reply: ReplyFormat | None) -> None:
        self._format = reply
        self._tail = b""
        self.learns = reply is ReplyFormat.STAMPED
        """Whether it goes by replies that have come."""

    def __call__(self, message: bytes) -> bytes:
        """Give the reply to a message."""
        reply = self._format
        if reply is ReplyFormat.RAW:
            return message
        if len(message) > MESSAGE_SIZE:
            return b""
        if reply is ReplyFormat.PREFIXED:
            return PREFIX + message
        return b"%b%a%b" % (STAMPED_HEAD, message, self._tail) if self._tail else b""

    def learn(self, data: bytes) -> None:
        """Take the last bytes that came, which end with a right stamped reply."""
        if len(data) >= _TAIL:
            self._tail = data[-_TAIL:]
