"""The echo factory: what all connections of one service share."""

import time
from collections import Counter
from collections.abc import Callable
from copy import copy
from threading import Lock

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from twistecho.base.delayline import DelayLine
from twistecho.base.reply_formats import REPLY_WRITERS, ReplyFormat
from twistecho.base.steadyline import SteadyLine
from twistecho.service.scenario.delay import NO_DELAY, Constant, Delay, DelayPer
from twistecho.service.scenario.fault import NO_FAULTS, Faults

from .admission import Admission
from .answer import Answer, AnswerProtocol
from .connection import Connection
from .counters import Counts
from .faulty import FaultyAnswerProtocol, FaultyProtocol
from .limits import Limits
from .open_connections import RateLimitedLog, Sweep, where
from .protocol import EchoProtocol
from .steady import FEWEST_MESSAGES, SteadyProtocol
from .waiting_bytes import Budget

READ_SIZE = 65536
"""What one read brings at most, in bytes: Twisted's transports read so much at once."""


class EchoFactory(Factory):
    """Makes echo protocols: for any endpoint, in any service.

    ``clock`` is the reactor, or in a test a `twisted.internet.task.Clock`. ``reply`` is the format
    of the replies; ``answer``, if given, makes them instead (see `answer`). ``delay``, in seconds,
    is how long each is held, per reply or per connection. ``limits`` bounds what may wait.
    ``ctime`` gives the text of the time for stamped replies. ``log_connections`` logs each
    connection at level debug, ``log_payload`` what peers say, escaped and cut, at info. ``faults``
    says what goes wrong, and ``in_band`` lets messages choose their own fate (see `script`);
    ``faults_met`` counts by kind what went wrong, ``control_words`` those "obeyed" and
    "not-understood". Raises ValueError for
    an unknown format, a delay that cannot be waited for and a fault that multiplies no delay.
    """

    noisy = False
    number_of: Callable[[object], int] | None = None
    """Gives the number of a connection by its transport, where others number them too."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        *,
        reply: ReplyFormat | str = ReplyFormat.STAMPED,
        answer: Answer | None = None,
        delay: Delay | float = NO_DELAY,
        delay_per: DelayPer | str = DelayPer.REPLY,
        limits: Limits | None = None,
        ctime: Callable[[], str] = time.ctime,
        log_connections: bool = False,
        log_payload: bool = False,
        faults: Faults = NO_FAULTS,
        in_band: bool = False,
    ) -> None:
        self.reply = ReplyFormat(reply)
        self._answer = answer
        self.delay = Constant(delay) if isinstance(delay, (int, float)) else delay
        self.delay_per = DelayPer(delay_per)
        self.limits = limits or Limits()
        self.log_connections = log_connections
        self.log_payload = log_payload
        self.faults = faults
        self.in_band = in_band
        self.faults_met: Counter[str] = Counter()
        self.control_words: Counter[str] = Counter()
        self._ctime = ctime
        self._work_out()
        faults.multiply(self.delay.longest if self._per_reply else 0.0)
        self._begin(clock)

    def _work_out(self) -> None:
        """Answer once what every message would ask for."""
        faulty = bool(self.faults.faults or self.in_band)
        self._per_reply = self.delay_per is DelayPer.REPLY and self.delay.longest > 0
        self.immediate = not (self._answer or self._per_reply or faulty)
        self._protocol = _PROTOCOLS[bool(self._answer), faulty]
        if self._protocol is EchoProtocol and self._per_reply and self._is_steady():
            self._protocol = SteadyProtocol
        self.write_buffer = self.limits.write_buffer
        self.queue = self.limits.queue
        self._write = REPLY_WRITERS[self.reply]
        self._stamps = self.reply is ReplyFormat.STAMPED
        self.as_it_came = self.reply is ReplyFormat.RAW
        # Whether a connection on which nothing else is the matter goes the shortest way.
        simple = self._protocol is SteadyProtocol or (self.immediate and self.as_it_came)
        self.plain = simple and not self.log_payload

    def _is_steady(self) -> bool:
        """Say whether all replies are held equally long, and enough of them may be."""
        enough = self.limits.waiting_messages >= FEWEST_MESSAGES
        return isinstance(self.delay, Constant) and enough

    def _begin(self, clock: IReactorTime) -> None:
        """Set up what watches over the connections; there are none yet."""
        self.line = DelayLine(clock)
        if self._protocol is SteadyProtocol:
            self.line = SteadyLine(clock, self.delay.longest, self._replies_left)
        self._accounting = Lock()
        self.tally = Counts()  # without what connections have not accounted for yet
        self.budget = Budget(self.limits.total_waiting_bytes, READ_SIZE)
        self.admission = Admission(self.limits)
        self.connections: set[EchoProtocol] = set()
        self._sweep = Sweep(clock, self.line.now, self.connections, self.tally)
        self._occasionally = RateLimitedLog(self._log, self.line.now)
        self._draining: Deferred[None] | None = None

    def buildProtocol(self, addr: object) -> EchoProtocol | None:  # type: ignore[override]
        """Make the protocol of a new connection, or None, upon which it is closed at once."""
        reason = self.admission.refusal(addr)
        if reason is not None:
            self.refuse(reason, addr)
            return None
        protocol = self._protocol()
        protocol.factory = self
        protocol.peer = addr
        return protocol

    def refuse(self, reason: str, addr: object) -> None:
        """Count a connection that is not let in, and now and then log it."""
        self.tally.refused[reason] += 1
        self._occasionally.warn(f"Refused, {reason}", where(addr))

    @property
    def counts(self) -> Counts:
        """What has been counted until now; may be asked for from any thread."""
        with self._accounting:
            counts = copy(self.tally)
            for connection in list(self.connections):
                connection.uncounted(counts)
        return counts

    def _replies_left(self, now: float, dues: list[float]) -> None:
        """Count replies that left together, due at these times, in order."""
        self.tally.lateness.observe_all(now, dues)
        if self.budget:
            self.budget.give_turns()

    def count_open(self) -> int:
        """Count the open connections."""
        return len(self.connections)

    def opened(self, connection: EchoProtocol) -> int:
        """Count a connection in; give its number, from 0 in the order of accept."""
        self.connections.add(connection)
        self.admission.enter(connection.peer)
        self._sweep.start()
        if self.log_connections:
            self._log.debug("{peer} connected", peer=where(connection.peer))
        self.tally.accepted += 1
        if self.number_of is not None:
            return self.number_of(connection.transport)
        return self.tally.accepted - 1

    def closed(self, connection: EchoProtocol) -> None:
        """Count a connection out."""
        if connection not in self.connections:
            return
        with self._accounting:
            connection.account()
            self.connections.discard(connection)
        self.admission.leave(connection.peer)
        if self.log_connections:
            self._log.debug("{peer} has gone", peer=where(connection.peer))
        if not self.connections:
            self._sweep.stop()
        if self._draining is not None and not self.connections:
            draining, self._draining = self._draining, None
            draining.callback(None)

    def drop(self, connection: Connection, reason: str) -> None:
        """Reset a connection for a reason that is counted and, now and then, logged."""
        self.tally.dropped[reason] += 1
        self._occasionally.warn(f"Dropped, {reason}", where(connection.peer))
        connection.abort()

    def sent_late(self, late: float) -> None:
        """Count how late a delayed reply left, in seconds after it was due."""
        if self._per_reply:
            self.tally.lateness.observe(late)

    def connection_delay(self, connection: int) -> float:
        """Say how long to hold a connection back before it is read, in seconds."""
        if self.delay_per is DelayPer.REPLY:
            return 0.0
        return self.delay.seconds(connection, 0)

    def reply_delay(self, connection: int, message: int) -> float:
        """Say how long to hold the reply to a message, in seconds."""
        return self.delay.seconds(connection, message) if self._per_reply else 0.0

    def write_reply(self, message: bytes) -> bytes:
        """Write the built-in reply to a message of at most 1024 bytes, stamped with the time."""
        return self._write(message, self._ctime() if self._stamps else "")

    def answer(self, message: bytes) -> "bytes | Deferred[bytes]":
        """Give the reply to a message: the user's answer if there is one."""
        return self._answer(message) if self._answer else self.write_reply(message)

    @property
    def is_drawn(self) -> bool:
        """Whether the number of a connection says what becomes of it."""
        return bool(self.faults.faults or self.in_band or hasattr(self.delay, "seed"))

    @property
    def longest(self) -> float:
        """How long a reply can be held, by its delay and by faults, in seconds."""
        return self.faults.longest(self.delay.longest)

    def describe(self) -> str:
        """Say in a few words how the service answers."""
        reply = "own replies" if self._answer else f"{self.reply} replies"
        if not self.delay.longest:
            return f"{reply}, no delay{self._describe_faults()}"
        since = _SINCE[self.delay_per]
        return f"{reply}, {self.delay} after each {since}{self._describe_faults()}"

    def _describe_faults(self) -> str:
        words = [f"faults {self.faults}"] if self.faults.faults else []
        words += ["in-band control words"] if self.in_band else []
        drawn_from = self.faults if self.faults.faults else self.delay
        seed = getattr(drawn_from, "seed", None)
        words += [] if seed is None else [f"seed {seed}"]
        return "".join(f", {word}" for word in words)

    def drain(self) -> Deferred[None]:
        """Let every connection be answered what it is owed and close; fire when all have gone."""
        if not self.connections:
            return succeed(None)
        drained: Deferred[None] = Deferred()
        self._draining = drained
        for connection in list(self.connections):
            connection.drain()
        return drained

    def abort(self) -> None:
        """End every connection at once, whatever it is owed."""
        for connection in list(self.connections):
            connection.abort()


_PROTOCOLS: dict[tuple[bool, bool], type[EchoProtocol]] = {
    (False, False): EchoProtocol,
    (True, False): AnswerProtocol,
    (False, True): FaultyProtocol,
    (True, True): FaultyAnswerProtocol,
}
"""The protocol, by whether replies are the user's own and whether something may go wrong."""

_SINCE = {DelayPer.REPLY: "message", DelayPer.CONNECTION: "accept"}
