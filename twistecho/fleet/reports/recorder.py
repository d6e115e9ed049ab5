"""The times that an engine records while it runs, in total and per second.

An engine calls, with times in seconds from the start of the run:

    connected(took, now, wire)    a connection was made in ``took`` seconds, ``wire`` of which the
                                  system waited for the peer, if it reports that; an ``early``
                                  one, in the warm-up, is only counted
    parted()                      a connection was closed, and another one will replace it
    first_byte(took, due)         the first byte of a client's first reply came ``took`` seconds
                                  after its message was sent; the message was due at ``due``
    sent(late, due)               a message was handed over ``late`` seconds after this was
                                  possible: the fleet's own delay
    reply(due, sent, now, size)   a reply is whole: its message of ``size`` bytes was due at ``due``
                                  and handed over at ``sent``
    wire(due, took, own, ...)     the kernel had received a reply ``took`` seconds after the system
                                  call that sent its message; the fleet itself took ``own`` more
    undelayed(due, took)          the response time without the fleet's own share
    first_byte_on_wire(took, due) the time of ``first_byte`` without the fleet's own share
    ended(cause, now)             a client's conversation failed

and where the plan has stages, for each conversation that ends,

    unsent(due)                   a message due at ``due`` was never sent
    left(cause, now, owed)        messages are unanswered; ``owed`` has their times due and sent
    offered(begin, until)         the client offered load from ``begin`` to ``until``

Times of replies whose message was due in the warm-up are counted but not recorded, except in the
intervals. Recordings of one run, one per thread for instance, are merged.
"""

from collections.abc import Sequence

from .by_stage import StageFound
from .outcome import INTERRUPTED, Cause
from .recorded import Recorded


class Recording(Recorded):
    """Records the times of a run, in memory; see the module's docstring."""

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
        """Record that a connection was closed, and another one will replace it."""
        self.connections -= 1

    def first_byte(self, took: float, due: float = 0.0) -> None:  # noqa: ARG002 - of use by stage
        """Record the time to the first byte of the first reply; its message was due at ``due``."""
        self._histograms["first_byte"].record(took)

    def sent(self, late: float, due: float = 0.0) -> None:  # noqa: ARG002 - of use by stage
        """Record the fleet's own delay in sending a message that was due at ``due``."""
        self._histograms["lag"].record(late)

    def wire(self, due: float, took: float, own: float, count: int) -> None:
        """Record how long a message and its reply were outside the fleet, and the fleet's own time.

        It represents ``count`` messages, itself included.
        """
        if due >= self._measure_from:
            for counts, time in ((self._wires, took), (self._owns, own)):
                microseconds = int(time * 1e6 + 0.5)
                counts[microseconds] = counts.get(microseconds, 0) + count
            self._timed += 1
            self._squares += count * count

    def undelayed(self, due: float, took: float) -> None:
        """Record a response time without the fleet's own share."""
        if due >= self._measure_from:
            self._histograms["undelayed"].record(took)

    def first_byte_on_wire(self, took: float, due: float = 0.0) -> None:  # noqa: ARG002 - as above
        """Record the time to the first byte of the first reply without the fleet's own share."""
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
        """Record the end of a conversation; an interrupted one is not a failure."""
        if cause is not None and cause.reason != INTERRUPTED:
            self._second(now).failures[str(cause)] += 1

    def unsent(self, due: float) -> None:
        """Record a message that was never sent; used only with stages."""

    def left(self, cause: Cause | None, now: float, owed: Sequence[tuple[float, float]]) -> None:
        """Record a client's unanswered messages; used only with stages."""

    def offered(self, begin: float, until: float) -> None:
        """Record the time in which a client offered load; used only with stages."""

    def stages(self) -> tuple[StageFound, ...]:
        """Return the recorded data of each stage; here there are none."""
        return ()
