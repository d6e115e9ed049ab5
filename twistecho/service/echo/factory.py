"""The echo factory: what Twisted asks of a factory, no more."""

import time
from collections import Counter
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from twistecho.base.reactor_types import AnyClock, as_clock
from twistecho.base.reply_formats import ReplyFormat
from twistecho.service.scenario.delay import NO_DELAY, Constant, Delay, DelayPer
from twistecho.service.scenario.fault import NO_FAULTS, Faults
from twistecho.service.scenario.scenario import Scenario

from .counters import Counts
from .limits import Limits
from .open_connections import Connections
from .protocol import EchoProtocol
from .reply_queue import Answer


class EchoFactory(Factory):
    """Makes echo protocols: for any endpoint, in any service.

    ``clock`` is the reactor, or in a test a `twisted.internet.task.Clock`. ``reply`` is the format
    of the replies; ``answer``, if given, makes them instead: from a message to bytes, or to a
    Deferred of bytes, or as an ``async def``. ``delay``, in seconds, is how long each is held, per
    reply or per connection. ``limits`` bounds what may wait. ``ctime`` gives the text of the time
    for stamped replies. ``log_connections`` logs each connection at level debug, ``log_payload``
    what peers say, escaped and cut, at info. ``faults`` says what goes wrong, and ``in_band`` lets
    messages ask for a delay or a fault themselves. Raises ValueError for an unknown format, a delay
    that cannot be waited for and a fault that multiplies no delay.
    """

    noisy = False

    def __init__(
        self,
        clock: AnyClock,
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
        self.scenario = Scenario(
            ReplyFormat(reply),
            Constant(delay) if isinstance(delay, (int, float)) else delay,
            DelayPer(delay_per),
            faults,
            in_band,
        )
        self.limits = limits or Limits()
        self.connections = Connections(
            as_clock(clock),
            self.scenario,
            self.limits,
            answer=answer,
            ctime=ctime,
            log_connections=log_connections,
            log_payload=log_payload,
        )

    def buildProtocol(self, addr: object) -> EchoProtocol | None:
        """Make the protocol of a new connection, or None, upon which it is closed at once."""
        connections = self.connections
        reason = connections.admission.refusal(addr)
        if reason is not None:
            connections.refuse(reason, addr)
            return None
        protocol = EchoProtocol(connections, addr)
        protocol.factory = self
        return protocol

    @property
    def counts(self) -> Counts:
        """What has been counted until now; may be asked for from any thread."""
        return self.connections.counts

    @property
    def faults_met(self) -> Counter[str]:
        """How often each kind of fault has come about."""
        return self.connections.faults_met

    @property
    def control_words(self) -> Counter[str]:
        """How many in-band words were "obeyed", and how many "not-understood"."""
        return self.connections.control_words

    def count_open(self) -> int:
        """Count the open connections."""
        return len(self.connections)

    def describe(self) -> str:
        """Say in a few words how the service answers."""
        own = self.connections.answer is not None
        return f"{'own' if own else self.scenario.reply} replies, {self.scenario.describe()}"

    def drain(self) -> Deferred[None]:
        """Let every connection be answered what is pending and close; fire when all have gone."""
        return self.connections.drain()

    def abort(self) -> None:
        """End every connection at once, whatever is pending."""
        self.connections.abort()
