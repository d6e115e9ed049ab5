"""What sockets and transports leave open: whose an address is, ports, accepting, what is unsent."""

import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from math import inf
from typing import Any

from .networks import Address, plain

# Linux's, in all versions that Python runs on; the socket module knows it since Python 3.12.
_BIND_ADDRESS_NO_PORT = 24

# Linux's SO_TIMESTAMPNS, see socket(7): of TCP too, though that page does not say so.
_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_SIZE = 64

# Of Linux's struct tcp_info, see linux/tcp.h: tcpi_rtt in microseconds, and tcpi_total_retrans.
_TCP_INFO = struct.Struct("=68xI28xI")


def ip_of(address: object) -> Address | None:
    """Give the IP address of a peer or a port; None where it has none, as Unix sockets have not.

    An IPv4 address is one also where a dual-stack socket shows it as an IPv6 one
    (``::ffff:192.0.2.1``).
    """
    try:
        return plain(ip_address(str(getattr(address, "host", None)).partition("%")[0]))
    except ValueError:
        return None


def family_of(descriptor: int) -> socket.AddressFamily:
    """Tell the family of a socket that another object, or process, goes on to use."""
    with socket.socket(fileno=os.dup(descriptor)) as passed:
        return passed.family


def check_listening(descriptor: int) -> None:
    """Raise OSError where a descriptor is no stream socket that listens: accept would only fail."""
    with socket.socket(fileno=os.dup(descriptor)) as passed:
        if passed.type != socket.SOCK_STREAM:
            raise OSError(f"the socket that was passed is {passed.type.name}, not SOCK_STREAM")
        if not passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError("the socket that was passed does not listen")


def share_local_ports(connection: socket.socket) -> None:
    """Have the port be chosen by ``connect``, not by ``bind`` to an address (see ip(7)).

    Then connections to different places can have the same local port. Other systems than Linux
    lack this, and do without.
    """
    if sys.platform == "linux":
        connection.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)


@contextmanager
def stamping() -> Iterator[None]:
    """Have the kernel stamp what arrives, within the context.

    It begins with the first socket that wants it, and a little later: of what comes before that
    nobody knows when it came.
    """
    try:
        keeping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except OSError:  # no more files can be opened: who connects will say so
        yield
        return
    with keeping:
        if tells_arrivals(keeping):
            stamp_arrivals(keeping)
        yield


def tells_arrivals(connection: socket.socket) -> bool:
    """Say whether the kernel can tell of this socket when bytes arrive; see `stamp_arrivals`."""
    inet = connection.family in (socket.AF_INET, socket.AF_INET6)
    return sys.platform == "linux" and inet


def stamp_arrivals(connection: socket.socket, *, on: bool = True) -> None:
    """Have the kernel tell when bytes arrive, for `receive_stamped`; that costs a little."""
    connection.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, on)


def receive_stamped(
    recvmsg: Callable[[int, int, int], Any], size: int, flags: int = 0
) -> tuple[bytes, float | None]:
    """Receive bytes with a socket's ``recvmsg``; say how many seconds ago the kernel had the last.

    Where it does not tell, that is None.
    That is the difference of two readings of the wall clock: it is wrong where that has stepped.
    Raises OSError.
    """
    data, ancillary, *_ = recvmsg(size, _ANCILLARY_SIZE, flags)
    now = time.time_ns()
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            return data, (now - seconds * 10**9 - nanoseconds) / 1e9
    return data, None


def handshake_time(connection: socket.socket) -> float | None:
    """Say how many seconds TCP waited for the answer when it connected just now, where it tells.

    That is the round trip's time, infinite where it had to send its first packet again.
    """
    if not tells_arrivals(connection):
        return None
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    if len(told) < _TCP_INFO.size:
        return None
    microseconds, sent_again = _TCP_INFO.unpack(told)
    return inf if sent_again else microseconds / 1e6


class Listener(socket.socket):
    """A listening socket that takes the place of another."""

    def __init__(self, listening: socket.socket) -> None:
        kind = int(listening.family), int(listening.type), listening.proto
        super().__init__(*kind, listening.detach())
        self._kind = kind

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one connection. Raises OSError as `socket.socket.accept` does."""
        # Of that this leaves out the conversion of numbers to enumerations, and the blocking mode.
        fd, address = self._accept()  # type: ignore[attr-defined]  # of _socket
        return socket.socket(*self._kind, fd), address


def take_place(port: Any, listener: Listener) -> None:
    """Have a port, whose socket has been given away, listen with this one: the same descriptor."""
    port.socket = listener
    port.fileno = listener.fileno


def unsent(transport: object) -> int:
    """Count the bytes that were written to a transport and not sent; 0 where it does not tell."""
    # Twisted has no public way to ask. Its two buffers are dataBuffer, from offset on, and a list.
    buffered = len(getattr(transport, "dataBuffer", b"")) - int(getattr(transport, "offset", 0))
    # What a callback has written lies elsewhere until an eager reactor has asked the socket.
    untried = getattr(transport, "chunk", None) or b""
    return buffered + int(getattr(transport, "_tempDataLen", 0)) + len(untried)
