"""One client's messages and their replies: which message is sent when, and which replies came.

This code runs for every message, so it avoids unnecessary calls.
"""

from math import inf

from twistecho.fleet.reports.outcome import Difference, Phase

from .ending import Ending
from .expected import WireError


class Exchange(Ending):
    """A conversation's messages and replies, over one connection or several; see `Conversation`."""

    __slots__ = ()

    def begin(self, now: float, opened: float | None = None) -> bytes:
        """Note that all clients have connected, or failed to; return the first message, if due.

        That was at ``opened``, by default now; all clients count their times from there.
        """
        if self._load is not None or self._phase is not Phase.RECEIVE:
            return b""
        zero = now if opened is None else opened
        return self._begin(zero, zero, now)

    def _begin(self, zero: float, schedule: float, now: float) -> bytes:
        """Begin to send: warm-up and duration start at ``zero``, a rate at ``schedule``."""
        plan = self.plan
        until = plan.sends_until(self.client)
        if until is not None:
            self._ends = zero + plan.warmup + until
        self._load = self._load_of(plan, self.client, schedule)
        self._free = now
        began = now if plan.rate is None else schedule
        self._offered_from = max(began, zero + plan.warmup) if plan.warmup else began
        return self.wake(now)

    def received(self, data: bytes, now: float) -> bytes:
        """Read received bytes; return the bytes to send next, empty if there are none.

        Where the received bytes are wrong the conversation has failed: see `outcome`.
        """
        flight = self._flight
        if data == flight.usual:
            # The usual reply, and the next message at once: inlined from `InFlight`, for speed.
            size = len(flight.single)
            self._recording.reply_in_turn(self.step, now, size)
            flight.struck_bytes += size
            flight.messages = messages = flight.messages + 1
            if messages < self._until and now < self._ends:
                self.step = now
                message = self._only
                if message is None:
                    message = flight.single = flight.message(messages)
                    flight.usual = flight.usual_reply(message)
                    size = len(message)
                flight.handed += 1
                flight.handed_bytes += size
                return message
            flight.single = flight.usual = b""
            if flight.timing is not None and flight.timing.running:
                flight.timing.answered(messages, (self.step,), now)
        else:
            try:
                whole = flight.take(data, now, self.step)
            except WireError as error:
                difference = Difference.between(error.expected, error.came or data)
                self.failed(error.reason, now, phase=Phase.RECEIVE, difference=difference)
                return b""
            if not whole:
                return b""
        timing = flight.timing
        if timing is None:
            self._free = now
        else:
            self._free = timing.room_since(now)
            self._until = min(self._limit, timing.next)
        return self.wake(now)

    def wake(self, now: float) -> bytes:
        """Return the messages that are due by now and have room; update the step and next due."""
        flight = self._flight
        parts: list[bytes] = []
        timing = flight.timing
        while flight.has_room() and self._is_due(now):
            due = self._due or 0.0
            try:
                parts.append(flight.hand_over(due, now))
            except WireError as error:
                self.failed(error.reason, now)
                return b""
            if flight.steady:
                self.step = now
            elif timing is None or timing.followed:
                self._recording.sent(now - max(due, self._free), due)
            self._due = None
        self.next_due = self._due if flight.has_room() else None
        if self._phase is Phase.RECEIVE:
            self._note_step(now)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _is_due(self, now: float) -> bool:
        """Return whether there is a next message and its time has come."""
        if (
            self._phase is not Phase.RECEIVE
            or self._load is None
            or self._flight.handed >= self._limit
        ):
            return False
        if self._due is None:
            self._due = self._load.due(self._free)
        return self._due <= now < self._ends

    def _note_step(self, now: float) -> None:
        """Set the step: waiting for the oldest reply, the next message's time, or the close."""
        flight = self._flight
        full = flight.handed >= self._limit
        ended = self._is_last(now) if full else max(now, self._due or 0.0) >= self._ends
        if ended or full:
            self.next_due = None
        if ended:
            self._last_offer = now if self._last_offer is None else self._last_offer
        oldest = flight.oldest
        if oldest is not None:
            self.step = oldest
        elif flight.single:
            return
        elif ended or full:
            self._phase = Phase.CLOSE
            self.step = now
        else:
            self.step = inf

    def _is_last(self, now: float) -> bool:
        """Return whether this connection, which takes no more messages, is the last one."""
        flight = self._flight
        if flight.handed >= self._last:
            return True
        if self._load is not None and self._due is None and not flight.owed[0]:
            self._due = self._load.due(self._free)
        return max(now, self._due or 0.0) >= self._ends
