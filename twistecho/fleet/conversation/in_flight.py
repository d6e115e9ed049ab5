"""One client's messages in flight: handed over to the engine, and not yet answered.

Received bytes are checked; the messages that they answer are removed and recorded. When messages
are due is determined in `exchange`.
"""

from collections import deque
from collections.abc import Callable

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import AUTO, AskedReply
from twistecho.fleet.reports.recorder import Recording

from .auto import READERS, AutoReader
from .custom_reader import DialogueReader
from .expected import ReplyReader
from .usual import UsualReply
from .wire_timing import WireTiming

ReplyObserver = Callable[[int, bytes], object]
"""Called with a client's number and the bytes that answered one of its messages."""

_Sent = tuple[float, float, int, int]
"""A message in flight: when it was due and handed over, its size, and the offset of its end."""


def reader_for(reply: ReplyFormat) -> ReplyReader:
    """Make a reader for one conversation whose replies have this format."""
    return READERS[reply]()


class InFlight:
    """The unanswered messages of one client, and counts of all messages handed over.

    Where a client has at most one message in flight, each message but the first is a ``single``
    one: the received bytes are compared with the usual reply, without the reader; see `usual`. Only
    other bytes go through the reader. Where the format is detected, this begins once it is known.

    A client is ``steady`` if, besides, its next message is always due at once. Then
    `Conversation.received` itself compares with ``usual``, and the ``single`` message was due and
    handed over at the conversation's step.
    """

    __slots__ = (
        "_auto",
        "_client",
        "_due",
        "_expected",
        "_heard",
        "_in_turn",
        "_on_reply",
        "_pipeline",
        "_reader",
        "_recording",
        "_sent",
        "_singles",
        "first_byte",
        "handed",
        "handed_bytes",
        "message",
        "messages",
        "replied",
        "single",
        "steady",
        "struck_bytes",
        "timing",
        "unanswered",
        "usual",
        "usual_reply",
    )

    def __init__(
        self,
        plan: Plan,
        client: int,
        recording: Recording,
        on_reply: ReplyObserver | None,
        reader: ReplyReader | None,
    ) -> None:
        self.handed = self.handed_bytes = 0
        self.messages = 0  # that were answered
        self.struck_bytes = 0  # bytes of answered messages that bypassed the reader
        self.first_byte: float | None = None
        self.replied: float | None = None
        self.single = self.usual = self._expected = b""
        self._due = self._sent = 0.0  # of a single message, where it is not steady
        self.unanswered: deque[_Sent] = deque()  # all others
        self.timing: WireTiming | None = None
        """The timing of some messages on the wire, where the engine can."""
        self._client = client
        self._recording = recording
        self._on_reply = on_reply
        self._heard: list[bytes] = []  # the pieces of a reply, kept only for an observer
        self._auto: AutoReader | None = None
        self._reader = self._reader_for(plan.reply) if reader is None else reader
        self.message = plan.messages_of(client)
        if isinstance(reader, DialogueReader):
            self.message = reader.request
        self._pipeline = plan.pipeline
        closed = plan.rate is None and not plan.think
        self._singles = plan.pipeline == 1 and on_reply is None and reader is None
        known = None if plan.reply == AUTO or not self._singles else ReplyFormat(plan.reply)
        self._in_turn = closed and self._singles
        self.steady = self._in_turn and known is not None
        self.usual_reply = UsualReply(known)

    def _reader_for(self, reply: AskedReply) -> ReplyReader:
        if reply != AUTO:
            return reader_for(reply)
        self._auto = AutoReader(self._take_over)
        return self._auto

    def _take_over(self, found: ReplyFormat, reader: ReplyReader) -> None:
        """Use the reader of the detected format from now on."""
        self._reader = reader
        self.steady = self._in_turn
        self.usual_reply = UsualReply(found if self._singles else None)

    @property
    def found(self) -> ReplyFormat | None:
        """The detected format of replies; None where it is unknown or was given."""
        return None if self._auto is None else self._auto.found

    @property
    def whole(self) -> bool:
        """Whether all messages handed over are answered, and no further bytes came."""
        return self._reader.whole and not self.single

    def has_room(self) -> bool:
        """Return whether one more message may be in flight."""
        return len(self.unanswered) < self._pipeline and not self.single

    def begin_connection(self) -> None:
        """Note that no reply is pending, and that later messages use a new connection."""
        self._reader.begin_connection()

    @property
    def owed(self) -> tuple[int, int]:
        """The number of unanswered messages, and of their bytes not yet returned."""
        messages = len(self.unanswered) + bool(self.single)
        return messages, self._reader.owed + len(self.single)

    def times_of_owed(self, step: float) -> list[tuple[float, float]]:
        """Return when each unanswered message was due and handed over; a steady one at ``step``."""
        times = [(due, sent) for due, sent, _, _ in self.unanswered]
        return [*times, self._times_of_single(step)] if self.single else times

    def _times_of_single(self, step: float) -> tuple[float, float]:
        return (step, step) if self.steady else (self._due, self._sent)

    @property
    def oldest(self) -> float | None:
        """When the oldest unanswered message was handed over; None for a steady one."""
        if self.unanswered:
            return self.unanswered[0][1]
        return self._sent if self.single and not self.steady else None

    @property
    def returned_bytes(self) -> int:
        """How many bytes were returned correctly."""
        return self.struck_bytes + self._reader.returned

    def is_cut(self, unsent: int) -> bool:
        """Return whether the last ``unsent`` bytes handed over begin inside a message."""
        if self.single:
            return 0 < unsent < len(self.single)
        begin = self.handed_bytes - unsent
        return any(end - size < begin < end for _, _, size, end in self.unanswered)

    def untaken(self, pending: int) -> tuple[int, int]:
        """Return how many messages the system has not taken whole, and how many bytes.

        ``pending`` is the number of bytes not taken; encryption may have added some to them.
        """
        pending = min(pending, self.owed[1])
        taken = self.handed_bytes - pending
        messages = sum(end > taken for _, _, _, end in self.unanswered)
        return messages + bool(self.single and pending), pending

    def hand_over(self, due: float, now: float) -> bytes:
        """Return the next message to send. Raises WireError if the user's protocol fails."""
        message, timing = self.message(self.handed), self.timing
        if timing is not None:
            if not self.handed:
                timing.ended = now
            if self.handed >= timing.next and not timing.running:
                timing.begin()
            timing.handed = self.handed + 1
        if self.first_byte is not None:
            if self.steady:
                return self.hand_over_single(message)
            if self._singles and (expected := self.usual_reply(message)):
                self._expected, self._due, self._sent = expected, due, now
                self.single = message
                self.handed += 1
                self.handed_bytes += len(message)
                return message
        self.handed += 1
        self.handed_bytes += len(message)
        self.unanswered.append((due, now, len(message), self.handed_bytes))
        self._reader.expect(message)
        return message

    def hand_over_single(self, message: bytes) -> bytes:
        """Note that this message is sent, as the only one in flight; return it."""
        self.handed += 1
        self.handed_bytes += len(message)
        self.single, self.usual = message, self.usual_reply(message)
        return message

    def take(self, data: bytes, now: float, step: float) -> bool:
        """Read received bytes; return whether they completed a reply.

        A steady message was handed over at ``step``. Raises WireError for wrong bytes.
        """
        if data == self._expected:
            self._strike_off_single(now)
            return True
        reader, unanswered = self._reader, self.unanswered
        if self._on_reply:
            self._heard.append(data)
        if self.single:
            reader.expect(self.single)
            due, sent = self._times_of_single(step)
            unanswered.append((due, sent, len(self.single), self.handed_bytes))
            self.single = self.usual = self._expected = b""
        if self.first_byte is None:
            self.first_byte = now
            if unanswered:
                due, sent, _, _ = unanswered[0]
                self._recording.first_byte(now - sent, due)
                if self.timing is not None:
                    self.timing.first_byte(due)
        before = self.messages
        try:
            reader.feed(data)
        finally:
            # Extra bytes may follow the last byte of a right reply.
            self._strike_off(now)
        if self.usual_reply.learns and reader.whole:
            self.usual_reply.learn(data)
        return self.messages > before

    def _strike_off_single(self, now: float) -> None:
        """Record and remove the single message: its usual reply has come."""
        due, size = self._due, len(self.single)
        self.single = self._expected = b""
        self._recording.reply(due, self._sent, now, size)
        self.struck_bytes += size
        self.messages += 1
        if self.timing is not None and self.timing.running:
            self.timing.answered(self.messages, (due,), now)

    def _strike_off(self, now: float) -> None:
        """Record and remove the messages that the received bytes have answered."""
        unanswered, reader = self.unanswered, self._reader
        # Without a pipeline ask the reader: the count of bytes is of its most favourable reading.
        returned = reader.returned if self._pipeline > 1 else 0
        answered: list[float] = []  # when these messages were due
        while unanswered and (unanswered[0][3] <= returned or reader.whole):
            due, sent, size, _ = unanswered.popleft()
            self._recording.reply(due, sent, now, size)
            self.messages += 1
            answered.append(due)
            if self.replied is None:
                self.replied = now
            if self._on_reply and self._heard:
                self._on_reply(self._client, b"".join(self._heard))
                self._heard.clear()
        if answered and self.timing is not None and self.timing.running:
            self.timing.answered(self.messages, answered, now)
