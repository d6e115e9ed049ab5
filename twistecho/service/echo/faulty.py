"""A connection of an echo service that goes wrong where its factory says so.

What a fault is to do is decided when its message arrives, and done when its reply is due, so that
replies before it leave first. A connection ends in three steps, none of which another connection
notices:

    doomed    the last bytes are written and nothing more is read or answered
    flushed   the transport has handed all it held to the system
    ended     RST (or FIN, which Twisted's own closing sends)
"""

from collections import deque
from contextlib import suppress

from twisted.internet.interfaces import ITCPTransport

from twistecho.base.reply_formats import messages_of
from twistecho.base.seeding import uniform
from twistecho.service.scenario.fault import ENDING, Fault, Kind, pieces_of
from twistecho.service.scenario.parsing import MARK, Script, parse_script

from .answer import AnswerProtocol
from .limits import MESSAGE_COST
from .protocol import EchoProtocol
from .transports import reset_when_flushed


class FaultyProtocol(EchoProtocol):
    """One connection that its factory's faults, and its messages' scripts, can make go wrong."""

    def __init__(self) -> None:
        super().__init__()
        self._fates: deque[Fault | None] = deque()  # of the messages that wait, in their order
        self._scripts: deque[Script | None] = deque()  # of the messages that are being queued
        self._served = 0  # messages whose reply has left the queue
        self._dripping: deque[bytes] = deque()
        self._drip_due = 0.0
        self._pause = 0.0
        self._stalled_until: float | None = None
        self._doom: Kind | None = None

    def connectionMade(self) -> None:
        """Begin, unless this connection is refused."""
        super().connectionMade()
        if ITCPTransport.providedBy(self.transport):
            # Else what is sent in two pieces could leave in one, or not before it is too late.
            with suppress(OSError):  # Twisted's Unix transports claim to be TCP
                self.transport.setTcpNoDelay(True)
        fault = self.factory.faults.of_connection(self.number)
        if fault is not None:
            self._note(fault)
            self.abort()

    def _note(self, fault: Fault) -> None:
        self.factory.faults_met[str(fault.kind)] += 1

    def _enqueue(self, data: bytes) -> None:
        if self._doom:
            return
        if self.factory.in_band:
            self._scripts.extend(self._script(message) for message in messages_of(data))
        super()._enqueue(data)
        if not self._closing:  # a stall begins now, and ends however late the replies are
            self._gate()
            self._wait(self._next_due())

    def _script(self, message: bytes) -> Script | None:
        """Read what a message asks for itself, if it does."""
        if not message.startswith(MARK):
            return None
        try:
            script = parse_script(message)
        except ValueError:
            self.factory.control_words["not-understood"] += 1
            return None
        self.factory.control_words["obeyed"] += 1
        return script

    def _next_message_due(self, now: float) -> float:
        """Decide what becomes of the next message, and say when its reply is due."""
        factory, number = self.factory, self._messages
        self._messages += 1
        delay = factory.reply_delay(self.number, number)
        fault = factory.faults.of_message(self.number, number)
        script = self._scripts.popleft() if self._scripts else None
        if script is not None:
            fault = script.fault
            delay = delay if script.delay is None else script.delay
        if fault is not None:
            delay = self._arrived(fault, now, delay)
        self._fates.append(fault)
        self._due = max(self._due, now + delay)
        return self._due

    def _arrived(self, fault: Fault, now: float, delay: float) -> float:
        """Begin a fault that begins with its message; give the delay of the reply."""
        self._note(fault)
        if fault.kind is Kind.STALL:
            self._stalled_until = max(self._stalled_until or 0.0, now + fault.seconds)
        return delay * fault.times

    def release(self, now: float) -> float | None:
        """Write what is due; end the connection if that was its last."""
        if self._stalled_until is not None and now >= self._stalled_until:
            self._stalled_until = None
        due = super().release(now)
        if self._doom and not self._closing:
            self._end(self._doom)
            return None
        return due

    def _next_due(self) -> float | None:
        dues = [self._stalled_until]
        if not self._full:
            dues.append(self._drip_due if self._dripping else super()._next_due())
        return min((due for due in dues if due is not None), default=None)

    def _wait(self, due: float | None) -> None:
        # What is due next can be earlier than what this lane waits for already: a stall's end.
        self.factory.line.discard(self)
        super()._wait(due)

    def _take(self, now: float) -> list[bytes]:
        """Take off the queue what is due, as far as nothing on the way stops the stream."""
        if self._dripping:
            return self._drip(now)
        batch: list[bytes] = []
        size, room = 0, self.factory.limits.write_buffer
        while self._waiting and self._waiting[0][0] <= now and size < room and not self._doom:
            reply = self._pop(now)
            if reply is None:
                break
            sent = self._befall(self._fates.popleft(), reply, now)
            size += len(sent)
            batch.append(sent)
            if self._dripping:
                break
        return batch

    def _pop(self, now: float) -> bytes | None:
        """Take one reply off the queue; None if the first one is not there yet."""
        due, message = self._waiting.popleft()
        self.factory.sent_late(now - due)
        self._charge(-len(message) - MESSAGE_COST)
        return self.factory.write_reply(message)

    def _befall(self, fault: Fault | None, reply: bytes, now: float) -> bytes:
        """Do to a reply what its fault says; give what is sent at once."""
        number, self._served = self._served, self._served + 1
        if fault is None:
            return reply
        where = uniform(self.factory.faults.seed, "corrupt", self.number, number)
        pieces = deque(pieces_of(fault, reply, where))
        if fault.kind in ENDING:
            self._doom = fault.kind
        sent = pieces.popleft() if pieces else b""
        if pieces:
            self._dripping, self._pause = pieces, fault.seconds
            self._drip_due = now + self._pause
            self._charge(sum(map(len, pieces)))
        return sent

    def _drip(self, now: float) -> list[bytes]:
        if now < self._drip_due:
            return []
        piece = self._dripping.popleft()
        self._charge(-len(piece))
        self._drip_due = now + self._pause
        return [piece]

    def _gate(self) -> None:
        """Read from the peer neither while it is held back nor while a stall lasts."""
        held, self._held = self._held, self._held or self._stalled_until is not None
        super()._gate()
        self._held = held

    def _close_if_done(self) -> None:
        if not (self._dripping or self._doom or self._stalled_until is not None):
            super()._close_if_done()

    def _end(self, doom: Kind) -> None:
        """Drop what is still owed, and end the connection once all before has been sent."""
        self.transport.pauseProducing()
        if doom is Kind.CLOSE:
            self._close()
        else:
            self._closing = True
            reset_when_flushed(self.transport)
        self._forget()

    def _forget(self) -> None:
        self._fates.clear()
        self._scripts.clear()
        self._dripping.clear()
        self._stalled_until = None
        super()._forget()


class FaultyAnswerProtocol(FaultyProtocol, AnswerProtocol):
    """The same with replies from ``factory.answer``."""

    def _pop(self, now: float) -> bytes | None:
        reply: bytes | None = self._waiting[0][1].reply
        if reply is None:
            return None
        due, _ = self._waiting.popleft()
        self.factory.sent_late(now - due)
        self._charge(-len(reply) - MESSAGE_COST)
        return reply
