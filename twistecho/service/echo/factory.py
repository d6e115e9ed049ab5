"""The echo factory: Twisted's interface of a factory, and the counts of its connections."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from twistecho.base.files import lines_of
from twistecho.base.notation import FieldError
from twistecho.base.reactor_types import AnyClock, as_clock
from twistecho.base.reply_formats import ReplyFormat
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.delay import Delay
from twistecho.service.scenario.delay_per import DelayPer
from twistecho.service.scenario.fault import Fault
from twistecho.service.scenario.faults import Faults
from twistecho.service.scenario.framing import Framing
from twistecho.service.scenario.parsing import parse_delays
from twistecho.service.scenario.scenario import Scenario

from .counters import Counts
from .limits import Limits
from .open_connections import Connections
from .protocol import EchoProtocol
from .received import Received
from .reply_queue import Answer
from .stamp import ctime


def scenario_of(scenario: Scenario | None, fields: Mapping[str, object]) -> Scenario:
    """Return a scenario with some fields replaced, those that are not None.

    The file of a trace is read. Raises FieldError.
    """
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    for name in ("delay", "banner_delay"):
        value = given.get(name)
        if isinstance(value, str) and value.startswith("trace:"):
            try:
                given[name] = parse_delays(value, lines_of=lines_of)
            except ValueError as error:
                raise FieldError(name, str(error)) from None
    return Scenario(**given) if scenario is None else scenario.replace(**given)


class EchoFactory(Factory):
    """Makes echo protocols: for any endpoint, in any service.

    ``clock`` is the reactor, or in a test a `twisted.internet.task.Clock`. The ``scenario`` decides
    how messages are answered; each of its fields may be given by its own name, and then replaces
    that of ``scenario``: see `Scenario`. Each is a value or a text, ``delay="20ms"``,
    ``faults=["reset:0.1"]``.

    ``answer``, if given, makes the replies: a function of the message that returns bytes or a
    Deferred of bytes, or an ``async def``. ``limits`` bounds connections and waiting bytes.
    ``ctime`` returns the text of the time for stamped replies.
    ``log_connections`` logs each connection at level debug, ``log_payload`` the bytes of each read,
    escaped and cut, at info. ``record`` keeps messages in `received`. Raises ValueError for an
    invalid value.
    """

    noisy = False

    def __init__(
        self,
        clock: AnyClock,
        *,
        scenario: Scenario | None = None,
        framing: Framing | str | bytes | None = None,
        banner: bytes | str | None = None,
        banner_delay: Delay | float | str | None = None,
        banner_fault: Fault | str | None = None,
        on: Iterable[On] | None = None,
        reply: ReplyFormat | str | None = None,
        answer: Answer | None = None,
        delay: Delay | float | str | None = None,
        delay_per: DelayPer | str | None = None,
        faults: Faults | str | Iterable[Fault | str] | None = None,
        in_band: bool | None = None,
        seed: int | None = None,
        limits: Limits | None = None,
        ctime: Callable[[], str] = ctime,
        log_connections: bool = False,
        log_payload: bool = False,
        record: bool = False,
    ) -> None:
        fields = {
            "framing": framing,
            "banner": banner,
            "banner_delay": banner_delay,
            "banner_fault": banner_fault,
            "on": on,
            "reply": reply,
            "delay": delay,
            "delay_per": delay_per,
            "faults": faults,
            "in_band": in_band,
            "seed": seed,
        }
        self.limits = limits or Limits()
        self.connections = Connections(
            as_clock(clock),
            scenario_of(scenario, fields),
            self.limits,
            answer=answer,
            ctime=ctime,
            log_connections=log_connections,
            log_payload=log_payload,
            record=record,
        )

    @property
    def scenario(self) -> Scenario:
        """How messages are answered. A new scenario applies to all messages that arrive later.

        That includes messages on open connections, except for the parts that act on accept:
        framing, banner, refusals, and a delay per connection. Pending replies stay as they are.
        """
        return self.connections.scenario

    @scenario.setter
    def scenario(self, scenario: Scenario) -> None:
        self.connections.steer(scenario)

    @property
    def received(self) -> Received:
        """The last messages received, where they are recorded."""
        return self.connections.received

    def buildProtocol(self, addr: object) -> EchoProtocol | None:
        """Make the protocol of a new connection, or return None to have it closed at once."""
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
        """A copy of the counts until now; any thread may read it."""
        return self.connections.counts

    @property
    def faults_met(self) -> Counter[str]:
        """How many times each kind of fault has applied."""
        return self.connections.faults_met

    @property
    def control_words(self) -> Counter[str]:
        """How many in-band words were "obeyed", and how many "not-understood"."""
        return self.connections.control_words

    def count_open(self) -> int:
        """Count the open connections."""
        return len(self.connections)

    def describe(self) -> str:
        """Summarize in a few words how the service answers."""
        own = self.connections.answer is not None
        return f"{'own' if own else self.scenario.reply} replies, {self.scenario.describe()}"

    def drain(self) -> Deferred[None]:
        """Send every pending reply, then close; fire when all connections have ended."""
        return self.connections.drain()

    def abort(self) -> None:
        """End every connection at once, without sending pending replies."""
        self.connections.abort()
