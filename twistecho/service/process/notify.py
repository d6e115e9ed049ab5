"""Notifies systemd, or the parent process, that the service is ready, alive, and stopping.

    -> READY=1        the reactor runs and every port listens
    -> WATCHDOG=1     twice per $WATCHDOG_USEC, from the reactor: a stuck one sends none
    -> STOPPING=1     no more connections are accepted

Each is one datagram to $NOTIFY_SOCKET, as sd_notify(3) documents; a worker process writes each as a
line to a pipe instead. No library is used: sdnotify (2017) writes to a blocking socket, and the
others need a compiler.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger


class Notifications:
    """Sends notifications to the service manager, if there is one.

    ``pipe`` is the descriptor of a pipe to write to instead of ``NOTIFY_SOCKET``.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, environ: Mapping[str, str], pipe: int | None = None
    ) -> None:
        self._pipe = pipe
        if pipe is not None:
            os.set_blocking(pipe, False)
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._wanted = bool(self._address) or pipe is not None
        self._interval = watchdog_seconds(environ) / 2
        self._pings = LoopingCall(self._tell, "WATCHDOG=1")
        self._pings.clock = clock
        self._failed = False

    def ready(self) -> None:
        """Notify that the service is ready, and from now on periodically that it is alive."""
        self._tell("READY=1")
        if self._wanted and self._interval and not self._pings.running:
            done: Deferred[Any] = self._pings.start(self._interval)
            done.addErrback(
                lambda failure: self._log.failure("Watchdog notifications failed", failure=failure)
            )

    def stopping(self) -> None:
        """Notify that the service stops; it stays alive until the pending replies are sent."""
        self._tell("STOPPING=1")

    def stop(self) -> None:
        """Send no more notifications."""
        if self._pings.running:
            self._pings.stop()

    def _tell(self, state: str) -> None:
        if not self._wanted:
            return
        try:
            self._send(state.encode())
        except OSError as error:
            if not self._failed:
                self._log.warn("Cannot notify {state}: {error}", state=state, error=str(error))
            self._failed = True

    def _send(self, state: bytes) -> None:
        if self._pipe is not None:
            os.write(self._pipe, state + b"\n")
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifying:
            notifying.setblocking(False)
            notifying.sendto(state, self._address)


def _address(text: str) -> str:
    """Return the address of a socket: a path, or an abstract name after ``@``; else ``""``."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else ""


def watchdog_seconds(environ: Mapping[str, str]) -> float:
    """Return the watchdog interval for this process in seconds, or 0 without a watchdog."""
    usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (usec.isascii() and usec.isdecimal() and len(usec) <= 18) or (
        pid and pid != str(os.getpid())
    ):
        return 0.0
    return int(usec) / 1e6
