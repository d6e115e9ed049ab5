"""What a conversation knows of itself: where it stands, its times, and what is in flight."""

from collections.abc import Callable
from math import inf

from twistecho.fleet.plans.load import Load, LoadOf, load_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import Outcome, Phase
from twistecho.fleet.reports.recorder import Recording

from .expected import ReplyReader
from .in_flight import InFlight, ReplyObserver

CLOSING = 2.0
"""Seconds, at most, to wait for the other side's FIN where a duration bounds the run."""


class State:
    """Where one client's conversation stands; see `Conversation`."""

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
        """Count the bytes that were given and that the system has not taken: the engine knows."""
        self.next_due: float | None = None
        self.over = False
        """Whether the connection is over, and closed: for good, or for the next one."""
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
        self._until = self._limit  # the next message that does not go the short way
        self._ends = inf
        self._only = plan.only_message_of(client)
        self._load_of = load
        self._load: Load | None = None  # until it begins
        if load is not load_of:
            self._flight.steady = False  # the next message may be due later than at once
        self._offered_from: float | None = None
        self._last_offer: float | None = None  # since when there is nothing more to send
        self._due: float | None = None  # of the next message, once that is known
        self._free = 0.0  # since when there has been room for one more in flight

    @property
    def messages(self) -> int:
        """How many messages were answered right."""
        return self._flight.messages

    @property
    def finished(self) -> bool:
        """Whether every reply has come, so that only the closing is left."""
        return self._phase is Phase.CLOSE and self.outcome is None

    @property
    def step_timeout(self) -> float:
        """Seconds that the present step may take."""
        timeout = self.plan.timeout
        bounded = self._phase is Phase.CLOSE and self._ends < inf and self._last_offer is not None
        return min(timeout, CLOSING) if bounded else timeout

    @property
    def reconnects(self) -> bool:
        """Whether the old connection has ended well, and the next one is to be made."""
        return self.over and self.outcome is None

    def is_cut(self, unsent: int) -> bool:
        """Say whether so many bytes, the last that were given, begin inside a message."""
        return self._flight.is_cut(unsent)
