"""How a conversation ended: answered, or a cause made of a phase and a reason."""

import errno
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from twistecho.base.decoding import written_as
from twistecho.base.notation import FieldError, TextEnum
from twistecho.base.reply_formats import ReplyFormat


class Phase(TextEnum):
    """What a client was doing when its conversation failed."""

    CONNECT = "connect"
    SEND = "send"
    RECEIVE = "receive"
    CLOSE = "close"


_SHOWN = 40  # bytes of a reply

INTERRUPTED = "interrupted"
"""The reason of who was ended early while nothing was wrong: no failure."""


@dataclass(frozen=True)
class Cause:
    """Why a conversation failed; its text is ``phase:reason``.

    ``errno`` is the system's number where there was one. It does not count in comparisons: which
    engine can see it depends on the engine.
    """

    phase: Phase
    reason: str
    errno: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """Give the stable identifier, for instance ``receive:reset``."""
        return f"{self.phase}:{self.reason}"


REASON_OF_ERRNO = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "broken-pipe",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EAFNOSUPPORT: "address-family",
    errno.EADDRNOTAVAIL: "no-local-port",
    errno.EADDRINUSE: "no-local-port",
    errno.EMFILE: "too-many-files",
    errno.ENFILE: "too-many-files",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.ENOENT: "no-such-socket",
}
"""The reasons that the system's numbers stand for; `reason_of_errno` adds the rest."""


def is_interruption(cause: str) -> bool:
    """Tell whether a cause, ``phase:reason``, is that of a client who was ended early."""
    return cause.partition(":")[2] == INTERRUPTED


REASONS = frozenset(REASON_OF_ERRNO.values()) | {
    "certificate", "closed", "error", "extra", INTERRUPTED, "mismatch", "no-address", "no-thread",
    "protocol-error", "timeout", "tls",
    *(name.lower() for number, name in errno.errorcode.items() if number not in REASON_OF_ERRNO),
}  # fmt: skip
"""All reasons that there are: the system's, and those of the clients themselves."""


def reason_of_errno(number: int | None) -> str:
    """Name the reason for a system error; one without a word of its own is named by its number."""
    if number is None:
        return "error"
    return REASON_OF_ERRNO.get(number) or errno.errorcode.get(number, "error").lower()


def reason_of_error(error: BaseException | None) -> str:
    """Name the reason for an error that is not the system's: after its class."""
    return type(error).__name__.removesuffix("Error").lower() or "error"


@dataclass(frozen=True)
class Difference:
    """How that begins which should have come, and what came, as Python writes bytes."""

    expected: str
    came: str

    @classmethod
    def between(cls, expected: bytes, came: bytes) -> Self:
        """Give the difference between these bytes, as much as is worth showing."""
        return cls(_shown(expected), _shown(came))


def _shown(data: bytes) -> str:
    return repr(data[:_SHOWN]) + "..." * (len(data) > _SHOWN)


TIMES = (
    "started",
    "connected",
    "first_byte",
    "replied",
    "ended",
    "offered_from",
    "offered_until",
)
"""The fields of an outcome that are times since the start of the run."""


@dataclass(frozen=True)
class Outcome:
    """What became of one client's conversation.

    Messages: ``sent`` were taken by the system; of these ``messages`` were answered right,
    ``failed`` went down with the conversation, and ``outstanding`` were still unanswered when the
    run was ended early. ``unsent`` were due, and not taken whole until the end. Bytes of messages
    likewise: ``bytes_sent`` are ``bytes_returned`` (payload that came back right),
    ``bytes_failed`` and ``bytes_outstanding``. See `balance`.

    Times are in seconds from the start of the run, None where the conversation did not come so far:
    ``started`` connecting, ``connected``, ``first_byte`` (of a reply), ``replied`` (the first whole
    reply) and ``ended``; its first connection's, but for the last. After that one it made
    ``reconnects`` more. It offered load, the warm-up apart, from ``offered_from`` to
    ``offered_until``: see `Report.offered`.

    ``reply`` is the format that its replies were found to have, where the plan had it found and the
    bytes told. Where wrong bytes ended it, ``difference`` says which; it does not count in
    comparisons, since how much had come depends on how TCP cut it.
    """

    client: int
    cause: Cause | None
    sent: int
    messages: int
    bytes_sent: int
    bytes_returned: int
    started: float
    connected: float | None
    replied: float | None
    ended: float
    failed: int = 0
    outstanding: int = 0
    unsent: int = 0
    bytes_failed: int = 0
    bytes_outstanding: int = 0
    first_byte: float | None = None
    offered_from: float | None = None
    offered_until: float | None = None
    reply: ReplyFormat | None = None
    difference: Difference | None = field(default=None, compare=False)
    reconnects: int = 0

    @property
    def connects(self) -> int:
        """How many connections it made."""
        return self.reconnects + (self.connected is not None)

    @property
    def answered(self) -> bool:
        """Whether every message was answered right."""
        return self.cause is None

    @property
    def interrupted(self) -> bool:
        """Whether it was ended by whoever started the run, while nothing was wrong."""
        return self.cause is not None and self.cause.reason == INTERRUPTED

    @property
    def balance(self) -> tuple[int, int]:
        """What is missing, in messages and in bytes, from what was sent: (0, 0) where all adds up.

        Every part is counted by itself, so that a mistake in the counting shows.
        """
        messages = self.sent - self.messages - self.failed - self.outstanding
        count = self.bytes_sent - self.bytes_returned - self.bytes_failed - self.bytes_outstanding
        return messages, count

    def __str__(self) -> str:
        """Give ``answered`` or the cause."""
        return "answered" if self.cause is None else str(self.cause)

    def to_dict(self) -> dict[str, Any]:
        """Give the outcome as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        data["reply"] = None if self.reply is None else str(self.reply)
        data["difference"] = None if self.difference is None else asdict(self.difference)
        data["cause"] = None if self.cause is None else str(self.cause)
        data["errno"] = None if self.cause is None else self.cause.errno
        return data


@written_as(
    Outcome,
    cause=str | None,
    errno=int | None,
    offered_from=(float | None, None),
    offered_until=(float | None, None),
    reply=(ReplyFormat | None, None),
    difference=(Difference | None, None),
    reconnects=(int, 0),
)
def _outcome(cause: str | None, errno: int | None, **fields: Any) -> Outcome:
    """Make an outcome of what is written. Raises FieldError, or ValueError for a time."""
    found = Outcome(cause=None if cause is None else _cause(cause, errno), **fields)
    for name in ("connected", "first_byte", "replied", "ended"):
        at = fields[name]
        if at is not None and at < found.started:
            raise FieldError(name, f"{at:g} is before ", "started", f", {found.started:g}")
        if at is not None and at > found.ended:
            raise FieldError(name, f"{at:g} is after ", "ended", f", {found.ended:g}")
    offered = found.offered_from, found.offered_until
    if (offered[0] is None) != (offered[1] is None) or (offered[0] or 0.0) > (offered[1] or 0.0):
        raise FieldError("offered_until", "it is not after ", "offered_from")
    return found


def _cause(text: str, number: int | None) -> Cause:
    phase, _, reason = text.partition(":")
    try:
        return Cause(Phase.parse(phase), reason, number)
    except ValueError as error:
        raise FieldError("cause", str(error)) from None
