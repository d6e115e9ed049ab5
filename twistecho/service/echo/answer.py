"""Replies from a callable of the user's own: from message to bytes, or to a Deferred of bytes.

The order of replies is the order of messages, whatever order the Deferreds fire in. One that fails
is logged and closes its connection alone; a connection that goes cancels what it still waits for.
"""

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistecho.base.reply_formats import messages_of

from .connection import NOTHING
from .limits import MESSAGE_COST
from .protocol import EchoProtocol

Answer = Callable[[bytes], "bytes | Deferred[bytes]"]
"""Takes a message of at most 1024 bytes; gives its reply, now or later."""


class _Pending:
    """A message whose reply may not be there yet."""

    __slots__ = ("deferred", "message", "reply")

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.reply: bytes | None = None
        self.deferred: Deferred[None] | None = None


class AnswerProtocol(EchoProtocol):
    """One connection of an echo service whose replies come from ``factory.answer``."""

    _log = Logger()
    _waiting: deque[tuple[float, _Pending]]  # type: ignore[assignment]  # replaces the messages

    def _enqueue(self, data: bytes) -> None:
        # All are queued before any is answered: an answer that is there at once may release.
        pendings = [_Pending(message) for message in messages_of(data)]
        now = self.factory.line.now()
        if self._waiting is NOTHING:
            self._waiting = deque()
        for pending in pendings:
            self._waiting.append((self._next_message_due(now), pending))
            self._charge(len(pending.message) + MESSAGE_COST)
        for pending in pendings:
            if self._closing:
                return
            self._ask(pending)
        self._gate()

    def _ask(self, pending: _Pending) -> None:
        asked: Deferred[bytes] = maybeDeferred(self.factory.answer, pending.message)  # type: ignore[call-overload]  # gives either
        pending.deferred = asked.addCallback(self._answered, pending).addErrback(self._failed)

    def _answered(self, reply: bytes, pending: _Pending) -> None:
        if not isinstance(reply, bytes):
            raise TypeError(f"an answer must be bytes, not {type(reply).__name__}")
        pending.reply = reply
        self._charge(len(reply) - len(pending.message))
        self._wait(self.release(self.factory.line.now()))

    def _failed(self, failure: Failure) -> None:
        if self._closing:
            return
        self._log.failure("answering a message; its connection is closed", failure=failure)
        # Closing first: the answers that are cancelled then fail without a word.
        self._close()
        self._forget()

    def _take(self, now: float) -> list[bytes]:
        batch: list[bytes] = []
        size, room = 0, self.factory.limits.write_buffer
        while self._waiting and self._waiting[0][0] <= now and size < room:
            reply = self._waiting[0][1].reply
            if reply is None:
                break
            due, _ = self._waiting.popleft()
            self.factory.sent_late(now - due)
            self._charge(-len(reply) - MESSAGE_COST)
            size += len(reply)
            batch.append(reply)
        return batch

    def _next_due(self) -> float | None:
        """Say when to be woken next: not by the clock while the first reply is not there."""
        if self._waiting and self._waiting[0][1].reply is None:
            return None
        return super()._next_due()

    def _forget(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        super()._forget()
        for _, pending in waiting:
            if pending.deferred is not None:
                pending.deferred.cancel()
