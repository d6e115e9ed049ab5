"""Request/reply protocols of the user's own: what to send, and where a reply ends.

A class of the user's says both, without any input or output: see `Dialogue`. All else is here: the
bytes may come cut anywhere, several requests may be in flight, and what comes too much is noticed.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from .expected import ExtraError, MismatchError, WireError

LONGEST_REPLY = 2**20
"""Bytes in which a reply must be whole, so that no server can make a client grow."""


class Dialogue(Protocol):
    """What a class of the user's own provides; it is called with a client's number."""

    def request(self, number: int) -> bytes:
        """Give the message with this number, counted from 0. Without it the plan's are sent."""

    def reply(self, number: int, data: bytes) -> int:
        """Give the size of the reply to message ``number`` that ``data`` begins with, 0 if in part.

        ``data`` may go on with the replies that follow. It depends on the arguments alone: it is
        asked again, with more, until the reply is whole. Raises MismatchError where it is wrong.
        """


class BrokenDialogueError(WireError):
    """A class of the user's own raised something, or gave what makes no sense."""

    reason = "protocol-error"


class DialogueReader:
    """One client's dialogue as a `ReplyReader`; it also gives the messages to be sent.

    ``make`` is called when it is first needed. ``default`` gives the messages of a dialogue that
    has no requests of its own. ``broken`` is told of each exception that the user's class raised.
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
        self._number = 0  # of the oldest message that is owed a reply
        self._sizes: deque[int] = deque()  # of the messages that are owed one
        self._pending = b""

    @property
    def whole(self) -> bool:
        """Whether all that was sent has been answered."""
        return not self._sizes

    def expect(self, message: bytes) -> None:
        """Add a message that is being sent."""
        self._sizes.append(len(message))
        self.owed += len(message)

    def request(self, number: int) -> bytes:
        """Give a message to be sent. Raises BrokenDialogueError."""
        message = self._ask(lambda dialogue: self._request_of(dialogue)(number))
        if not isinstance(message, bytes) or not message:
            raise self._refuse(f"request({number}) gave {message!r:.80}, not bytes to be sent")
        return message

    def begin_connection(self) -> None:
        """Note that what is sent from now on goes over a new connection; the dialogue goes on."""

    def feed(self, data: bytes) -> None:
        """Take bytes that came back. Raises `WireError`."""
        pending = self._pending + data
        while pending and self._sizes:
            size = self._size(pending)
            if not size:
                break
            pending = pending[size:]
            self._take()
        self._pending = pending
        if pending and not self._sizes:
            raise ExtraError(f"{len(pending)} bytes came when nothing was owed")
        if len(pending) > LONGEST_REPLY:
            raise MismatchError(f"a reply is not whole after {LONGEST_REPLY} bytes")

    def _size(self, pending: bytes) -> int:
        """Give the size of the reply that has come, 0 where only a part of it has."""
        number = self._number
        size = self._ask(lambda dialogue: dialogue.reply(number, pending))
        if not isinstance(size, int) or not 0 <= size <= len(pending):
            raise self._refuse(f"reply({number}, {len(pending)} bytes) gave {size!r:.80}, no size")
        return size

    def _take(self) -> None:
        """Strike off the oldest message: its reply is whole."""
        size = self._sizes.popleft()
        self.returned += size
        self.owed -= size
        self._number += 1

    def _request_of(self, dialogue: Dialogue) -> Callable[[int], bytes]:
        return getattr(dialogue, "request", self._default)

    def _ask(self, question: Callable[[Dialogue], object]) -> object:
        """Ask the user's class, whatever it does. Raises WireError."""
        try:
            if self._dialogue is None:
                self._dialogue = self._make()
            return question(self._dialogue)
        except WireError as error:
            # One without a reason of its own is no verdict that a report could show.
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
