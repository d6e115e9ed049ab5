"""One connection's state: what it holds, whether its peer is read from, and how it ends.

A connection's bytes pass through three states, all bounded by `Limits`:

    read -> queue of (due, message) -> write buffer -> peer

A peer is not read from while the queue or the write buffer is full, while the connection is held
for its delay, or while the budget that all connections share is spent.
"""

import typing
from collections import deque
from functools import wraps

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from zope.interface import implementer

from .counters import Counts
from .limits import GUARANTEED
from .open_connections import where
from .transports import unsent

if typing.TYPE_CHECKING:
    from .factory import EchoFactory


class EchoTransport(typing.Protocol):
    """What the protocol needs of its transport: Twisted's own stream transports all have it."""

    bufferSize: int

    def write(self, data: bytes, /) -> None: ...  # noqa: D102 - see ITransport
    def loseConnection(self) -> None: ...  # noqa: D102 - see ITransport
    def abortConnection(self) -> None: ...  # noqa: D102 - see ITCPTransport
    def registerProducer(self, producer: object, streaming: bool, /) -> None: ...  # noqa: D102 - see IConsumer
    def unregisterProducer(self) -> None: ...  # noqa: D102 - see IConsumer
    def pauseProducing(self) -> None: ...  # noqa: D102 - see IPushProducer
    def resumeProducing(self) -> None: ...  # noqa: D102 - see IPushProducer


# An empty deque takes 600 bytes: connections on which nothing waits share one.
NOTHING: deque[typing.Any] = deque(maxlen=0)

_Method = typing.TypeVar("_Method", bound=typing.Callable[..., None])


def ends_connection(method: _Method) -> _Method:
    """Have whatever a method raises end its connection, and no other, with one line in the log."""

    @wraps(method)
    def guarded(self: "Connection", *arguments: object) -> None:
        try:
            method(self, *arguments)
        except Exception:  # noqa: BLE001 - see the docstring
            self.release_failed()

    return typing.cast("_Method", guarded)


@implementer(IPushProducer)
class Connection(Protocol):
    """What every connection of the echo service has: the base of its protocols.

    It is the streaming producer of its own transport, which pauses and resumes it as the write
    buffer fills and empties.
    """

    # What every message asks for is found at once in a slot.
    __slots__ = (
        "_aborted", "_accounted", "_allowance", "_charged", "_closing", "_cost", "_due", "_echoed",
        "_ended", "_full", "_held", "_messages", "_plain", "_quiet", "_reading", "_received",
        "_sent", "_swept", "_unread_by_peer", "_waiting", "connected", "factory", "hints", "number",
        "peer", "transport",
    )  # fmt: skip

    factory: "EchoFactory"
    transport: EchoTransport  # type: ignore[assignment]  # ITransport names too little

    _log = Logger()

    def __init__(self) -> None:
        self.connected = 0  # this and the next are Twisted's
        self.transport = None  # type: ignore[assignment]  # until makeConnection
        self.number = 0  # counted from 0 in the order of accept
        self.peer: object = None  # the address of the client
        self._waiting: deque[tuple[float, bytes]] = NOTHING
        self._cost = 0  # bytes that the queue counts for
        self._messages = 0
        self._due = 0.0  # of the last reply queued; none is due before its predecessor
        self._plain = False  # nothing at all is in the way of the commonest case
        self._held = False  # waits for the delay of the connection
        self._full = False  # the transport's write buffer is full
        self._reading = True
        self._ended = False  # the peer's FIN has come
        self._closing = False
        self._aborted = False
        self._allowance: int | None = None  # bytes still to be answered before stopping
        self._charged = 0  # bytes of the write buffer that the common budget is charged with
        self._quiet = 0.0  # since when nothing happened that a sweep waits for
        self._swept = 0  # messages at the last sweep
        self._unread_by_peer = 0  # bytes at the last sweep
        # What the factory's counts have not been told yet, beside the messages.
        self.hints = 0  # entries that a `SteadyLine` has for it
        self._accounted = 0  # messages that they have been
        self._echoed = 0  # bytes received and sent
        self._received = 0
        self._sent = 0

    def account(self) -> None:
        """Have the factory's counts know what was done until now."""
        self.uncounted(self.factory.tally)
        self._accounted = self._messages
        self._echoed = self._received = self._sent = 0

    def uncounted(self, counts: Counts) -> None:
        """Add what was done since `account`."""
        counts.messages += self._messages - self._accounted
        counts.bytes_in += self._echoed + self._received
        counts.bytes_out += self._echoed + self._sent

    @property
    def waiting(self) -> int:
        """How many replies wait for their time."""
        return len(self._waiting)

    def release(self, now: float) -> float | None:
        """Write the replies that are due; say when the next one is. See `delayline.Lane`."""
        raise NotImplementedError

    def _wait(self, due: float | None) -> None:
        """Be woken when the first reply is due."""
        if due is not None:
            self.factory.line.add(self, due)

    # What it holds

    def _charge(self, cost: int) -> None:
        """Count bytes into the queue, or out of it."""
        self._cost += cost
        self.factory.budget.used += cost

    def _charge_buffer(self, buffered: int) -> None:
        """Have the common budget know what stands in the write buffer."""
        self.factory.budget.used += buffered - self._charged
        self._charged = buffered

    # Whether its peer is read from

    @ends_connection
    def pauseProducing(self) -> None:
        """Stop writing and reading: the transport's write buffer is full. See `IPushProducer`."""
        if not self._full:
            self._full = True
            self._quiet = self.factory.line.now()
        self._charge_buffer(unsent(self.transport))
        self._gate()

    @ends_connection
    def resumeProducing(self) -> None:
        """Go on: the transport's write buffer is empty. See `IPushProducer`."""
        self._full = False
        self._charge_buffer(0)
        self._wait(self.release(self.factory.line.now()))

    def stopProducing(self) -> None:
        """Do nothing: `connectionLost` follows. See `IPushProducer`."""

    def _gate(self) -> None:
        """Read from the peer exactly while there is room for what it says."""
        factory = self.factory
        budget = factory.budget
        reading = not (
            self._held
            or self._full
            or self._cost > factory.queue
            or len(self._waiting) >= factory.limits.waiting_messages
        )
        if reading and self._cost > GUARANTEED and budget.spent:
            reading = False
            budget.wait(self)
        if reading != self._reading and not (self._ended or self._closing):
            self._reading = reading
            if reading:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()
        self._look()

    def _look(self) -> None:
        """See whether the commonest case has nothing in its way now."""
        self._plain = self.factory.plain and not (
            self._full
            or self._held
            or self._ended
            or self._closing
            or self._waiting
            or self._allowance is not None
        )

    def take_turn(self) -> None:
        """Read again: the common budget has room. See `budget.Reader`."""
        self._gate()

    # How it ends

    def release_failed(self) -> None:
        """End the connection, from an exception handler. See `delayline.Lane`."""
        self._log.failure("The connection of {peer} failed and is ended", peer=where(self.peer))
        self.factory.tally.dropped["failed"] += 1
        self.abort()

    def abort(self) -> None:
        """End the connection with a reset, whatever it is owed."""
        self._plain = False
        self._aborted = self._closing = True
        self.transport.abortConnection()

    def _close(self) -> None:
        """Flush what is written, then close. Queued replies are the caller's business."""
        self._plain = False
        self._closing = True
        # A transport with a producer waits for it before it closes.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _forget(self) -> None:
        """Drop what is queued, and the wish to be woken for it."""
        self._plain = self._held = False
        self._waiting = NOTHING
        if self._cost or self._charged:
            self._charge(-self._cost)
            self._charge_buffer(0)
        factory = self.factory
        factory.line.discard(self)
        if factory.budget:
            factory.budget.leave(self)
            factory.budget.give_turns()
