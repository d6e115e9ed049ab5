"""How a conversation ended: answered, or with a cause, which is a phase and a reason."""

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
"""The reason of a client that was ended early while nothing was wrong: not a failure."""


@dataclass(frozen=True)
class Cause:
    """Why a conversation failed; its text is ``phase:reason``.

    ``errno`` is the system's error number, if known. It does not count in comparisons, since not
    every engine knows it.
    """

    phase: Phase
    reason: str
    errno: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """Return the stable identifier, for instance ``receive:reset``."""
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
"""The reasons of system error numbers; `reason_of_errno` covers the rest."""


def is_interruption(cause: str) -> bool:
    """Return whether a cause, ``phase:reason``, is that of a client that was ended early."""
    return cause.partition(":")[2] == INTERRUPTED


REASONS = frozenset(REASON_OF_ERRNO.values()) | {
    "certificate", "closed", "error", "extra", INTERRUPTED, "mismatch", "no-address", "no-thread",
    "protocol-error", "timeout", "tls",
    *(name.lower() for number, name in errno.errorcode.items() if number not in REASON_OF_ERRNO),
}  # fmt: skip
"""All reasons: the system's and the clients'."""


def reason_of_errno(number: int | None) -> str:
    """Return the reason for a system error; without a name here it is the lower-case errno name."""
    if number is None:
        return "error"
    return REASON_OF_ERRNO.get(number) or errno.errorcode.get(number, "error").lower()


def reason_of_error(error: BaseException | None) -> str:
    """Return the reason for an error that is not the system's: the name of its class."""
    return type(error).__name__.removesuffix("Error").lower() or "error"


@dataclass(frozen=True)
class Difference:
    """The beginnings of the expected and of the received bytes, as Python writes bytes."""

    expected: str
    came: str

    @classmethod
    def between(cls, expected: bytes, came: bytes) -> Self:
        """Return the difference between these bytes, shortened."""
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
    """The result of one client's conversation.

    Messages: ``sent`` were taken by the system; of these ``messages`` were answered right,
    ``failed`` were lost when the conversation failed, and ``outstanding`` were still unanswered
    when the run was ended early. ``unsent`` were due, but not taken whole by the end. Bytes of
    messages likewise: ``bytes_sent`` is the sum of ``bytes_returned`` (payload returned correctly),
    ``bytes_failed`` and ``bytes_outstanding``. See `balance`.

    Times are in seconds from the start of the run, None for a step that was not reached:
    ``started`` connecting, ``connected``, ``first_byte`` (of a reply), ``replied`` (the first whole
    reply) and ``ended``. All but ``ended`` are those of the first connection, after which the
    client made ``reconnects`` more. It offered load, without the warm-up, from ``offered_from`` to
    ``offered_until``: see `Report.offered`.

    ``reply`` is the detected format of the replies, where the plan left it open and the bytes
    determined it. Where wrong bytes ended the conversation, ``difference`` shows them; it does not
    count in comparisons, since it depends on how TCP split the bytes.
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
        """How many connections the client made."""
        return self.reconnects + (self.connected is not None)

    @property
    def answered(self) -> bool:
        """Whether every message was answered right."""
        return self.cause is None

    @property
    def interrupted(self) -> bool:
        """Whether it was ended by the user, while nothing was wrong."""
        return self.cause is not None and self.cause.reason == INTERRUPTED

    @property
    def balance(self) -> tuple[int, int]:
        """Sent messages and bytes that are not accounted for: (0, 0) where all adds up.

        Every part is counted separately, so that an error in counting shows.
        """
        messages = self.sent - self.messages - self.failed - self.outstanding
        count = self.bytes_sent - self.bytes_returned - self.bytes_failed - self.bytes_outstanding
        return messages, count

    def __str__(self) -> str:
        """Return ``answered`` or the cause."""
        return "answered" if self.cause is None else str(self.cause)

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON data."""
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
    """Make an outcome from its JSON fields. Raises FieldError for invalid ones."""
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
