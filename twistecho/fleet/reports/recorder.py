"""What an engine records while it runs: how long everything took, in all and second by second.

An engine calls, with times in seconds from the start of the run:

    connected(took, now, wire)    a connection stands, ``took`` seconds after it was begun; of these
                                  the system waited ``wire`` for the other side, if it tells;
                                  where it is ``early``, in the warm-up, it is only counted
    parted()                      a connection was closed, in whose place another one is to be made
    first_byte(took, due)         of the first reply of a client, since its message was sent, which
                                  was due then
    sent(late, due)               a message was handed over, ``late`` seconds after it could have
                                  been: that is the fleet's own lateness
    reply(due, sent, now, size)   a reply is whole: its message of ``size`` bytes was due then and
                                  handed over then
    wire(due, took, own, ...)     the kernel had received a reply so long after the system call that
                                  sent its message; ``own`` seconds more were the fleet's
    undelayed(due, took)          a response would have taken so long without the fleet's own share
    first_byte_on_wire(took, due) what ``first_byte`` would have been without it
    ended(cause, now)             a client's conversation failed

and where the plan has stages, for each conversation that ends,

    unsent(due)                   a message that was due then was never sent
    left(cause, now, owed)        messages are unanswered that were due and handed over then
    offered(begin, until)         it offered load from then to then

Times of replies whose message was due in the warm-up are counted but not recorded, except in the
intervals. Recordings of one run, a thread's each for instance, are added up.
"""

from collections.abc import Sequence

from .by_stage import StageFound
from .outcome import INTERRUPTED, Cause
from .recorded import Recorded


class Recording(Recorded):
    """Records what a run takes, in memory; see the module's docstring."""

    __slots__ = ()

    def connected(
        self, took: float, now: float, wire: float | None = None, *, early: bool = False
    ) -> None:
        """Record a connection."""
        self._second(now).connected += 1
        self.connections += 1
        self._early += early
        if not early:
            self._histograms["connect"].record(took)
            if wire is not None:
                self._histograms["connect_wire"].record(min(took, wire))

    def parted(self) -> None:
        """Record that a connection was closed, in whose place another one is to be made."""
        self.connections -= 1

    def first_byte(self, took: float, due: float = 0.0) -> None:  # noqa: ARG002 - of use by stage
        """Record the first byte of the first reply, to a message that was due then."""
        self._histograms["first_byte"].record(took)

    def sent(self, late: float, due: float = 0.0) -> None:  # noqa: ARG002 - of use by stage
        """Record the fleet's own lateness in sending a message that was due then."""
        self._histograms["lag"].record(late)

    def wire(self, due: float, took: float, own: float, count: int) -> None:
        """Record how long a message and its reply were outside of the fleet, and its own time.

        It stands for so many that were not timed, itself among them.
        """
        if due >= self._measure_from:
            for counts, time in ((self._wires, took), (self._owns, own)):
                microseconds = int(time * 1e6 + 0.5)
                counts[microseconds] = counts.get(microseconds, 0) + count
            self._timed += 1
            self._squares += count * count

    def undelayed(self, due: float, took: float) -> None:
        """Record a response as it would have been without the fleet's own share."""
        if due >= self._measure_from:
            self._histograms["undelayed"].record(took)

    def first_byte_on_wire(self, took: float, due: float = 0.0) -> None:  # noqa: ARG002 - as above
        """Record the first byte of the first reply, without the fleet's own share."""
        self._histograms["first_byte_wire"].record(took)

    def reply(self, due: float, sent: float, now: float, size: int) -> None:
        """Record a whole reply."""
        self.reply_in_turn(due, now, size)
        if sent != due and due >= self._measure_from:
            took, served = int((now - due) * 1e6 + 0.5), int((now - sent) * 1e6 + 0.5)
            self._services[served] = self._services.get(served, 0) + 1
            self._services[took] = self._services.get(took, 0) - 1

    def reply_in_turn(self, due: float, now: float, size: int) -> None:
        """Record a whole reply to a message that was handed over when it was due."""
        if now >= self._until:
            self._turn(now)
        self._bytes += size
        took = int((now - due) * 1e6 + 0.5)
        counts = self._counts if due >= self._measure_from else self._warming
        try:
            counts[took] += 1
        except KeyError:
            counts[took] = 1

    def ended(self, cause: Cause | None, now: float) -> None:
        """Record the end of a conversation; one that was interrupted is no failure."""
        if cause is not None and cause.reason != INTERRUPTED:
            self._second(now).failures[str(cause)] += 1

    def unsent(self, due: float) -> None:
        """Record a message that was never sent; of use by stage only."""

    def left(self, cause: Cause | None, now: float, owed: Sequence[tuple[float, float]]) -> None:
        """Record what a client left unanswered; of use by stage only."""

    def offered(self, begin: float, until: float) -> None:
        """Record that a client offered load for so long; of use by stage only."""

    def stages(self) -> tuple[StageFound, ...]:
        """Give what was recorded of each stage, where there are any."""
        return ()
