"""One client's side of the talk: what to send next, and is what came back right.

No input or output happens here. An engine reports what happened, with the time in seconds since
the run began, and does what it is told:

    connecting(now)                 before it connects
    connected(now)       -> bytes   to send
    received(data, now)  -> bytes   to send next; none while a reply is unfinished
    finished                        all replies are in: send FIN, then wait for the other's
    closed(now)                     the other side's FIN came
    lost(errno, now)                the system says that the connection broke, or was not made
    failed(reason, now)             a timeout and the like
    outcome                         set once it is over: close, or abort where it failed

Each step (connecting, one reply, closing) began at `step`; an engine that sees it last longer than
the plan's timeout reports ``failed("timeout", now)``.

What happens while the system has taken only a part of a message is of the phase *send*: the engine
says so with ``sending``. All else from the first message on is of the phase *receive*, whichever
call noticed it: whether a reset is found by sending the next message or by waiting for its reply
is a matter of microseconds.
"""

import errno
from collections.abc import Callable

from .outcome import Cause, Outcome, Phase, reason_of_errno
from .owed import WireError
from .plan import Plan
from .readback import reader_for
from .recording import Recording

_RESET = (errno.ECONNRESET, errno.ECONNABORTED)

ReplyObserver = Callable[[int, bytes], object]
"""Called with the number of the client and the bytes that answered one of its messages."""


class Conversation:
    """One client's talk with the server, under a plan.

    ``recording`` is told how long everything took. ``on_reply`` sees the reply itself.
    """

    __slots__ = (
        "_connected",
        "_handed",
        "_heard",
        "_last",
        "_on_reply",
        "_phase",
        "_reader",
        "_recording",
        "_replied",
        "_sent",
        "_started",
        "client",
        "messages",
        "outcome",
        "plan",
        "step",
    )

    def __init__(
        self,
        plan: Plan,
        client: int,
        recording: Recording,
        on_reply: ReplyObserver | None = None,
    ) -> None:
        self.plan = plan
        self.client = client
        self.messages = 0
        self.step = 0.0
        self.outcome: Outcome | None = None
        self._recording = recording
        self._handed = 0
        self._on_reply = on_reply
        self._heard: list[bytes] = []  # the pieces of a reply, kept only for an observer
        self._last = plan.messages_per_client or 1
        self._reader = reader_for(plan.reply)
        self._phase = Phase.CONNECT
        self._sent = 0
        self._started = 0.0
        self._connected: float | None = None
        self._replied: float | None = None

    @property
    def finished(self) -> bool:
        """Whether every reply has come, so that only the closing is left."""
        return self._phase is Phase.CLOSE and self.outcome is None

    def connecting(self, now: float) -> None:
        """Note that the client begins to connect."""
        self._started = self.step = now

    def connected(self, now: float) -> bytes:
        """Note that the connection stands; give the first message."""
        self._connected = now
        self._recording.connected(now - self._started, now)
        return self._next(now)

    def received(self, data: bytes, now: float) -> bytes:
        """Take what came back; give what to send next, which is empty while a reply is unfinished.

        Where the bytes cannot be right the conversation has failed: see `outcome`.
        """
        if self._on_reply:
            self._heard.append(data)
        try:
            self._reader.feed(data)
        except WireError as error:
            # What came too much may have come with the last byte of a right reply.
            if self._reader.whole and self._phase is Phase.RECEIVE:
                self._answered(now)
            self.failed(error.reason, now, phase=Phase.RECEIVE)
            return b""
        if not self._reader.whole or self._phase is Phase.CLOSE:
            return b""
        self._answered(now)
        if self.messages < self._last:
            return self._next(now)
        self._phase = Phase.CLOSE
        self.step = now
        return b""

    def _next(self, now: float) -> bytes:
        message = self.plan.message(self.messages)
        self._phase = Phase.RECEIVE
        self._reader.expect(message)
        self._sent += len(message)
        self._handed += 1
        self.step = now
        return message

    def _answered(self, now: float) -> None:
        self._recording.reply(self.step, self.step, now, len(self.plan.message(self.messages)))
        self.messages += 1
        if self._replied is None:
            self._replied = now
        if self._on_reply:
            self._on_reply(self.client, b"".join(self._heard))
            self._heard.clear()

    def closed(self, now: float, *, sending: bool = False, number: int | None = None) -> None:
        """Note the other side's FIN: the end, and a failure if replies were owed.

        ``number`` is the errno, where it was a send that found out.
        """
        if self._phase is Phase.CLOSE:
            self._end(None, now)
        elif sending:
            self.failed("broken-pipe", now, errno=number or errno.EPIPE, phase=Phase.SEND)
        else:
            self.failed("closed", now, errno=number)

    def lost(self, number: int | None, now: float, *, sending: bool = False) -> None:
        """Note that the connection broke, or that none was made, for a reason with an errno.

        Where nobody knows it, the connection was reset: that is how one breaks.
        """
        if self._phase is Phase.CONNECT and number in _RESET:
            # A refusal has a number of its own: this connection stood before anybody saw it.
            self.connected(now)
        if number == errno.EPIPE:
            self.closed(now, sending=sending, number=number)
            return
        reason = "reset" if number is None else reason_of_errno(number)
        self.failed(reason, now, errno=number, phase=Phase.SEND if sending else None)

    def failed(
        self,
        reason: str,
        now: float,
        *,
        errno: int | None = None,
        phase: Phase | None = None,
    ) -> None:
        """Note a failure in this phase, or in the one named. Only the first end counts."""
        self._end(Cause(phase or self._phase, reason, errno), now)

    def _end(self, cause: Cause | None, now: float) -> None:
        if self.outcome is not None:
            return
        owed, bytes_owed = self._handed - self.messages, self._sent - self._reader.returned
        stopped = cause is not None and cause.reason == "interrupted"
        self._recording.ended(cause, now)
        self.outcome = Outcome(
            client=self.client,
            cause=cause,
            sent=self._handed,
            failed=0 if stopped else owed,
            outstanding=owed if stopped else 0,
            messages=self.messages,
            bytes_sent=self._sent,
            bytes_returned=self._reader.returned,
            bytes_failed=0 if stopped else bytes_owed,
            bytes_outstanding=bytes_owed if stopped else 0,
            started=self._started,
            connected=self._connected,
            replied=self._replied,
            ended=now,
        )
