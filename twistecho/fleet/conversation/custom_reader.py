"""Request/reply protocols that the user writes: what to send, and where a reply ends.

A user's class determines both, without any input or output: see `Dialogue`. This module does the
rest: bytes may arrive in any pieces, several requests may be in flight, and extra bytes are
detected.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from .expected import ExtraError, MismatchError, WireError

LONGEST_REPLY = 2**20
"""The longest reply, in bytes, so that no server can exhaust a client's memory."""


class Dialogue(Protocol):
    """The methods of a user's class, which is called with a client's number."""

    def request(self, number: int) -> bytes:
        """Return the message with this number, from 0. Optional: the default is the plan's."""

    def reply(self, number: int, data: bytes) -> int:
        """Return the size of the reply to message ``number`` at the start of ``data``.

        Return 0 while it is incomplete: the method is called again, with more data, until the reply
        is whole. ``data`` may contain the following replies too. The result must depend on the
        arguments alone. Raises MismatchError for a wrong reply.
        """


class BrokenDialogueError(WireError):
    """A user's class raised an exception, or returned an invalid value."""

    reason = "protocol-error"


class DialogueReader:
    """One client's dialogue as a `ReplyReader`; it also provides the messages to send.

    ``make`` creates the dialogue, at its first use. ``default`` returns the messages of a dialogue
    without a `request` method. ``broken`` is called with each exception of the user's class.
    """

    __slots__ = ("_broken", "_default", "_dialogue", "_make", "_number", "_pending", "_sizes",
                 "owed", "returned")  # fmt: skip

    def __init__(
        self,
        make: Callable[[], Dialogue],
        default: Callable[[int], bytes],
        broken: Callable[[Exception], object],
    ) -> None:
        self.returned = self.owed = 0
        self._make, self._default, self._broken = make, default, broken
        self._dialogue: Dialogue | None = None
        self._number = 0  # of the oldest unanswered message
        self._sizes: deque[int] = deque()  # of the unanswered messages
        self._pending = b""

    @property
    def whole(self) -> bool:
        """Whether all messages have been answered."""
        return not self._sizes

    def expect(self, message: bytes) -> None:
        """Add a message that is being sent."""
        self._sizes.append(len(message))
        self.owed += len(message)

    def request(self, number: int) -> bytes:
        """Return a message to send. Raises BrokenDialogueError."""
        message = self._ask(lambda dialogue: self._request_of(dialogue)(number))
        if not isinstance(message, bytes) or not message:
            raise self._refuse(f"request({number}) returned {message!r:.80}, not bytes to send")
        return message

    def begin_connection(self) -> None:
        """Note that later messages use a new connection; the dialogue continues."""

    def feed(self, data: bytes) -> None:
        """Read received bytes. Raises `WireError`."""
        pending = self._pending + data
        while pending and self._sizes:
            size = self._size(pending)
            if not size:
                break
            pending = pending[size:]
            self._take()
        self._pending = pending
        if pending and not self._sizes:
            raise ExtraError(f"{len(pending)} bytes came while no reply was pending")
        if len(pending) > LONGEST_REPLY:
            raise MismatchError(f"a reply is not whole after {LONGEST_REPLY} bytes")

    def _size(self, pending: bytes) -> int:
        """Return the size of the reply received, 0 while it is incomplete."""
        number = self._number
        size = self._ask(lambda dialogue: dialogue.reply(number, pending))
        if not isinstance(size, int) or not 0 <= size <= len(pending):
            raise self._refuse(
                f"reply({number}, {len(pending)} bytes) returned {size!r:.80}, no size"
            )
        return size

    def _take(self) -> None:
        """Remove the oldest unanswered message: its reply is whole."""
        size = self._sizes.popleft()
        self.returned += size
        self.owed -= size
        self._number += 1

    def _request_of(self, dialogue: Dialogue) -> Callable[[int], bytes]:
        return getattr(dialogue, "request", self._default)

    def _ask(self, question: Callable[[Dialogue], object]) -> object:
        """Call the user's class; any exception becomes a WireError."""
        try:
            if self._dialogue is None:
                self._dialogue = self._make()
            return question(self._dialogue)
        except WireError as error:
            # A report needs the reason; the user's class may raise a WireError without one.
            if not isinstance(getattr(error, "reason", None), str):
                raise self._refuse(f"it raised {error!r}") from error
            raise
        except Exception as error:
            self._broken(error)
            raise BrokenDialogueError(f"it raised {error!r}") from error

    def _refuse(self, problem: str) -> BrokenDialogueError:
        error = BrokenDialogueError(problem)
        self._broken(error)
        return error
