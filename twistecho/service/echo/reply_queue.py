"""The queue of a connection: replies that wait for their time, for an answer, or for room.

An entry is ``(due, message, reply)``, in the order of the messages, and none is due before its
predecessor. ``reply`` is None where it is written from its message as it leaves, and stamped then;
else it is a `Reply`: one that is not there yet, or that is about to go wrong. A reply that leaves
in pieces stays at the head until its last piece has left.
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
"""Takes a message of at most 1024 bytes; gives its reply, now or later. It may be `async`."""


class Replies(Protocol):
    """What a queue needs of the service: how replies are written, and who counts them."""

    budget: Budget
    left_at: list[float]  # takes the times at which replies were due that leave alone

    def sent_late(self, late: float) -> None:
        """Count how late a reply left, in seconds after it was due."""


Write = Callable[[bytes], bytes]
"""Writes the reply to a message."""

Pieces = Callable[[Fault, bytes, int, int], list[bytes]]
"""Takes a fault, the reply that meets it, and the numbers of connection and message; gives what is
sent instead."""


class Slices:
    """A reply as pieces of one size, cut as they are taken: a list takes many times the memory."""

    __slots__ = ("_at", "_reply", "_size")

    def __init__(self, reply: bytes, size: int) -> None:
        self._reply, self._size, self._at = reply, size, 0

    def __bool__(self) -> bool:
        """Tell whether there are more."""
        return self._at < len(self._reply)

    def popleft(self) -> bytes:
        """Take the next piece."""
        at = self._at
        self._at += self._size
        return self._reply[at : self._at]


class Reply:
    """A reply that is not written from its message as it leaves, or that ends its connection.

    ``number`` is its message's. It meets ``fault``, of which ``pieces_of`` makes what is sent;
    ``ending`` is how the connection ends after it. ``content`` is what it says, if that is not
    written from the message by ``write``; the user's answer may be ``awaited``, as ``deferred``.
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
        self.write: Write | None = None  # where it is not the queue's
        self.deferred: Deferred[None] | None = None
        self.pieces: deque[bytes] | Slices | None = None  # those that have not left, once one has


_Entry = tuple[float, bytes, Reply | None]


class ReplyQueue:
    """The queue of the connection of a number; no reply in it is due before its predecessor.

    ``write`` writes replies from their messages; ``due`` is when the first is due at the earliest.

    Where one reply waits, as is usual, a tuple of one takes the place of a deque: that is an eighth
    of the memory, which the processor would have to fetch for every reply.
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
        self.cost = 0  # bytes that it counts for
        self.ending: Kind | None = None  # how the connection is to end after what has left
        self._replies = replies
        self._budget = replies.budget
        self._connection = connection
        self._due = due  # of the last reply queued
        self._write = write
        self._wrap = wrap  # what ``write`` does last, where answers need it too

    def go_on(self, write: Write | None) -> None:
        """Prepare for other delays, and write replies otherwise; those that wait stay as they are.

        None for ``write`` where replies are written as before.
        """
        if self.entries:
            self._due = max(self._due, self.entries[-1][0])  # `put_only` has not noted it
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
        """Count bytes in, or out, here and for all connections."""
        self.cost += cost
        self._budget.used += cost

    def put(self, due: float, message: bytes, reply: Reply | None) -> None:
        """Have one more reply wait, until it is due and its predecessor has left."""
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
        """Have a plain reply wait where none does: it is due later than all that have left."""
        self.entries = ((due, message, None),)
        self._due = due
        cost = len(message) + MESSAGE_COST
        self.cost += cost
        self._budget.used += cost

    def _pop(self) -> None:
        """Take the first reply off."""
        if isinstance(self.entries, deque) and len(self.entries) > 1:
            self.entries.popleft()
        else:
            self.entries = ()

    def take_only(self, now: float) -> bytes | None:
        """Take off the message whose reply is due, where it is the only one and nothing special."""
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
        """When the first reply is due, if it is there and there is one."""
        if not self.entries:
            return None
        due, _, reply = self.entries[0]
        return None if reply is not None and reply.awaited else due

    def take(self, now: float, room: int) -> list[bytes]:
        """Take off what is due, in pieces to be sent together: not more than ``room`` bytes or so.

        Nothing leaves after what ends the connection; that is ``ending`` from then on. Raises
        ReplyTooLongError where the first reply is.
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
                break  # those before it leave
            size += len(piece)
            batch.append(piece)
        self.charge(-cost)
        return batch

    def _next_piece(self, now: float, due: float, message: bytes, reply: Reply) -> bytes:
        """Take one piece of the first reply; the rest of it is due after its fault's pause."""
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
        """Make the pieces of a reply, which count from now on instead of its message."""
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
        """Ask the user's answer to a message; fire once it is there, and counts in its place."""

        def answered(content: bytes) -> None:
            if not isinstance(content, bytes):
                raise TypeError(f"an answer must be bytes, not {type(content).__name__}")
            if reply.awaited:  # else it is forgotten
                reply.awaited = False
                reply.content = content
                self.charge(len(content) - len(message))

        asked: Deferred[bytes] = maybeDeferred(answer, message)  # type: ignore[call-overload]  # gives either
        reply.deferred = asked.addCallback(answered)
        return reply.deferred

    def forget(self) -> None:
        """Drop all that waits, and cancel the answers that are awaited."""
        entries, self.entries = self.entries, ()
        self.charge(-self.cost)
        for _, _, reply in entries:
            if reply is not None and reply.deferred is not None:
                reply.awaited = False
                reply.deferred.cancel()
