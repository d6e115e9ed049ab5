"""The queue of a connection: replies that wait for their time, for an answer, or for room.

An entry is ``(due, message, reply)``, in the order of the messages, and none is due before its
predecessor. ``reply`` is None where the reply is written from its message when it is sent (and
stamped then). Otherwise it is a `Reply`: an answer that is still awaited, or a reply with a fault
or content of its own. A reply in pieces stays at the head until its last piece has left.
"""

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred

from twistecho.service.scenario.fault import ENDING, Fault, Kind
from twistecho.service.scenario.framing import ReplyTooLongError

from .admission import Budget
from .limits import MESSAGE_COST

Answer = Callable[[bytes], "bytes | Deferred[bytes] | Coroutine[Deferred[Any], Any, bytes]"]
"""Takes a message; returns its reply, or a Deferred of it. It may be `async`."""


class Replies(Protocol):
    """The members of the service that a queue needs: its budget, and the count of lateness."""

    budget: Budget
    left_at: list[float]  # collects the due times of replies sent by `take_only`

    def sent_late(self, late: float) -> None:
        """Count the lateness of a reply, in seconds after it was due."""


Write = Callable[[bytes], bytes]
"""Writes the reply to a message."""

Pieces = Callable[[Fault, bytes, int, int], list[bytes]]
"""Takes a fault, a reply, and the numbers of connection and message; returns the pieces to send."""


class Slices:
    """A reply in pieces of one size, cut as they are taken: a list would take far more memory."""

    __slots__ = ("_at", "_reply", "_size")

    def __init__(self, reply: bytes, size: int) -> None:
        self._reply, self._size, self._at = reply, size, 0

    def __bool__(self) -> bool:
        """Return whether there are more pieces."""
        return self._at < len(self._reply)

    def popleft(self) -> bytes:
        """Take the next piece."""
        at = self._at
        self._at += self._size
        return self._reply[at : self._at]


class Reply:
    """A reply that is not just written from its message when sent, or that ends its connection.

    ``number`` is that of its message. ``fault`` applies to it: ``pieces_of`` makes the pieces to
    send. ``ending`` is how the connection ends after it. ``content`` is the reply's bytes before
    framing, if ``write`` does not make them from the message. ``awaited`` is whether the user's
    answer is still missing; ``deferred`` is then its Deferred.
    """

    __slots__ = (
        "awaited", "content", "deferred", "ending", "fault", "number", "pieces", "pieces_of",
        "write",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        fault: Fault | None = None,
        pieces_of: Pieces | None = None,
        content: bytes | None = None,
        *,
        ending: Kind | None = None,
    ) -> None:
        self.number = number
        self.fault = fault
        self.pieces_of = pieces_of
        self.ending = ending
        if fault is not None and fault.kind in ENDING:
            self.ending = fault.kind
        self.awaited = False
        self.content = content
        self.write: Write | None = None  # if not that of the queue
        self.deferred: Deferred[None] | None = None
        self.pieces: deque[bytes] | Slices | None = None  # the pieces left, once it has begun


_Entry = tuple[float, bytes, Reply | None]


class ReplyQueue:
    """The queue of one connection; no reply in it is due before its predecessor.

    ``connection`` is its number; ``write`` writes replies from their messages; ``due`` is the
    earliest time at which the first may be due.

    For a single reply, the usual case, ``entries`` is a tuple instead of a deque: an eighth of the
    memory, all of which the processor reads for every reply.
    """

    __slots__ = (
        "_budget", "_connection", "_due", "_replies", "_wrap", "_write", "cost", "ending",
        "entries",
    )  # fmt: skip

    def __init__(
        self,
        replies: Replies,
        connection: int,
        due: float,
        write: Write,
        wrap: Write | None = None,
    ) -> None:
        self.entries: tuple[_Entry, ...] | deque[_Entry] = ()
        self.cost = 0  # bytes that it counts for in the budget
        self.ending: Kind | None = None  # how to end the connection after the replies taken
        self._replies = replies
        self._budget = replies.budget
        self._connection = connection
        self._due = due  # of the last reply queued
        self._write = write
        self._wrap = wrap  # frames answers, where ``write`` frames replies

    def go_on(self, write: Write | None) -> None:
        """Prepare for new delays and a new ``write``; replies in the queue do not change.

        ``write`` is None if replies are written as before.
        """
        if self.entries:
            self._due = max(self._due, self.entries[-1][0])  # a fault's pause may have moved it
        if write is not None:
            self._write_by(write)

    def _write_by(self, write: Write) -> None:
        kept: list[_Entry] = []
        for due, message, waiting in self.entries:
            reply = waiting or Reply(0)
            if reply.write is None:
                reply.write = self._write
            kept.append((due, message, reply))
        self.entries = deque(kept) if len(kept) > 1 else tuple(kept)
        self._write = write

    def charge(self, cost: int) -> None:
        """Add bytes, or subtract them, here and in the shared budget."""
        self.cost += cost
        self._budget.used += cost

    def put(self, due: float, message: bytes, reply: Reply | None) -> None:
        """Queue a reply until it is due and its predecessor has left."""
        if due < self._due:
            due = self._due
        else:
            self._due = due
        entries = self.entries
        if not entries:
            self.entries = ((due, message, reply),)
        elif isinstance(entries, deque):
            entries.append((due, message, reply))
        else:
            self.entries = deque((*entries, (due, message, reply)))
        cost = len(message) + MESSAGE_COST
        self.cost += cost
        self._budget.used += cost

    def put_only(self, due: float, message: bytes) -> None:
        """Queue a plain reply in an empty queue; it is due later than all sent replies."""
        self.entries = ((due, message, None),)
        self._due = due
        cost = len(message) + MESSAGE_COST
        self.cost += cost
        self._budget.used += cost

    def _pop(self) -> None:
        """Remove the first reply."""
        if isinstance(self.entries, deque) and len(self.entries) > 1:
            self.entries.popleft()
        else:
            self.entries = ()

    def take_only(self, now: float) -> bytes | None:
        """Remove and return the message of a plain reply that is due and alone in the queue."""
        entries = self.entries
        if len(entries) == 1:
            due, message, reply = entries[0]
            if reply is None and due <= now:
                self.entries = ()
                self._budget.used -= self.cost
                self.cost = 0
                self._replies.left_at.append(due)
                return message
        return None

    @property
    def next_due(self) -> float | None:
        """When the first reply is due; None if the queue is empty or the answer is awaited."""
        if not self.entries:
            return None
        due, _, reply = self.entries[0]
        return None if reply is not None and reply.awaited else due

    def take(self, now: float, room: int) -> list[bytes]:
        """Remove and return the pieces that are due, until they have ``room`` bytes or more.

        Nothing follows a reply that ends the connection; ``ending`` is set from then on. Raises
        ReplyTooLongError where the first reply is too long.
        """
        replies = self._replies
        batch: list[bytes] = []
        size = cost = 0
        while self.entries and size < room and self.ending is None:
            due, message, reply = self.entries[0]
            if due > now or (reply is not None and reply.awaited):
                break
            try:
                if reply is None:
                    piece = self._write(message)
                    self._pop()
                    cost += len(message) + MESSAGE_COST
                    replies.sent_late(now - due)
                else:
                    piece = self._next_piece(now, due, message, reply)
            except ReplyTooLongError:
                if not batch:
                    raise
                break  # the replies before it are sent
            size += len(piece)
            batch.append(piece)
        self.charge(-cost)
        return batch

    def _next_piece(self, now: float, due: float, message: bytes, reply: Reply) -> bytes:
        """Take one piece of the first reply; the next one is due after its fault's pause."""
        if reply.pieces is None:
            reply.pieces = self._begin(message, reply)
            self._replies.sent_late(now - due)
        piece = reply.pieces.popleft() if reply.pieces else b""
        self.charge(-len(piece))
        if reply.pieces and reply.fault is not None:
            self._put_first((now + reply.fault.seconds, message, reply))
        else:
            self._pop()
            self.ending = reply.ending
        return piece

    def _put_first(self, entry: _Entry) -> None:
        """Put an entry in the place of the first one."""
        if isinstance(self.entries, deque):
            self.entries[0] = entry
        else:
            self.entries = (entry,)

    def _begin(self, message: bytes, reply: Reply) -> deque[bytes] | Slices:
        """Make the pieces of a reply; they count in the budget instead of its message."""
        if reply.content is None:
            whole = (reply.write or self._write)(message)
            cost = len(message) + MESSAGE_COST
        else:
            whole = reply.content if self._wrap is None else self._wrap(reply.content)
            cost = len(reply.content) + MESSAGE_COST
        if reply.fault is not None and reply.fault.kind is Kind.DRIP:
            self.charge(len(whole) - cost)
            return Slices(whole, reply.fault.size or 1)
        pieces = [whole]
        if reply.fault is not None and reply.pieces_of is not None:
            pieces = reply.pieces_of(reply.fault, whole, self._connection, reply.number)
        self.charge(sum(map(len, pieces)) - cost)
        return deque(pieces)

    def ask(self, answer: Answer, message: bytes, reply: Reply) -> "Deferred[None]":
        """Call the user's function for a message; fire once its answer has replaced the message."""

        def answered(content: bytes) -> None:
            if not isinstance(content, bytes):
                raise TypeError(f"an answer must be bytes, not {type(content).__name__}")
            if reply.awaited:  # else the queue has dropped it
                reply.awaited = False
                reply.content = content
                self.charge(len(content) - len(message))

        asked: Deferred[bytes] = maybeDeferred(answer, message)  # type: ignore[call-overload]  # gives either
        reply.deferred = asked.addCallback(answered)
        return reply.deferred

    def forget(self) -> None:
        """Drop all replies, and cancel the awaited answers."""
        entries, self.entries = self.entries, ()
        self.charge(-self.cost)
        for _, _, reply in entries:
            if reply is not None and reply.deferred is not None:
                reply.awaited = False
                reply.deferred.cancel()
