"""The state of a conversation: its phase, its times, and its messages in flight."""

from collections.abc import Callable
from math import inf

from twistecho.fleet.plans.load import Load, LoadOf, load_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import Outcome, Phase
from twistecho.fleet.reports.recorder import Recording

from .expected import ReplyReader
from .in_flight import InFlight, ReplyObserver

CLOSING = 2.0
"""The longest wait for the peer's FIN where a duration limits the run, in seconds."""


class State:
    """The state of one client's conversation; see `Conversation`."""

    __slots__ = (
        "_closed",
        "_connected",
        "_dialed",
        "_due",
        "_ends",
        "_flight",
        "_free",
        "_last",
        "_last_offer",
        "_limit",
        "_load",
        "_load_of",
        "_offered_from",
        "_only",
        "_phase",
        "_recording",
        "_started",
        "_until",
        "client",
        "connects",
        "next_due",
        "outcome",
        "over",
        "pending",
        "plan",
        "step",
    )

    def __init__(
        self,
        plan: Plan,
        client: int,
        recording: Recording,
        on_reply: ReplyObserver | None = None,
        reader: ReplyReader | None = None,
        *,
        load: LoadOf = load_of,
    ) -> None:
        self.plan = plan
        self.client = client
        self.outcome: Outcome | None = None
        self.step = 0.0
        self.pending: Callable[[], int] = int
        """Returns how many bytes the system has not taken yet; the engine sets it."""
        self.next_due: float | None = None
        self.over = False
        """Whether the current connection is over; another one may follow."""
        self.connects = 0
        """How many connections were made."""
        self._phase = Phase.CONNECT
        self._recording = recording
        self._flight = InFlight(plan, client, recording, on_reply, reader)
        self._started = self._dialed = self._closed = 0.0
        self._connected: float | None = None
        each = plan.messages_per_client
        self._last = inf if each is None else each
        self._limit = min(self._last, plan.reconnect or inf)
        """The number of the first message that this connection does not carry."""
        self._until = self._limit  # the next message that `received` does not handle inline
        self._ends = inf
        self._only = plan.only_message_of(client)
        self._load_of = load
        self._load: Load | None = None  # None until sending begins
        if load is not load_of:
            self._flight.steady = False  # the next message may not be due at once
        self._offered_from: float | None = None
        self._last_offer: float | None = None  # since when there is nothing more to send
        self._due: float | None = None  # of the next message, once that is known
        self._free = 0.0  # since when there has been room for one more message in flight

    @property
    def messages(self) -> int:
        """How many messages were answered correctly."""
        return self._flight.messages

    @property
    def finished(self) -> bool:
        """Whether every reply has come, and only closing is left."""
        return self._phase is Phase.CLOSE and self.outcome is None

    @property
    def step_timeout(self) -> float:
        """Seconds that the current step may take."""
        timeout = self.plan.timeout
        bounded = self._phase is Phase.CLOSE and self._ends < inf and self._last_offer is not None
        return min(timeout, CLOSING) if bounded else timeout

    @property
    def reconnects(self) -> bool:
        """Whether a connection has ended without failure, and the next one must be made."""
        return self.over and self.outcome is None

    def is_cut(self, unsent: int) -> bool:
        """Return whether the last ``unsent`` bytes handed over begin inside a message."""
        return self._flight.is_cut(unsent)
