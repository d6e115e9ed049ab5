"""A connection whose replies are all held equally long: the commonest delay, by a shorter way."""

from collections import deque
from typing import Any

from twistecho.base.reply_formats import MESSAGE_SIZE, messages_of
from twistecho.base.steadyline import SteadyLine

from .connection import NOTHING
from .limits import GUARANTEED, MESSAGE_COST
from .protocol import EchoProtocol

_ROOM = GUARANTEED - MESSAGE_SIZE - MESSAGE_COST
"""With so many bytes queued, one message more comes near no bound."""

FEWEST_MESSAGES = GUARANTEED // MESSAGE_COST
"""At least so many messages must be allowed to wait, that only bytes need to be looked at."""


class SteadyProtocol(EchoProtocol):
    """One connection of a service with a constant delay: a lane of its factory's `SteadyLine`.

    Where one reply waits, as is usual, a tuple of one takes the place of the queue: that is an
    eighth of the memory, which the processor would have to fetch for every reply.
    """

    __slots__ = ()

    _waiting: Any

    # The eager reactor asks for both in one class.
    dataReceived = EchoProtocol.dataReceived

    def replyEagerly(self, data: bytes) -> bytes | None:
        """Take what one read gave; queue its message."""
        size = len(data)
        if not (self._plain and size <= MESSAGE_SIZE and self._cost < _ROOM):
            return self._take_read(data)
        factory = self.factory
        line: SteadyLine = factory.line  # type: ignore[assignment]  # of such a factory
        cost = size + MESSAGE_COST
        self._messages += 1
        self._received += size
        self._cost += cost
        factory.budget.used += cost
        entry = line.expect(self), data
        if self._waiting:
            self._as_queue().append(entry)
        else:
            self._waiting = (entry,)
        return None

    def _as_queue(self) -> deque[tuple[float, bytes]]:
        """Give what waits as a queue that can grow."""
        if not isinstance(self._waiting, deque) or self._waiting is NOTHING:
            self._waiting = deque(self._waiting)
        return self._waiting

    def _take_read(self, data: bytes) -> bytes | None:
        self._plain = False  # nothing is its own reply here
        super()._take_read(data)
        self._look()
        return None

    def _enqueue(self, data: bytes) -> None:
        messages = messages_of(data)
        waiting = self._as_queue()
        line: SteadyLine = self.factory.line  # type: ignore[assignment]  # of such a factory
        for message in messages:
            waiting.append((line.expect(self), message))
        self._messages += len(messages)
        self._charge(len(data) + MESSAGE_COST * len(messages))
        self._gate()

    def wake(self, now: float) -> bool:
        """Write the first reply if it is due. See `steadyline.SteadyLane`."""
        waiting = self._waiting
        if not self._plain:
            self.release(now)
            return False
        if not waiting or waiting[0][0] > now:
            return False  # it went with others, after the write buffer had been full
        factory = self.factory
        if type(waiting) is tuple:
            message = waiting[0][1]
            self._waiting = NOTHING
        else:
            message = waiting.popleft()[1]
        cost = len(message) + MESSAGE_COST
        self._cost -= cost
        factory.budget.used -= cost
        reply = message if factory.as_it_came else factory.write_reply(message)
        self._sent += len(reply)
        self.transport.write(reply)
        return True

    def _take(self, now: float) -> list[bytes]:
        self._as_queue()
        return super()._take(now)

    def _next_due(self) -> float | None:
        return None  # the line knows

    def _look(self) -> None:
        """See whether the commonest case has nothing in its way now: others may wait before it."""
        self._plain = (
            self._reading
            and self.factory.plain
            and not (
                self._full
                or self._held
                or self._ended
                or self._closing
                or self._allowance is not None
            )
        )
