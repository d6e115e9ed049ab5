"""One client's side of a conversation: what to send next, and whether the replies are right.

No input or output happens here. An engine reports what happened, with the time in seconds since
the run began, and sends the bytes that it gets back:

    connecting(now)                 before it connects
    connected(now)       -> bytes   to send
    begin(now)           -> bytes   to send, where the plan has a barrier: all have connected
    received(data, now)  -> bytes   to send next; none while there is nothing to send yet
    next_due                        when the next message is due, or None: wake it then
    wake(now)            -> bytes   to send: what is due by now
    finished                        all replies are in: send FIN, then wait for the peer's; an
                                    engine that keeps the connection reports ``closed`` at once
    closed(now)                     the peer's FIN came
    reconnects                      a connection ended that was not the last one: go on with
                                    ``connecting``
    lost(errno, now)                the system reports that the connection broke, or was not made
    failed(reason, now)             any other failure, such as a timeout
    pending              -> int     set by the engine: how many bytes the system has not taken yet
    over                            the connection is over: close it, or abort it after a failure
    outcome                         set once the conversation is over

Each step (connecting, the oldest pending reply, closing) began at `step`. If one lasts longer than
`step_timeout`, the engine reports ``failed("timeout", now)``. While the client waits only for the
time of the next message, `step` is infinite.

A failure while the system has taken only a part of a message is in the phase *send*: the engine
checks whether its unsent bytes begin inside a message (``is_cut``), and then passes ``sending``.
All other failures after connecting are in the phase *receive*, whichever call noticed them: it is a
matter of microseconds whether a reset shows in sending the next message or in waiting for a reply.
"""

import errno
from collections.abc import Callable
from math import inf

from twistecho.fleet.reports.outcome import Cause, Phase, reason_of_errno

from .exchange import Exchange
from .wire_timing import WireTiming

_RESET = (errno.ECONNRESET, errno.ECONNABORTED)


class Conversation(Exchange):
    """One client's conversation with the server, under a plan.

    ``recording`` gets all durations. ``on_reply`` is called with each reply; replies received
    together are passed together. ``reader`` checks the replies, by default in the plan's format;
    the reader of a user's protocol provides the messages too. ``load`` returns the times at which
    messages are due, by default the plan's.
    """

    __slots__ = ()

    def connecting(self, now: float) -> None:
        """Note that the client begins to connect; if its time is over, the conversation ends."""
        self._dialed = self.step = now
        self.over = False
        if self.connects:
            return
        self._started = now
        if now >= self.plan.over_for(self.client):
            self._end(None, now)

    def connected(self, now: float, on_wire: float | None = None, *, kept: bool = False) -> bytes:
        """Note that the client is connected; return the first message, if it is due.

        ``on_wire`` is how long the system waited for the peer's answer, if it reports that. The
        time to connect is not recorded for a connection ``kept`` from an earlier run.
        """
        if self._connected is None:
            self._connected = now
        self.connects += 1
        self._phase = Phase.RECEIVE
        took = now - self._dialed
        self._recording.connected(took, now, on_wire, early=kept or self._is_early)
        waited = took if on_wire is None else min(took, on_wire)
        if self._flight.timing is not None:
            first = self._load is None
            before = self.plan.turn_of(self.client) if first else self._flight.timing.ready
            self._flight.timing.ready = before + waited
        if self._load is not None:
            return self._go_on(now, self._dialed + waited)
        if self.plan.barrier:
            self.step = inf
            return b""
        return self._begin(0.0, self.plan.turn_of(self.client), now)

    @property
    def _is_early(self) -> bool:
        """Whether this connection of a plan that reconnects was made before measuring began."""
        if self.plan.reconnect is None:
            return False
        waits = self.plan.barrier and self._load is None
        return waits or self._dialed < self._recording.measured_from

    def _go_on(self, now: float, stood: float) -> bytes:
        """Continue over a connection made at the time ``stood``; return what is due by now."""
        handed = self._flight.handed
        self._limit = min(self._last, handed + (self.plan.reconnect or inf))
        self._until = self._limit if self._flight.timing is None else 0
        self._free = stood
        if self.plan.rate is None and self._due is not None:
            self._due = max(self._due, now)  # the time to reconnect is no delay of the message
        return self.wake(now)

    def time_wire(self, switch: Callable[[bool], object]) -> WireTiming:
        """Time some messages on the wire, for an engine that can. See `WireTiming`."""
        timing = self._flight.timing
        if timing is None:
            timing = WireTiming(self.plan, self.client, self._recording, switch)
            self._flight.timing = timing
        else:
            timing.go_on(switch, self._closed)
        self._until = 0
        return timing

    def closed(self, now: float, *, sending: bool = False, number: int | None = None) -> None:
        """Note the peer's FIN: the end, and a failure if replies are pending.

        ``number`` is the errno, if a send reported it.
        """
        if self._phase is Phase.CLOSE:
            # A reply that counted as raw may have continued since, in another format.
            begun = None if self._flight.whole else Cause(Phase.RECEIVE, "closed", number)
            if begun is None and self._last_offer is None and now < self._ends:
                self._part(now)
            else:
                self._end(begun, now)
        elif sending:
            self.failed("broken-pipe", now, errno=number or errno.EPIPE, phase=Phase.SEND)
        else:
            self.failed("closed", now, errno=number)

    def _part(self, now: float) -> None:
        """Note the end of a connection that is not the last one."""
        self._phase = Phase.CONNECT
        self._closed = now - self.step
        self.step = now
        self.over = True
        self.pending = int
        self._flight.begin_connection()
        self._recording.parted()

    def lost(self, number: int | None, now: float, *, sending: bool = False) -> None:
        """Note that the connection broke, or could not be made; ``number`` is the errno.

        Without an errno the reason is a reset, the usual way for a connection to break.
        """
        if self._phase is Phase.CONNECT and number in _RESET:
            # A refusal has another errno: this connection was made, and reset before it was seen.
            self.connected(now)
        if number == errno.EPIPE:
            self.closed(now, sending=sending, number=number)
            return
        reason = "reset" if number is None else reason_of_errno(number)
        self.failed(reason, now, errno=number, phase=Phase.SEND if sending else None)
