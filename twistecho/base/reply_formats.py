r"""The wire: how a message becomes a reply.

The stream has no framing of its own. Each read counts as one message (up to 1024 bytes, as with the
notebook's ``recv(1024)``; a longer read as several), and each message becomes one reply:

    -> Ola
    <- Ola                                                         raw (RFC 862)
    <- Resposta => Ola                                             prefixed
    <- Resposta eco => b'Ola' as Sat Jul 22 18:43:57 2017          stamped

Rules
- Replies follow the order of their messages and have no separator.
- ``stamped`` holds Python's repr of the bytes, so it is ASCII for any message, and the
  24 characters of C's ``ctime``. It can be parsed however TCP cut the messages.
- ``prefixed`` and ``raw`` carry no length: a reader must know the message.
- FIN from the client means "no more messages": the server sends all pending replies, then FIN.

The other direction is in the package `fleet.conversation`.
"""

from collections.abc import Callable

from .notation import TextEnum

MESSAGE_SIZE = 1024
"""The longest message, in bytes, that becomes one reply."""

LONGEST_MESSAGE = 65536
"""The longest message, in bytes, of any framing but ``read``, unless a service sets a limit."""

PREFIX = b"Resposta => "
"""The beginning of a ``prefixed`` reply."""

STAMPED_HEAD = b"Resposta eco => "
"""The beginning of a ``stamped`` reply."""

STAMPED_AS = b" as "
"""The text between the bytes and the time in a ``stamped`` reply."""

CTIME_SIZE = 24
"""The length of C's ``ctime`` text without its newline, in bytes."""

STAMPED_OVERHEAD = len(STAMPED_HEAD) + len("b''") + len(STAMPED_AS) + CTIME_SIZE
"""The bytes a ``stamped`` reply adds to the escaped message."""

REPLY_SIZE = STAMPED_OVERHEAD + 4 * MESSAGE_SIZE
"""The longest reply, in bytes: a ``stamped`` one in which every byte is written as ``\\xNN``."""


class ReplyFormat(TextEnum):
    """How a reply is written; the values are the names used on the command line."""

    RAW = "raw"
    PREFIXED = "prefixed"
    STAMPED = "stamped"


def raw(message: bytes, _ctime: str) -> bytes:
    """Write a ``raw`` reply: the message itself."""
    return message


def prefixed(message: bytes, _ctime: str) -> bytes:
    """Write a ``prefixed`` reply."""
    return PREFIX + message


def stamped(message: bytes, ctime: str) -> bytes:
    """Write a ``stamped`` reply; ``ctime`` is the 24 characters of `time.ctime`."""
    return f"Resposta eco => {message!r} as {ctime}".encode("ascii")


ReplyWriter = Callable[[bytes, str], bytes]
"""Takes a message of at most `MESSAGE_SIZE` bytes and the text of the time, returns the reply."""

REPLY_WRITERS: dict[ReplyFormat, ReplyWriter] = {
    ReplyFormat.RAW: raw,
    ReplyFormat.PREFIXED: prefixed,
    ReplyFormat.STAMPED: stamped,
}


def longest_reply(reply: ReplyFormat, size: int) -> int:
    """Return the most bytes that the reply to a message of ``size`` bytes can have."""
    if reply is ReplyFormat.STAMPED:
        return STAMPED_OVERHEAD + 4 * size
    return size + (len(PREFIX) if reply is ReplyFormat.PREFIXED else 0)


def writer_of(reply: ReplyFormat, ctime: Callable[[], str]) -> Callable[[bytes], bytes]:
    """Return a function that writes a reply from its message; ``ctime`` returns the stamp's time.

    For replies without a stamp it is one of Python's built-in functions, which are the fastest.
    """
    if reply is ReplyFormat.RAW:
        return bytes
    if reply is ReplyFormat.PREFIXED:
        return PREFIX.__add__
    return lambda message: stamped(message, ctime())


def messages_of(data: bytes) -> list[bytes]:
    """Cut the bytes of one read into messages of at most `MESSAGE_SIZE` bytes, in order."""
    if len(data) <= MESSAGE_SIZE:
        return [data] if data else []
    return [data[at : at + MESSAGE_SIZE] for at in range(0, len(data), MESSAGE_SIZE)]
