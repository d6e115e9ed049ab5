"""What one client has in flight: messages handed over, and the replies that come back for them.

This is the part of a `conversation` from when it may begin to send until all replies are in. What
is due is handed over as far as there is room; what comes back is checked, and what it answers is
struck off and recorded.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from math import inf

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.load import Load
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import Phase
from twistecho.fleet.reports.recorder import Recording

from .custom_reader import DialogueReader
from .expected import RawReader, ReplyReader, WireError
from .prefixed import PrefixedReader
from .stamped import StampedReader

ReplyObserver = Callable[[int, bytes], object]
"""Called with the number of the client and the bytes that answered one of its messages."""

_Sent = tuple[float, float, int, int]
"""A message in flight: when it was due and handed over, its size, and where it ends in all."""

_READERS: dict[ReplyFormat, type[RawReader] | type[PrefixedReader] | type[StampedReader]] = {
    ReplyFormat.RAW: RawReader,
    ReplyFormat.PREFIXED: PrefixedReader,
    ReplyFormat.STAMPED: StampedReader,
}


def reader_for(reply: ReplyFormat) -> ReplyReader:
    """Make a reader for one conversation whose replies have this format."""
    return _READERS[reply]()


class Exchange(ABC):
    """The messages and replies of one client, under a plan; see `conversation.Conversation`."""

    __slots__ = (
        "_due",
        "_ends",
        "_expected",
        "_first_byte",
        "_flight",
        "_free",
        "_handed",
        "_handed_bytes",
        "_heard",
        "_last",
        "_load",
        "_message",
        "_on_reply",
        "_only",
        "_phase",
        "_pipeline",
        "_reader",
        "_recording",
        "_replied",
        "_returned",
        "_steady",
        "client",
        "messages",
        "next_due",
        "plan",
        "step",
    )

    def __init__(
        self,
        plan: Plan,
        client: int,
        recording: Recording,
        on_reply: ReplyObserver | None,
        reader: ReplyReader | None,
    ) -> None:
        self.plan = plan
        self.client = client
        self.messages = 0
        self.step = 0.0
        self.next_due: float | None = None
        self._phase = Phase.CONNECT
        self._recording = recording
        self._on_reply = on_reply
        self._heard: list[bytes] = []  # the pieces of a reply, kept only for an observer
        self._reader = reader_for(plan.reply) if reader is None else reader
        self._message = reader.request if isinstance(reader, DialogueReader) else plan.message
        self._first_byte: float | None = None
        self._replied: float | None = None
        # What is to come
        each = plan.messages_per_client
        self._last = inf if each is None else each
        self._ends = inf
        self._load: Load | None = None  # until it begins
        self._due: float | None = None  # of the next message, once that is known
        self._free = 0.0  # since when there has been room for one more in flight
        self._pipeline = plan.pipeline
        # What is under way. The reader is not told of a single message whose reply is to be the
        # very same bytes: that is compared at once, as most replies come in one piece.
        self._flight: deque[_Sent] = deque()
        self._handed = self._handed_bytes = self._returned = 0
        self._expected = b""
        closed = plan.rate is None and not plan.think
        raw = plan.reply is ReplyFormat.RAW and reader is None
        self._only = plan.messages[0] if len(plan.messages) == 1 else None
        self._steady = closed and raw and plan.pipeline == 1 and on_reply is None

    @abstractmethod
    def failed(
        self,
        reason: str,
        now: float,
        *,
        errno: int | None = None,
        phase: Phase | None = None,
    ) -> None:
        """Note a failure; see `conversation.Conversation`."""

    def received(self, data: bytes, now: float) -> bytes:
        """Take what came back; give what to send next, which is empty while there is nothing.

        Where the bytes cannot be right the conversation has failed: see `outcome`.
        """
        if data == self._expected and self._first_byte is not None:
            size = len(data)
            self._recording.reply_in_turn(self.step, now, size)
            self._returned += size
            self.messages += 1
            if self.messages < self._last and now < self._ends:
                self.step = now
                self._handed += 1
                if self._only:
                    self._handed_bytes += size
                    return self._only
                return self._expect(self.plan.message(self._handed - 1))
            self._expected = b""
        elif not self._check(data, now):
            return b""
        self._free = now
        return self._next(now)

    def _expect(self, message: bytes) -> bytes:
        """Note the one message in flight of a steady conversation."""
        self._handed_bytes += len(message)
        self._expected = message
        return message

    def _check(self, data: bytes, now: float) -> bool:
        """Have the reader check what came; say whether a reply is whole now, and right."""
        reader, flight = self._reader, self._flight
        if self._on_reply:
            self._heard.append(data)
        if self._expected:
            reader.expect(self._expected)
            flight.append((self.step, self.step, len(self._expected), self._handed_bytes))
            self._expected = b""
        if self._first_byte is None:
            self._first_byte = now
            if flight:
                self._recording.first_byte(now - flight[0][1])
        before = self.messages
        try:
            reader.feed(data)
        except WireError as error:
            # What came too much may have come with the last byte of a right reply.
            self._take_answered(now)
            self.failed(error.reason, now, phase=Phase.RECEIVE)
            return False
        self._take_answered(now)
        return self.messages > before

    def _take_answered(self, now: float) -> None:
        """Strike off the messages that were answered by what has come until now."""
        flight, reader = self._flight, self._reader
        # A single reply is whole only when its reader says so: a count of bytes may be hopeful.
        returned = self._returned + reader.returned if self._pipeline > 1 else 0
        while flight and (flight[0][3] <= returned or reader.whole):
            due, sent, size, _ = flight.popleft()
            self._recording.reply(due, sent, now, size)
            self.messages += 1
            if self._replied is None:
                self._replied = now
            if self._on_reply and self._heard:
                self._on_reply(self.client, b"".join(self._heard))
                self._heard.clear()

    def wake(self, now: float) -> bytes:
        """Give what is due by now."""
        return self._next(now)

    def _next(self, now: float) -> bytes:
        """Give the messages that are due and for which there is room; note what comes then."""
        parts: list[bytes] = []
        while self._has_room() and self._is_due(now):
            due = self._due or 0.0
            try:
                parts.append(self._hand_over(due, now))
            except WireError as error:
                self.failed(error.reason, now)
                return b""
            if not self._steady:
                self._recording.sent(now - max(due, self._free))
            self._due = None
        self.next_due = self._due if self._has_room() else None
        if self._phase is Phase.RECEIVE:
            self._note_step(now)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _has_room(self) -> bool:
        """Say whether one more message may be in flight."""
        return len(self._flight) < self._pipeline and not self._expected

    def _is_due(self, now: float) -> bool:
        """Say whether there is a next message and its time has come."""
        if self._phase is not Phase.RECEIVE or self._load is None or self._handed >= self._last:
            return False
        if self._due is None:
            self._due = self._load.due(self._free)
        return self._due <= now and self._due < self._ends

    def _note_step(self, now: float) -> None:
        """Note what is waited for: the oldest reply, the time of the next message, or the end."""
        ended = self._handed >= self._last or (self._due is not None and self._due >= self._ends)
        if ended:
            self.next_due = None
        if self._expected:
            return
        if self._flight:
            self.step = self._flight[0][1]
        elif ended:
            self._phase = Phase.CLOSE
            self.step = now
        else:
            self.step = inf

    def _hand_over(self, due: float, now: float) -> bytes:
        """Give the next message to be sent, and note that it is in flight."""
        message = self._message(self._handed)
        self._handed += 1
        if self._steady:
            self.step = now
            return self._expect(message)
        self._handed_bytes += len(message)
        self._flight.append((due, now, len(message), self._handed_bytes))
        self._reader.expect(message)
        return message

    def is_cut(self, unsent: int) -> bool:
        """Say whether so many bytes, the last that were handed over, begin inside a message."""
        if self._expected:
            return 0 < unsent < len(self._expected)
        begin = self._handed_bytes - unsent
        return any(end - size < begin < end for _, _, size, end in self._flight)

    def _count_unsent(self, now: float) -> int:
        """Count the messages that were due on a schedule and have not been handed over."""
        if self.plan.rate is None or self._load is None:
            return 0
        unsent, until = 0, min(now, self._ends)
        due = self._load.due(now) if self._due is None else self._due
        while due < until and self._handed + unsent < self._last:
            unsent += 1
            due = self._load.due(now)
        return unsent
