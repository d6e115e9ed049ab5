"""The time that messages and their replies spend on the wire, for a sample of the messages.

It runs from the system call that sent a message until the kernel has received the reply. The time
before and after is the fleet's own. An engine that knows both times reports them while a timing is
`running`:

    taken(at)      the system has taken all bytes handed over, in a call made at the time ``at``
    arrived        set by the engine: when the kernel received the last received bytes

Of replies received together only the last one's arrival is known: that one is timed, for all of
them.

Under a rate, or where clients think, all messages of some clients are timed, of as many clients as
cost little: how long a message waited behind others that the fleet sent late is known only if these
were timed too. Otherwise a client's messages are divided into blocks, and one message of each
block, chosen evenly, is timed: it counts for the whole block.
"""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.recorder import Recording

_EACH_SECOND = 1000.0
"""How many messages of all clients together are timed per second."""

_WHERE_BUSY = 0.2
"""The share of these that is timed where the fleet takes longer than the server.

Each timed message then costs about 40 us, mostly for cache misses.
"""

_FEW = 10_000
"""In a run of at most this many messages every one is timed."""

_LEAST_CLIENTS = 4
_LONGEST = 10_000  # messages per block

_FIRST_BYTES = 1000
"""The number of clients whose first message is timed, for the time to the first byte."""
_GOLDEN = 0.6180339887498949  # the fractional parts of its multiples are spread most evenly


def _is_followed(plan: Plan, client: int) -> bool:
    """Return whether every message of a client is timed."""
    each = plan.messages_per_client
    if each is not None and each * plan.clients <= _FEW:
        return True
    rate = plan.rate or (plan.clients / plan.think if plan.think else inf)
    if rate == inf:
        return False
    followed = max(_LEAST_CLIENTS, int(_EACH_SECOND / rate * plan.clients))
    return (client - plan.first) * followed % plan.clients < followed


class WireTiming:
    """Chooses the messages of one client that are timed, and records their times.

    ``switch`` is called with whether the engine should report times from now on. ``next`` is the
    number of the next message to time; all messages of a ``followed`` client are timed.
    """

    __slots__ = (
        "_answered", "_block", "_busy", "_chosen", "_closed", "_free", "_interval",
        "_open", "_phase", "_recording", "_sent", "_since", "_stride", "_switch", "_took",
        "arrived", "ended", "followed", "handed", "next", "ready", "running",
    )  # fmt: skip

    def __init__(
        self, plan: Plan, client: int, recording: Recording, switch: Callable[[bool], object]
    ) -> None:
        self.running = False
        self.arrived: float | None = None
        self.handed = 0
        """How many messages were handed over."""
        self.followed = _is_followed(plan, client)
        self.ready = 0.0
        """When the client would have been connected if the fleet itself took no time."""
        self._open = plan.rate is not None
        self._closed = not (self._open or plan.think)
        self._interval = plan.clients / _EACH_SECOND
        self._recording = recording
        self._switch = switch
        self._phase = client * _GOLDEN % 1.0
        self._block, self._stride = 0, max(1, round(self._interval))
        self._chosen = int(self._stride * self._phase) if self._closed else inf
        first = (client - plan.first) * _FIRST_BYTES % plan.clients < _FIRST_BYTES
        self.next = 0 if first or self.followed else self._chosen
        self._sent: deque[tuple[int, float]] = deque()  # how many messages were taken, and when
        self._since = 0  # the number of the first message whose time is known
        self._answered = 0  # how many messages were answered when the last sample was taken
        self.ended = 0.0
        """When the last sample was taken; at first, when the first message was handed over."""
        self._took = 0.0
        self._busy = False
        # When replies would have come, and made room, if the fleet itself took no time.
        self._free: deque[float] = deque(maxlen=plan.pipeline)

    def go_on(self, switch: Callable[[bool], object], closing: float) -> None:
        """Continue with a new connection; the old one, fully answered, took ``closing`` s to close.

        These seconds count as the peer's time. The caller adds the peer's time to connect to
        ``ready``.
        """
        self.running = False
        self._switch = switch
        self.ready = max(self._free[-1] if self._free else 0.0, self.ready) + closing
        self._free.clear()

    def begin(self) -> None:
        """Begin to time: the next message to be handed over is a timed one."""
        self._since = int(self.next)
        self.running = True
        self.arrived = None
        self._sent.clear()
        self._switch(True)

    def taken(self, at: float) -> None:
        """Note that the system has taken all bytes handed over; see the module's docstring."""
        if not self._sent or self._sent[-1][0] < self.handed:
            self._sent.append((self.handed, at))

    def first_byte(self, due: float) -> None:
        """Note the first bytes of the first reply; its message was due at ``due``."""
        if self._sent and not self._since and self.arrived is not None:
            self._recording.first_byte_on_wire(self.arrived - self._sent[0][1], due)

    def answered(self, count: int, due: Sequence[float], now: float) -> None:
        """Note whole replies to messages due at the times ``due``; ``count`` is the new total."""
        if count <= self._since:
            return
        took = self._took_by(count, now)
        if self.followed:
            self._record_all(due, now, took)
        else:
            self._end()
            if self._chosen >= count:
                self.next = self._chosen
                return
            if took is not None:
                own = now - due[-1] - took
                self._recording.wire(due[-1], took, own, self._stride)
                self._busy = own > took
            self._choose(count, now)

    def room_since(self, now: float) -> float:
        """Return since when there has been room for a message: when the kernel had the reply.

        In a closed load it is now: a message is due when it is sent, and none is late.
        """
        known = self.followed and not self._closed and self.arrived is not None
        return min(now, self.arrived) if known and self.arrived is not None else now

    def _took_by(self, count: int, now: float) -> float | None:
        """Return the time on the wire of the message with this count, if it is known."""
        sent = self._sent
        while sent and sent[0][0] < count:
            sent.popleft()
        # If the clock stepped, a reply seems to arrive before its message was sent, or after now.
        if not sent or self.arrived is None or not sent[0][1] <= self.arrived <= now:
            return None
        return self.arrived - sent[0][1]

    def _record_all(self, due: Sequence[float], now: float, took: float | None) -> None:
        if took is not None:
            self._took = took
        for each in due:
            true = self._took
            if self._open:
                free = self._free[0] if len(self._free) == self._free.maxlen else self.ready
                self._free.append(max(each, free) + self._took)
                true = self._free[-1] - each
                self._recording.undelayed(each, true)
            if took is not None:
                self._recording.wire(each, took, now - each - true, 1)

    def _end(self) -> None:
        """Stop the engine's reports of times."""
        self.running = False
        self._switch(False)

    def _choose(self, count: int, now: float) -> None:
        """Choose which message of the next block is timed."""
        passed, answered = now - self.ended, count - self._answered
        self._answered, self.ended = count, now
        interval = self._interval / _WHERE_BUSY if self._busy else self._interval
        self._block = max(self._block + self._stride, self.handed)
        self._stride = _LONGEST
        if interval * answered < _LONGEST * passed:
            self._stride = max(1, round(interval * answered / passed))
        self._phase = (self._phase + _GOLDEN) % 1.0
        self.next = self._chosen = self._block + int(self._stride * self._phase)
