"""The end of a conversation: what failed, what was left unanswered, and the outcome."""

from math import inf

from twistecho.fleet.reports.outcome import INTERRUPTED, Cause, Difference, Outcome, Phase

from .state import State


class Ending(State):
    """A conversation that can end; see `Conversation`."""

    __slots__ = ()

    def failed(
        self,
        reason: str,
        now: float,
        *,
        errno: int | None = None,
        phase: Phase | None = None,
        difference: Difference | None = None,
    ) -> None:
        """Note a failure in the current phase, or in ``phase``. Only the first end counts.

        ``difference`` shows the expected and the received bytes, where a reply was wrong.

        After the end of a duration a client waits for the peer's FIN for less than the plan's
        timeout: a peer that has not closed by then is no failure.
        """
        if reason == "timeout" and self.finished and self.step_timeout < self.plan.timeout:
            self._end(None, now)
            return
        self._end(Cause(phase or self._phase, reason, errno), now, difference)

    def _end(self, cause: Cause | None, now: float, difference: Difference | None = None) -> None:
        if self.outcome is not None:
            return
        self.over = True
        untaken = self._flight.untaken(self.pending())
        self._recording.ended(cause, now)
        self.outcome = self._outcome(cause, now, untaken, difference)
        if self.plan.stages is not None:
            self._record_stages(self.outcome, cause, untaken[0])

    def _outcome(
        self,
        cause: Cause | None,
        now: float,
        untaken: tuple[int, int],
        difference: Difference | None,
    ) -> Outcome:
        """Return the outcome; ``untaken`` messages and bytes were not taken by the system."""
        flight = self._flight
        stopped = cause is not None and cause.reason == INTERRUPTED
        owed, bytes_owed = flight.owed
        owed, bytes_owed = owed - untaken[0], bytes_owed - untaken[1]
        noted = self.plan.stages is not None and not stopped
        return Outcome(
            client=self.client,
            cause=cause,
            sent=flight.handed - untaken[0],
            messages=flight.messages,
            failed=0 if stopped else owed,
            outstanding=owed if stopped else 0,
            unsent=self._count_unsent(now, note=noted) + untaken[0],
            bytes_sent=flight.handed_bytes - untaken[1],
            bytes_returned=flight.returned_bytes,
            bytes_failed=0 if stopped else bytes_owed,
            bytes_outstanding=bytes_owed if stopped else 0,
            started=self._started,
            connected=self._connected,
            first_byte=flight.first_byte,
            replied=flight.replied,
            ended=now,
            offered_from=self._offered_from,
            offered_until=self._offered_until(now),
            reply=flight.found,
            difference=difference,
            reconnects=max(0, self.connects - 1),
        )

    def _record_stages(self, outcome: Outcome, cause: Cause | None, untaken: int) -> None:
        """Record unanswered messages, and the time under load, for the stages of the load."""
        owed = self._flight.times_of_owed(self.step)
        taken = owed[: len(owed) - untaken]
        if not outcome.interrupted:
            for due, _ in owed[len(taken) :]:
                self._recording.unsent(due)
        self._recording.left(cause, outcome.ended, taken)
        if outcome.offered_from is not None and outcome.offered_until is not None:
            self._recording.offered(outcome.offered_from, outcome.offered_until)

    def _offered_until(self, now: float) -> float | None:
        """Return until when the client offered load: the end of its duration, or its own end.

        Without a duration that is its last reply, or, under a rate, the time of the last message
        plus one interval. None if it offered none.
        """
        if self._offered_from is None:
            return None
        over = self._last_offer
        if over is None:
            until = now
        elif self._ends < inf:
            until = self._ends
        elif self.plan.rate is not None:
            until = over + 1 / self.plan.rate
        else:
            until = self.step if self._phase is Phase.CLOSE else now
        return max(self._offered_from, min(until, self._ends))

    def _count_unsent(self, now: float, *, note: bool) -> int:
        """Count the messages that were due on a schedule and were not handed over.

        They are recorded too if ``note`` is set.
        """
        if self.plan.rate is None or self._load is None:
            return 0
        unsent, until = 0, min(now, self._ends)
        due = self._load.due(now) if self._due is None else self._due
        while due < until and self._flight.handed + unsent < self._last:
            unsent += 1
            if note:
                self._recording.unsent(due)
            due = self._load.due(now)
        return unsent
