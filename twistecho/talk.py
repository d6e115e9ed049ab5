"""A client's conversation over a plain connected socket.

The client waits for its socket to be readable or writable, so a message larger than all buffers
cannot lock both sides up.
"""

import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from .conversation import Conversation
from .outcome import Phase

_READ_SIZE = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def time_left(conversation: Conversation, now: float) -> float:
    """Say how long the present step may still take, in seconds."""
    return conversation.step + conversation.plan.timeout - now


class Talk:
    """One client's connected socket and its conversation; ``now`` is the time of the run."""

    def __init__(
        self, connection: socket.socket, conversation: Conversation, now: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._conversation = conversation
        self._now = now
        self._unsent = memoryview(b"")
        self._saying = 0  # bytes of the message that is under way

    def run(self) -> None:
        """Talk until the conversation has an outcome; reset the connection if it failed."""
        conversation = self._conversation
        self._say(conversation.connected(self._now()))
        poller = select.poll()
        poller.register(self._connection)
        while conversation.outcome is None:
            left = time_left(conversation, self._now())
            if left <= 0:
                phase = Phase.SEND if self._sending() else None
                conversation.failed("timeout", self._now(), phase=phase)
                break
            poller.modify(self._connection, self._interest())
            self._react(poller.poll(left * 1000))
        if not conversation.outcome or not conversation.outcome.answered:
            self._abort()

    def _say(self, message: bytes) -> None:
        self._unsent = memoryview(bytes(self._unsent) + message)
        self._saying = len(self._unsent)

    def _sending(self) -> bool:
        """Say whether the system has taken a part of the message, and not all of it."""
        return 0 < len(self._unsent) < self._saying

    def _interest(self) -> int:
        return select.POLLIN | (select.POLLOUT if self._unsent else 0)

    def _react(self, ready: list[tuple[int, int]]) -> None:
        for _, events in ready:
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
        message = self._conversation.received(data, self._now())
        if message:
            self._say(message)
        elif self._conversation.finished:
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
