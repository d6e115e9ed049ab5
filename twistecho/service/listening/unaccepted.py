"""A TCP port whose connects never complete: its queue is full, and kept full.

A client's connect needs a place in the queue of those who wait to be accepted. When there is none
Linux drops the SYN, and the client sends it again, after a second, then later and later, until it
gives up or there is room (see listen(2); with net.ipv4.tcp_abort_on_overflow set it may be reset).
So the port accepts all who wait, stops reading, has a backlog of 0, which is a queue of one, and
the one place is taken by a connection of its own, a `Filler`.

Several processes may do so with one socket, each by itself: whoever is told first may have its
filler accepted by another, who passes it over; then it makes another one.
"""

import socket
import sys
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime
from twisted.logger import Logger

from twistecho.base.log_lines import RateLimitedLog

from .accepting import BackingOffSocket, back_off
from .fillers import Filler, Marks, queue_of

LOOK = 0.05
"""Seconds between two looks at whether the queue is full."""

SOON = 0.001
"""The same while it is not."""

_TRIES = 100  # clients that come at the same moment may be quicker, time and again
_LOOKS_PENDING = 100  # after so many a SYN was dropped, and would be sent again later only

_log = Logger()


class Unaccepted:
    """Keeps a TCP port from completing connects, from `begin` to `end`.

    Raises ValueError for a port that is no TCP socket, and where the system is not Linux.
    """

    def __init__(self, port: IListeningPort, clock: IReactorTime) -> None:
        stream = self._port = _tcp(port)
        if not isinstance(stream.socket, BackingOffSocket):
            back_off(port, clock)
        self._listening: BackingOffSocket = stream.socket
        self._marks = self._listening.marks = self._listening.marks or Marks()
        self._clock = clock
        self._backlog = socket.SOMAXCONN
        self._filler: Filler | None = None
        self._looks = 0  # since the filler was made
        self._timer: IDelayedCall | None = None
        self._full: Deferred[None] | None = None
        self._occasionally = RateLimitedLog(_log, clock.seconds)

    def begin(self) -> Deferred[None]:
        """Let no connect complete; fire once none does. It fails with what the system refuses.

        Who has connected before is accepted.
        """
        if self._listening.held:
            return self._full or succeed(None)
        self._listening.hold()
        try:
            # Where it is 0 another process was quicker, and puts it back.
            self._backlog = queue_of(self._listening).backlog or self._backlog
            self._listening.listen(0)
            self._fill_at_once()
        except OSError:
            self.end()
            return fail()
        full = self._full = Deferred()
        self._look()
        return full

    def end(self) -> None:
        """Let connects complete again: also those that have been tried meanwhile, in time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._listening.fileno() >= 0 and self._listening.held:
            if not queue_of(self._listening).backlog:
                self._listening.listen(self._backlog)
            self._drop_filler()
            self._listening.release()
        self._drop_filler()
        self._told()

    def _drop_filler(self) -> None:
        if self._filler is not None:
            self._filler.close()
            self._filler = None

    def _told(self) -> None:
        full, self._full = self._full, None
        if full is not None:
            full.callback(None)

    def _fill_at_once(self) -> None:
        """Accept all who wait, and take the place before anybody else does."""
        for _ in range(_TRIES):
            self._accept_waiting()
            self._drop_filler()
            if queue_of(self._listening).waiting:
                continue  # somebody came, or cannot be accepted now
            self._make_filler()
            if self._filler is None or not self._filler.pending:
                return
        self._drop_filler()

    def _accept_waiting(self) -> None:
        before = 0
        while (waiting := queue_of(self._listening).waiting) not in (0, before):
            before = waiting
            self._port.doRead()

    def _make_filler(self) -> None:
        self._filler = Filler(self._listening, self._marks)
        self._looks = 0

    def _look(self) -> None:
        """See to it that the queue is full, as long as this lasts."""
        self._timer = None
        if self._listening.fileno() < 0:
            self.end()
            return
        if self._is_full():
            self._told()
            self._timer = self._clock.callLater(LOOK, self._look)
            return
        self._looks += 1
        try:
            if self._filler is None or not self._filler.pending or self._looks > _LOOKS_PENDING:
                self._drop_filler()
                self._make_filler()
        except OSError as error:
            self._occasionally.warn("A port's queue cannot be filled", str(error))
        self._timer = self._clock.callLater(SOON, self._look)

    def _is_full(self) -> bool:
        """Tell whether there is no room, or another process has ended this already."""
        queue = queue_of(self._listening)
        return queue.waiting > queue.backlog or queue.backlog > 0


def _tcp(port: Any) -> Any:
    """Give a port that is a TCP socket. Raises ValueError for one that cannot be filled."""
    listening = getattr(port, "socket", None)
    families = (socket.AF_INET, socket.AF_INET6)
    if not isinstance(listening, socket.socket) or listening.family not in families:
        raise ValueError("unaccepted: only a TCP port can leave connects unaccepted")
    if sys.platform != "linux":
        raise ValueError("unaccepted: only Linux drops connects where a queue is full")
    return port
