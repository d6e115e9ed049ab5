"""Connecting a plain socket: to the first of a target's addresses that takes it.

The wait is the poller's, so that it ends at once when the run does.
"""

import errno
import os
import select
import socket
from collections.abc import Callable, Sequence

from twistecho.base.sockets import share_local_ports
from twistecho.fleet.plans.target import Address

from .gate import Gate

_UNDER_WAY = (0, errno.EINPROGRESS)


class StoppedError(Exception):
    """The run was ended before the connection stood."""


def connect(
    addresses: Sequence[Address],
    left: Callable[[], float],
    stop: Gate,
    source: str | None = None,
) -> socket.socket:
    """Connect, within the time that ``left()`` says is left in all, in seconds.

    ``source`` is the local address to connect from, where it is not the system's choice.

    Raises the last address's OSError (TimeoutError where time was short), `socket.gaierror` where
    there is no address, and StoppedError.
    """
    problem: OSError = socket.gaierror("no address")
    for address in addresses:
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
            # What is not accepted at once can't be waited for here, but by a call that blocks.
            connection.settimeout(left)
            connection.connect(address.where)
        else:
            connection.setblocking(False)
            if source is not None:
                share_local_ports(connection)
                connection.bind((source, 0))
            _begin(connection, address.where)
            _wait(connection, left, stop)
        connection.setblocking(True)
    except BaseException:
        connection.close()
        raise
    return connection


def _begin(connection: socket.socket, where: object) -> None:
    number = connection.connect_ex(where)  # type: ignore[arg-type]  # an Address fits its family
    if number not in _UNDER_WAY:
        raise OSError(number, os.strerror(number))


def _wait(connection: socket.socket, left: float, stop: Gate) -> None:
    poller = select.poll()
    poller.register(connection, select.POLLOUT)
    poller.register(stop, select.POLLIN)
    ready = dict(poller.poll(left * 1000))
    if stop.fileno() in ready:
        raise StoppedError
    if not ready:
        raise TimeoutError
    number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))
