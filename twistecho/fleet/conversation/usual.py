"""The usual reply to a message: it is compared as a whole, which is faster than reading it.

A ``stamped`` reply ends with the time, which stays the same for one second: the usual reply has the
time of the previous one. A message that may be answered in pieces has no usual reply.
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
    """Returns the usual reply to a message in a format; None: the format is unknown.

    The result is empty where there is no usual reply.
    """

    __slots__ = ("_format", "_tail", "learns")

    def __init__(self, reply: ReplyFormat | None) -> None:
        self._format = reply
        self._tail = b""
        self.learns = reply is ReplyFormat.STAMPED
        """Whether `learn` must be called with received replies."""

    def __call__(self, message: bytes) -> bytes:
        """Return the usual reply to a message."""
        reply = self._format
        if reply is ReplyFormat.RAW:
            return message
        if len(message) > MESSAGE_SIZE:
            return b""
        if reply is ReplyFormat.PREFIXED:
            return PREFIX + message
        return b"%b%a%b" % (STAMPED_HEAD, message, self._tail) if self._tail else b""

    def learn(self, data: bytes) -> None:
        """Keep the time from received bytes that end with a right stamped reply."""
        if len(data) >= _TAIL:
            self._tail = data[-_TAIL:]
