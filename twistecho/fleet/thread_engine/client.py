"""A client's conversation over a plain connected socket.

The client waits for its socket to be readable or writable, so a message larger than all buffers
cannot lock both sides up.
"""

import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf

from twistecho.fleet.conversation.conversation import INTERRUPTED, Conversation
from twistecho.fleet.reports.outcome import Phase

from .gate import Gate

_READ_SIZE = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_TICK = 0.001


def time_left(conversation: Conversation, now: float) -> float:
    """Say how long the present step may still take, in seconds."""
    return conversation.step + conversation.plan.timeout - now


class Talk:
    """One client's connected socket and its conversation; ``now`` is the time of the run.

    Where the plan has a barrier the client begins when ``begin`` opens; it ends when ``stop`` does.
    """

    def __init__(
        self,
        connection: socket.socket,
        conversation: Conversation,
        now: Callable[[], float],
        *,
        begin: Gate,
        stop: Gate,
    ) -> None:
        self._connection = connection
        self._conversation = conversation
        self._now = now
        self._gates = {begin.fileno(): self._begin, stop.fileno(): self._stop}
        self._poller = select.poll()
        self._unsent = memoryview(b"")
        self._saying = 0  # bytes of the messages that are under way

    def run(self) -> None:
        """Talk until the conversation has an outcome; reset the connection if it failed.

        The engine has told the conversation that it is connected.
        """
        conversation = self._conversation
        self._poller.register(self._connection)
        for gate in self._gates:
            self._poller.register(gate, select.POLLIN)
        while conversation.outcome is None:
            now = self._now()
            if conversation.next_due is not None and conversation.next_due <= now:
                self._say(conversation.wake(now))
                continue
            left = time_left(conversation, now)
            if left <= 0:
                phase = Phase.SEND if self._sending() else None
                conversation.failed("timeout", self._now(), phase=phase)
                break
            if conversation.next_due is not None:
                left = min(left, conversation.next_due - now)
            self._poller.modify(self._connection, self._interest())
            self._react(self._wait(left))
        if not conversation.outcome or not conversation.outcome.answered:
            self._abort()

    def _wait(self, seconds: float) -> list[tuple[int, int]]:
        """Wait for events; not at all for what is left of a millisecond if nothing can come."""
        if seconds < _TICK and self._conversation.step == inf:
            # poll() counts milliseconds, and would come back late.
            time.sleep(seconds)
            seconds = 0.0
        return self._poller.poll(None if seconds == inf else seconds * 1000)

    def _begin(self) -> None:
        self._say(self._conversation.begin(self._now()))

    def _stop(self) -> None:
        self._conversation.failed(INTERRUPTED, self._now())

    def say(self, message: bytes) -> None:
        """Send what the conversation gave when it was told of the connection."""
        self._say(message)
        self._look()

    def _say(self, message: bytes) -> None:
        if message:
            self._unsent = memoryview(bytes(self._unsent) + message)
            self._saying = len(self._unsent)

    def _sending(self) -> bool:
        """Say whether the system has taken a part of the message, and not all of it."""
        return 0 < len(self._unsent) < self._saying

    def _interest(self) -> int:
        return select.POLLIN | (select.POLLOUT if self._unsent else 0)

    def _react(self, ready: list[tuple[int, int]]) -> None:
        for number, events in ready:
            if number in self._gates:
                self._poller.unregister(number)
                self._gates.pop(number)()
                self._look()
                continue
            # Reading first: what came before a reset is still to be had.
            if events & ~select.POLLOUT:
                self._receive()
            elif self._unsent:
                self._send()

    def _send(self) -> None:
        try:
            sent = self._connection.send(self._unsent, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        self._unsent = self._unsent[sent:]

    def _receive(self) -> None:
        try:
            data = self._connection.recv(_READ_SIZE)
        except OSError as error:
            self._lost(error)
            return
        if not data:
            self._conversation.closed(self._now(), sending=self._sending())
            return
        self._say(self._conversation.received(data, self._now()))
        self._look()

    def _look(self) -> None:
        if self._conversation.finished:
            self._finish()

    def _finish(self) -> None:
        # Where it is broken already, receiving will say how.
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def _lost(self, error: OSError) -> None:
        self._conversation.lost(error.errno, self._now(), sending=self._sending())

    def _abort(self) -> None:
        """Have closing send RST: the other side's replies are of no use any more."""
        try:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        except OSError:
            return  # it is gone already
