"""Accepting when there is nothing left to accept with: back off, and come back.

For ENFILE, ENOBUFS and ENOMEM Twisted just returns to an event loop that at once finds the port
readable again: a whole core spent on asking, and a log line each time. EMFILE, the process's own
limit, it answers by closing all who wait, a log line each. Here the port is left alone for a moment
instead, and those who wait to be accepted wait on.
"""

import errno
import socket
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime
from twisted.logger import Logger

from twistecho.base.sockets import Listener, take_place

STARVED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What accept fails with when the process or the system has reached a limit."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds for which the port is left alone: doubled each time, up to the longest."""

_log = Logger()


class BackingOffSocket(Listener):
    """A listening socket whose `accept` lets its port rest when the system is starved.

    It takes the place of ``port.socket``; to the port a failed accept looks as if nobody waited.
    """

    def __init__(self, port: Any, clock: IReactorTime) -> None:
        super().__init__(port.socket)
        self._port = port
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._resting: IDelayedCall | None = None

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one connection. Raises BlockingIOError where none waits or none can be had."""
        try:
            accepted = super().accept()
        except OSError as error:
            if error.errno not in STARVED:
                raise
            self._rest(error)
            raise BlockingIOError(errno.EAGAIN, "left alone for a moment") from error
        self._pause = FIRST_PAUSE
        return accepted

    def _rest(self, error: OSError) -> None:
        if self._resting is not None:
            return
        if self._pause == FIRST_PAUSE:
            _log.warn("Accepting rests for a moment: {problem}", problem=error.strerror)
        self.rest(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def rest(self, seconds: float) -> None:
        """Leave the port alone for so long, unless it rests already."""
        if self._resting is None:
            self._port.stopReading()
            self._resting = self._clock.callLater(seconds, self._return)

    def _return(self) -> None:
        self._resting = None
        self._port.startReading()

    def close(self) -> None:
        """Close, and rest no more."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        super().close()


def back_off(port: IListeningPort, clock: IReactorTime) -> None:
    """Have a port back off when accept fails for want of the system's means."""
    if isinstance(getattr(port, "socket", None), socket.socket):
        stream: Any = port
        take_place(stream, BackingOffSocket(stream, clock))
