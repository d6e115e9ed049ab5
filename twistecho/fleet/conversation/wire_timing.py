"""The time that messages and their replies are on the wire: of a sample of a client's messages.

From the system call that sent a message to when the kernel had received its reply: what is before
and after that is the fleet's own. An engine that can tell both does so while a timing is `running`:

    taken(at)      the system has taken all that was handed over, with a call that was made ``at``
    arrived        to be set: when the bytes that were received last had come

Of replies that came with the same bytes only the last one's arrival is known: that one is timed,
and stands for them all.

Under a rate, or where clients think, whole clients are timed, as many as cost little: how long a
message waited behind others that the fleet was late with, only one can tell who has timed these
too. Else a client's messages are divided into blocks, and one of each block is timed, any with the
same chance: it stands for as many as the block has.
"""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.recorder import Recording

_EACH_SECOND = 1000.0
"""Messages a second that are timed, of all clients."""

_WHERE_BUSY = 0.2
"""The share of these where the fleet takes longer than the other side: it has no time to give.

There each costs some 40 us, mostly since little of what it needs is in the processor's caches.
"""

_FEW = 10_000
"""Messages of a whole run of which every one is timed."""

_LEAST_CLIENTS = 4
_LONGEST = 10_000  # messages of a block

_FIRST_BYTES = 1000
"""Clients whose first message is timed, for the time of its first byte."""
_GOLDEN = 0.6180339887498949  # its multiples, without their whole parts, are spread most evenly


def _is_followed(plan: Plan, client: int) -> bool:
    """Say whether every message of a client is timed."""
    each = plan.messages_per_client
    if each is not None and each * plan.clients <= _FEW:
        return True
    rate = plan.rate or (plan.clients / plan.think if plan.think else inf)
    if rate == inf:
        return False
    followed = max(_LEAST_CLIENTS, int(_EACH_SECOND / rate * plan.clients))
    return (client - plan.first) * followed % plan.clients < followed


class WireTiming:
    """Chooses the messages of one client that are timed, and records what they took.

    ``switch`` is called with whether the engine is to tell the times from now on. ``next`` is the
    number of the message that is timed next; a client that is ``followed`` has all of them timed.
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
        """When the client would have been connected if the fleet took no time of its own."""
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
        self._sent: deque[tuple[int, float]] = deque()  # how many had been taken, and when
        self._since = 0  # the number of the first message of which that is known
        self._answered = 0  # until the sample that was taken last
        self.ended = 0.0
        """When that was; at first, when the first message was handed over."""
        self._took = 0.0
        self._busy = False
        # When replies would have come, and so made room, if the fleet took no time of its own.
        self._free: deque[float] = deque(maxlen=plan.pipeline)

    def go_on(self, switch: Callable[[bool], object], closing: float) -> None:
        """Go on with a new connection; all was answered on the old one, which took to be closed.

        These seconds are the other side's; what connecting takes of its time is to be added to
        ``ready`` then.
        """
        self.running = False
        self._switch = switch
        self.ready = max(self._free[-1] if self._free else 0.0, self.ready) + closing
        self._free.clear()

    def begin(self) -> None:
        """Note that the next message is handed over, and is to be timed."""
        self._since = int(self.next)
        self.running = True
        self.arrived = None
        self._sent.clear()
        self._switch(True)

    def taken(self, at: float) -> None:
        """Note that the system has taken all that was handed over; see the module's docstring."""
        if not self._sent or self._sent[-1][0] < self.handed:
            self._sent.append((self.handed, at))

    def first_byte(self, due: float) -> None:
        """Note that the first bytes of the first reply have come; its message was ``due`` then."""
        if self._sent and not self._since and self.arrived is not None:
            self._recording.first_byte_on_wire(self.arrived - self._sent[0][1], due)

    def answered(self, count: int, due: Sequence[float], now: float) -> None:
        """Note that replies are whole, ``count`` in all, to messages that were ``due`` then."""
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
        """Say since when there has been room for a message: a reply had come then, not only now.

        In a closed load a message is due when it is sent, and none is late.
        """
        known = self.followed and not self._closed and self.arrived is not None
        return min(now, self.arrived) if known and self.arrived is not None else now

    def _took_by(self, count: int, now: float) -> float | None:
        """Give what the message took whose reply made the count this, if that is known."""
        sent = self._sent
        while sent and sent[0][0] < count:
            sent.popleft()
        # A clock that steps meanwhile shows as a reply from before its message, or from now on.
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
        """Have the engine note no more times."""
        self.running = False
        self._switch(False)

    def _choose(self, count: int, now: float) -> None:
        """Choose the message of the next block that is timed."""
        passed, answered = now - self.ended, count - self._answered
        self._answered, self.ended = count, now
        interval = self._interval / _WHERE_BUSY if self._busy else self._interval
        self._block = max(self._block + self._stride, self.handed)
        self._stride = _LONGEST
        if interval * answered < _LONGEST * passed:
            self._stride = max(1, round(interval * answered / passed))
        self._phase = (self._phase + _GOLDEN) % 1.0
        self.next = self._chosen = self._block + int(self._stride * self._phase)
