"""A client in its own thread: its conversation over a plain socket.

It waits for its socket to be readable or writable, so a message larger than all buffers cannot
block both sides. It waits in a poller, with a `Gate` that becomes readable when the run ends. While
the client waits only for a reply, it first tries to receive, for `_BRIEFLY` at most: this saves one
system call per message, and may delay the end of the run by this time.
"""

import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any

from twistecho.base.notation import LONGEST_TIME
from twistecho.base.sockets import (
    handshake_time,
    receive_stamped,
    stamp_arrivals,
    tells_arrivals,
)
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.state import CLOSING
from twistecho.fleet.conversation.wire_timing import WireTiming
from twistecho.fleet.reports.outcome import INTERRUPTED, Phase

from .connecting import Gate

_READ_SIZE = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_BRIEFLY = 0.05
"""How long a client tries to receive before it waits for any event, in seconds."""

_SLICE = 0.0001
"""The interval of polling, in seconds, where `select` cannot wait for less than 1 ms."""


def time_left(conversation: Conversation, now: float) -> float:
    """Return how long the current step may still take, in seconds."""
    return conversation.step + conversation.step_timeout - now


class Client:
    """One client's connected socket and its conversation; ``now`` is the time of the run.

    Where the plan has a barrier the client begins when ``begin`` opens; it ends when ``stop``
    opens. With ``keeps`` it does not close its connection once all replies are in.
    """

    def __init__(
        self,
        connection: socket.socket,
        conversation: Conversation,
        now: Callable[[], float],
        *,
        begin: Gate,
        stop: Gate,
        keeps: bool = False,
    ) -> None:
        self._connection = connection
        self._conversation = conversation
        self._now = now
        self._keeps = keeps
        self._all_connected, self._end = begin, stop
        self._begun = not conversation.plan.barrier
        self._gates = {begin.fileno(): self._begin, stop.fileno(): self._stop}
        self._poller = select.poll()
        self._unsent = bytearray()
        conversation.pending = lambda: len(self._unsent)
        self._timing: WireTiming | None = None
        if tells_arrivals(connection):
            self._timing = conversation.time_wire(
                lambda on: stamp_arrivals(self._connection, on=on)
            )
        self._refused: OSError | None = None  # the error of a failed send; see `_say`
        self._left = False  # whether it ended without closing the connection
        self._registered = select.POLLIN  # the events registered with the poller
        self._limit_receiving()

    def run(self) -> None:
        """Run until the connection is over; reset it if the conversation failed.

        The engine has called the conversation's `connected` before.
        """
        conversation = self._conversation
        self._poller.register(self._connection, self._registered)
        for gate in self._gates:
            self._poller.register(gate, select.POLLIN)
        # Before this time no step can time out, so its end need not be computed.
        soon = min(conversation.plan.timeout, CLOSING) - _BRIEFLY
        while not conversation.over:
            now, due = self._now(), conversation.next_due
            if due is None:
                lasts = now - conversation.step < soon or time_left(conversation, now) > _BRIEFLY
                if lasts and self._only_waits_for_reply() and self._receive():
                    continue
            elif due <= now:
                self._say(conversation.wake(now))
                continue
            left = time_left(conversation, now)
            if left <= 0:
                phase = Phase.SEND if self._sending() else None
                conversation.failed("timeout", self._now(), phase=phase)
                break
            self._react(self._wait(left if due is None else min(left, due - now)))
        if conversation.outcome is not None and not conversation.outcome.answered:
            self._abort()

    def _limit_receiving(self) -> None:
        """Limit waiting in ``recv`` to `_BRIEFLY`; after that it raises BlockingIOError."""
        limit = struct.pack("ll", 0, int(_BRIEFLY * 1e6))
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)

    def _only_waits_for_reply(self) -> bool:
        """Return whether there is nothing to send now, and the run has not been ended."""
        return self._begun and not self._unsent and not self._end.opens

    def _wait(self, seconds: float) -> list[tuple[int, int]]:
        """Wait for events, for at most this many seconds."""
        interest = self._interest()
        if interest != self._registered:
            self._registered = interest
            self._poller.modify(self._connection, interest)
        if seconds == inf:
            return self._poller.poll()
        # poll counts milliseconds and rounds up; less than one is waited for separately.
        whole = int(min(seconds, LONGEST_TIME) * 1000)
        if not whole:
            self._wait_briefly(seconds)
        return self._poller.poll(whole)

    def _wait_briefly(self, seconds: float) -> None:
        """Wait for events for less than a millisecond."""
        own, gates = self._connection.fileno(), self._gates
        try:
            select.select([own, *gates], [own] * bool(self._unsent), [], seconds)
        except ValueError:  # select accepts no descriptors from FD_SETSIZE on
            time.sleep(min(seconds, _SLICE))

    def _begin(self) -> None:
        self._begun = True
        self._say(self._conversation.begin(self._now(), self._all_connected.opened_at))

    def _stop(self) -> None:
        self._conversation.failed(INTERRUPTED, self._now())

    def waited_for(self) -> float | None:
        """Return how long TCP waited for the peer when it connected just now, if known."""
        return handshake_time(self._connection)

    def say(self, message: bytes) -> None:
        """Send the bytes that the conversation's `connected` returned."""
        self._say(message)
        self._look()

    def _say(self, message: bytes) -> None:
        """Send what the system takes at once; the rest is sent later.

        A failure is not reported yet: bytes received before it are read first.
        """
        if message and not self._unsent:
            try:
                taken = self._taken(message)
            except OSError:
                taken = 0
            if taken == len(message):
                return
            message = message[taken:]
        self._unsent += message

    def _taken(self, data: bytes | bytearray) -> int:
        """Send; return how many bytes the system took. Raises the first OSError of sending."""
        timing, at = self._timing, 0.0
        if timing is not None:
            timing = timing if timing.running else None
            at = self._now() if timing else 0.0
        try:
            sent = self._connection.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            # The system reports a reset only once, and then a broken pipe.
            self._refused = self._refused or error
            raise self._refused from None
        self._refused = None
        if timing and sent == len(data):
            timing.taken(at)
        return sent

    def _running_timing(self) -> WireTiming | None:
        """Return the timing that needs the times of bytes; None while no message is timed."""
        timing = self._timing
        return timing if timing is not None and timing.running else None

    def _sending(self) -> bool:
        """Return whether the system has taken only a part of a message."""
        return self._conversation.is_cut(len(self._unsent))

    def _interest(self) -> int:
        return select.POLLIN | (select.POLLOUT if self._unsent else 0)

    def _react(self, ready: list[tuple[int, int]]) -> None:
        for number, events in ready:
            if number in self._gates:
                self._poller.unregister(number)
                self._gates.pop(number)()
                self._look()
                continue
            # Read first: bytes received before a reset can still be read.
            if events & ~select.POLLOUT:
                self._receive()
            else:
                self._write()

    def _write(self) -> None:
        if self._unsent:
            self._send()

    def _send(self) -> None:
        try:
            del self._unsent[: self._taken(self._unsent)]
        except OSError as error:
            self._lost(error)

    def _receive(self) -> bool:
        """Receive and handle the result; return whether there was any."""
        try:
            data = self._received()
        except BlockingIOError:
            return False
        except OSError as error:
            self._lost(error)
            return True
        if data:
            message = self._conversation.received(data, self._now())
            if message:
                self._say(message)
            else:
                self._look()
        elif self._refused:
            self._lost(self._refused)
        else:
            self._conversation.closed(self._now(), sending=self._sending())
        return True

    def _received(self) -> bytes:
        """Receive; note the arrival time while a message is timed. Raises OSError."""
        timing = self._timing
        if timing is None or not timing.running:
            return self._connection.recv(_READ_SIZE)
        return self._receive_timed(timing, self._connection.recvmsg)

    def _receive_timed(
        self, timing: WireTiming, recvmsg: Callable[[int, int, int], Any], flags: int = 0
    ) -> bytes:
        """Receive with this method, and pass the arrival time to the timing. Raises OSError."""
        data, ago = receive_stamped(recvmsg, _READ_SIZE, flags)
        timing.arrived = None if ago is None else self._now() - ago
        return data

    @property
    def is_open(self) -> bool:
        """Whether the conversation ended without failure, and its connection is still open."""
        outcome = self._conversation.outcome
        return self._left and outcome is not None and outcome.answered

    def _look(self) -> None:
        if not self._conversation.finished:
            return
        if self._keeps:
            self._leave()
        else:
            self._finish()

    def _leave(self) -> None:
        """End the conversation, whose replies are all in, without closing the connection."""
        if self._timing is not None:
            stamp_arrivals(self._connection, on=False)
        self._left = True
        self._conversation.closed(self._now())

    def _finish(self) -> None:
        # If the connection is broken already, receiving will report how.
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def _lost(self, error: OSError) -> None:
        self._conversation.lost(error.errno, self._now(), sending=self._sending())

    def _abort(self) -> None:
        """Make closing send RST: the peer's replies are of no use any more."""
        try:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        except OSError:
            return  # the connection is gone already
