"""One client's side of the talk: what to send next, and is what came back right.

No input or output happens here. An engine reports what happened, with the time in seconds since
the run began, and does what it is told:

    connecting(now)                 before it connects
    connected(now)       -> bytes   to send
    begin(now)           -> bytes   to send, where the plan has a barrier: all have connected
    received(data, now)  -> bytes   to send next; none while there is nothing to send yet
    next_due                        when the next message is due, or None: wake it then
    wake(now)            -> bytes   to send: what is due by now
    finished                        all replies are in: send FIN, then wait for the other's; one
                                    who keeps the connection reports ``closed`` at once
    closed(now)                     the other side's FIN came
    reconnects                      that was a connection's end, and not the last one's: begin anew
                                    with ``connecting``
    lost(errno, now)                the system says that the connection broke, or was not made
    failed(reason, now)             a timeout and the like
    pending              -> int     to be set: how many bytes the system has not taken yet
    over                            the connection is: close it, or abort where it failed
    outcome                         set once the conversation is over

Each step (connecting, the oldest reply owed, closing) began at `step`; an engine that sees it last
longer than `step_timeout` reports ``failed("timeout", now)``. While nothing is waited for but
the time of the next message, `step` is infinite.

What happens while the system has taken only a part of a message is of the phase *send*: the engine
asks whether what it has not sent ``is_cut``, and says so with ``sending``. All else from the
connection on is of the phase *receive*, whichever call noticed it: whether a reset is found by
sending the next message or by waiting for its reply is a matter of microseconds.
"""

import errno
from collections.abc import Callable
from math import inf

from twistecho.fleet.reports.outcome import Cause, Phase, reason_of_errno

from .exchange import Exchange
from .wire_timing import WireTiming

_RESET = (errno.ECONNRESET, errno.ECONNABORTED)


class Conversation(Exchange):
    """One client's talk with the server, under a plan.

    ``recording`` is told how long everything took. ``on_reply`` sees each reply; where several
    were in flight, those that came in one piece with the first. ``reader`` checks the replies, by
    default as the plan's format has them; one of a dialogue gives the messages too. ``load`` gives
    what says when messages are due, by default as the plan has it.
    """

    __slots__ = ()

    def connecting(self, now: float) -> None:
        """Note that the client begins to connect; where its time is over, that is the end."""
        self._dialed = self.step = now
        self.over = False
        if self.connects:
            return
        self._started = now
        if now >= self.plan.over_for(self.client):
            self._end(None, now)

    def connected(self, now: float, on_wire: float | None = None, *, kept: bool = False) -> bytes:
        """Note that the connection stands; give the first message, if it is due.

        ``on_wire`` is how long the system waited for the other side's answer, where it tells. One
        that was ``kept`` from an earlier run has taken no time that is measured.
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
        """Whether this connection is none of the load that is measured: where it is made anew."""
        if self.plan.reconnect is None:
            return False
        waits = self.plan.barrier and self._load is None
        return waits or self._dialed < self._recording.measured_from

    def _go_on(self, now: float, stood: float) -> bytes:
        """Go on over a connection that ``stood`` since then; give what is due by now."""
        handed = self._flight.handed
        self._limit = min(self._last, handed + (self.plan.reconnect or inf))
        self._until = self._limit if self._flight.timing is None else 0
        self._free = stood
        if self.plan.rate is None and self._due is not None:
            self._due = max(self._due, now)  # nobody was late for it
        return self.wake(now)

    def time_wire(self, switch: Callable[[bool], object]) -> WireTiming:
        """Have some messages timed on the wire: the engine can. See `WireTiming`."""
        timing = self._flight.timing
        if timing is None:
            timing = WireTiming(self.plan, self.client, self._recording, switch)
            self._flight.timing = timing
        else:
            timing.go_on(switch, self._closed)
        self._until = 0
        return timing

    def closed(self, now: float, *, sending: bool = False, number: int | None = None) -> None:
        """Note the other side's FIN: the end, and a failure if replies were owed.

        ``number`` is the errno, where it was a send that found out.
        """
        if self._phase is Phase.CLOSE:
            # What counted as a raw reply may have gone on since, as another format does.
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
        """Note that the connection broke, or that none was made, for a reason with an errno.

        Where nobody knows it, the connection was reset: that is how one breaks.
        """
        if self._phase is Phase.CONNECT and number in _RESET:
            # A refusal has a number of its own: this connection stood before anybody saw it.
            self.connected(now)
        if number == errno.EPIPE:
            self.closed(now, sending=sending, number=number)
            return
        reason = "reset" if number is None else reason_of_errno(number)
        self.failed(reason, now, errno=number, phase=Phase.SEND if sending else None)
