"""A TCP port whose connection attempts never complete: its accept queue is kept full.

A connection attempt needs a place in the accept queue. If there is none, Linux drops the SYN, and
the client sends it again after a second, then at growing intervals, until it gives up or there is
room (see listen(2); with net.ipv4.tcp_abort_on_overflow set it may be reset). So the port accepts
all waiting connections, stops reading, sets a backlog of 0, which is a queue of one, and fills the
one place with a connection of its own, a `Filler`.

Several processes may do so with one socket, each by itself. The filler of the first one may be
accepted by another, which skips it; the first one then makes a new filler.
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
"""Seconds between two checks whether the queue is full."""

SOON = 0.001
"""Seconds between two checks while it is not full."""

_TRIES = 100  # clients that connect at the same moment may be quicker, several times
_LOOKS_PENDING = 100  # after this many checks the filler's SYN was dropped: try a new one

_log = Logger()


class Unaccepted:
    """Keeps a TCP port from completing connection attempts, from `begin` to `end`.

    Raises ValueError for a port that is not a TCP socket, and if the system is not Linux.
    """

    def __init__(self, port: IListeningPort, clock: IReactorTime) -> None:
        stream = self._port = tcp_of(port)
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
        """Let no connection attempt complete; fire once none does. Fails with OSError.

        Clients that have connected before are accepted.
        """
        if self._listening.held:
            return self._full or succeed(None)
        self._listening.hold()
        try:
            # If it is 0, another process was quicker, and will restore it.
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
        """Let connection attempts complete again, also pending ones when their SYN is resent."""
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
        """Accept all waiting connections, and fill the queue before a client does."""
        for _ in range(_TRIES):
            self._accept_waiting()
            self._drop_filler()
            if queue_of(self._listening).waiting:
                continue  # a client has connected, or cannot be accepted now
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
        """Check that the queue is full, and fill it if not; repeat until `end`."""
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
            self._occasionally.warn("Cannot fill the accept queue of a port", str(error))
        self._timer = self._clock.callLater(SOON, self._look)

    def _is_full(self) -> bool:
        """Return whether there is no room, or another process has ended this already."""
        queue = queue_of(self._listening)
        return queue.waiting > queue.backlog or queue.backlog > 0


def tcp_of(port: Any) -> Any:
    """Return a port that is a TCP socket. Raises ValueError if its queue cannot be filled."""
    listening = getattr(port, "socket", None)
    families = (socket.AF_INET, socket.AF_INET6)
    if not isinstance(listening, socket.socket) or listening.family not in families:
        raise ValueError("unaccepted: needs TCP ports")
    if sys.platform != "linux":
        raise ValueError("unaccepted: needs Linux, which drops SYNs when the accept queue is full")
    return port
