"""Sockets and transports: addresses, local ports, times of arrival, accepting, unsent bytes."""

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

# Linux's, in all versions that Python runs on; the socket module has it since Python 3.12.
_BIND_ADDRESS_NO_PORT = 24

# Linux's SO_TIMESTAMPNS, see socket(7): of TCP too, though that page does not say so.
_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_SIZE = 64

# Of Linux's struct tcp_info, see linux/tcp.h: tcpi_rtt in microseconds, and tcpi_total_retrans.
_TCP_INFO = struct.Struct("=68xI28xI")


def ip_of(address: object) -> Address | None:
    """Return the IP address of a peer or a port; None if it has none, like Unix sockets.

    An IPv4 address is returned as IPv4 even if a dual-stack socket shows it as IPv6
    (``::ffff:192.0.2.1``).
    """
    try:
        return plain(ip_address(str(getattr(address, "host", None)).partition("%")[0]))
    except ValueError:
        return None


def family_of(descriptor: int) -> socket.AddressFamily:
    """Return the family of a socket that another object, or process, goes on using."""
    with socket.socket(fileno=os.dup(descriptor)) as passed:
        return passed.family


def check_listening(descriptor: int) -> None:
    """Raise OSError unless a descriptor is a listening stream socket: accept would fail."""
    with socket.socket(fileno=os.dup(descriptor)) as passed:
        if passed.type != socket.SOCK_STREAM:
            raise OSError(f"the socket that was passed is {passed.type.name}, not SOCK_STREAM")
        if not passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError("the socket that was passed does not listen")


def share_local_ports(connection: socket.socket) -> None:
    """Let ``connect`` choose the local port, instead of ``bind`` to an address (see ip(7)).

    Then connections to different addresses can share a local port. On systems other than Linux,
    which lack this, nothing is done.
    """
    if sys.platform == "linux":
        connection.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)


@contextmanager
def stamping() -> Iterator[None]:
    """Keep the kernel's timestamps of arriving packets switched on within the context.

    The kernel switches them on a little after the first socket asks for them; packets that arrive
    before have no timestamp.
    """
    try:
        keeping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except OSError:  # no more files can be opened: connecting reports that
        yield
        return
    with keeping:
        if tells_arrivals(keeping):
            stamp_arrivals(keeping)
        yield


def tells_arrivals(connection: socket.socket) -> bool:
    """Return whether the kernel can stamp this socket's arriving bytes; see `stamp_arrivals`."""
    inet = connection.family in (socket.AF_INET, socket.AF_INET6)
    return sys.platform == "linux" and inet


def stamp_arrivals(connection: socket.socket, *, on: bool = True) -> None:
    """Have the kernel stamp arriving bytes, for `receive_stamped`; that costs a little."""
    connection.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, on)


def receive_stamped(
    recvmsg: Callable[[int, int, int], Any], size: int, flags: int = 0
) -> tuple[bytes, float | None]:
    """Receive bytes with a socket's ``recvmsg``; return them and the age of the last, in seconds.

    The age counts from their arrival in the kernel; it is None without a timestamp. It is the
    difference of two readings of the wall clock, so a step of that clock makes it wrong. Raises
    OSError.
    """
    data, ancillary, *_ = recvmsg(size, _ANCILLARY_SIZE, flags)
    now = time.time_ns()
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            return data, (now - seconds * 10**9 - nanoseconds) / 1e9
    return data, None


def handshake_time(connection: socket.socket) -> float | None:
    """Return how many seconds TCP waited for the answer when it connected just now.

    That is the round-trip time: infinite if the first packet was sent again, None if the system
    does not report it.
    """
    if not tells_arrivals(connection):
        return None
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    if len(told) < _TCP_INFO.size:
        return None
    microseconds, sent_again = _TCP_INFO.unpack(told)
    return inf if sent_again else microseconds / 1e6


class Listener(socket.socket):
    """A listening socket that takes over the descriptor of another."""

    def __init__(self, listening: socket.socket) -> None:
        kind = int(listening.family), int(listening.type), listening.proto
        super().__init__(*kind, listening.detach())
        self._kind = kind

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one connection. Raises OSError as `socket.socket.accept` does."""
        # To be faster, this neither converts numbers to enumerations nor sets the blocking mode.
        fd, address = self._accept()  # type: ignore[attr-defined]  # of _socket
        return socket.socket(*self._kind, fd), address


def take_place(port: Any, listener: Listener) -> None:
    """Have a port whose socket was detached listen with this one, on the same descriptor."""
    port.socket = listener
    port.fileno = listener.fileno


def unsent(transport: object) -> int:
    """Count the bytes written to a transport and not sent yet; 0 if it does not report that."""
    # Twisted has no public way to ask. Its two buffers are dataBuffer, from offset on, and a list.
    buffered = len(getattr(transport, "dataBuffer", b"")) - int(getattr(transport, "offset", 0))
    # Under an eager reactor, a callback's bytes are in ``chunk`` until the socket was tried.
    untried = getattr(transport, "chunk", None) or b""
    return buffered + int(getattr(transport, "_tempDataLen", 0)) + len(untried)
