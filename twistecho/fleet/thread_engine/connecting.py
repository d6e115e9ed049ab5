"""Connecting a plain socket within a time limit; a `Gate` ends it early when the run ends."""

import errno
import os
import select
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from twistecho.base.sockets import share_local_ports
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.plans.addresses import Address, reachable_from
from twistecho.fleet.reports.outcome import INTERRUPTED, reason_of_error

_UNDER_WAY = (0, errno.EINPROGRESS)


class Gate:
    """A descriptor that is readable, for ``poll``, once the gate is open."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.opens = False
        """Whether it is open, or is being opened; readable without the lock."""
        self._closed = False
        self.opened_at: float | None = None
        """The time that was passed to `open`."""
        # Reentrant: a signal handler may take it while the same thread holds it.
        self._lock = threading.RLock()

    @property
    def is_open(self) -> bool:
        """Whether it is open; always True for a thread that has seen it readable."""
        with self._lock:
            return self.opens

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._read

    def open(self, at: float | None = None) -> None:
        """Open it for all, permanently; can be called from any thread and signal handler.

        ``at`` is stored as ``opened_at``. After `close` this does nothing.
        """
        with self._lock:
            if self._closed or self.opens:
                return
            self.opened_at = at
            os.write(self._write, b"o")
            self.opens = True

    def close(self) -> None:
        """Close the descriptors: no thread waits here any more."""
        with self._lock:
            self._closed = True
            os.close(self._read)
            os.close(self._write)


class NotConnectedError(Exception):
    """Connecting failed for a ``reason``; ``errno`` is the system's, if there is one."""

    reason: str
    errno: int | None = None


class StoppedError(NotConnectedError):
    """The run was ended before the connection was made."""

    reason = INTERRUPTED


def await_event(connection: socket.socket, event: int, left: float, stop: Gate) -> None:
    """Wait until a socket is ready, for at most ``left`` seconds.

    Raises TimeoutError and StoppedError.
    """
    if left <= 0:
        raise TimeoutError
    poller = select.poll()
    poller.register(connection, event)
    poller.register(stop, select.POLLIN)
    ready = dict(poller.poll(left * 1000))
    if stop.fileno() in ready:
        raise StoppedError
    if not ready:
        raise TimeoutError


def connect(
    addresses: Sequence[Address],
    left: Callable[[], float],
    stop: Gate,
    source: str | None = None,
) -> socket.socket:
    """Connect within the total time left, which ``left()`` returns in seconds.

    ``source`` is the local address to connect from; None: the system chooses it.

    Raises the last address's OSError (TimeoutError where time ran out, EAFNOSUPPORT where no
    address has the source's family), `socket.gaierror` without any address, and StoppedError.
    """
    problem: OSError = socket.gaierror("no address")
    for address in reachable_from(addresses, source):
        try:
            return _connect_to(address, left(), stop, source)
        except OSError as error:
            problem = error
    raise problem


def _connect_to(address: Address, left: float, stop: Gate, source: str | None) -> socket.socket:
    if left <= 0:
        raise TimeoutError
    connection = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if address.family == socket.AF_UNIX:
            # With a full accept queue only a blocking connect can wait, not a poller.
            connection.settimeout(left)
            connection.connect(address.where)
        else:
            connection.setblocking(False)
            if source is not None:
                share_local_ports(connection)
                connection.bind((source, 0))
            _connect_meanwhile(connection, address.where, left, stop)
        connection.setblocking(True)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_meanwhile(connection: socket.socket, where: Any, left: float, stop: Gate) -> None:
    number = connection.connect_ex(where)
    if number in _UNDER_WAY:
        await_event(connection, select.POLLOUT, left, stop)
        number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


def connected_by(
    make: Callable[[], socket.socket], conversation: Conversation, now: Callable[[], float]
) -> socket.socket | None:
    """Return the connection that ``make`` makes, or note in the conversation why it failed."""
    try:
        return make()
    except NotConnectedError as error:
        conversation.failed(error.reason, now(), errno=error.errno)
    except TimeoutError as error:
        conversation.failed("timeout", now(), errno=error.errno)
    except socket.gaierror:
        conversation.failed("no-address", now())
    except OSError as error:
        conversation.lost(error.errno, now())
    except Exception as error:  # noqa: BLE001 - it would end the thread without an outcome
        conversation.failed(reason_of_error(error), now())
    return None
