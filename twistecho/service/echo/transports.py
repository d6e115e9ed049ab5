"""Additions to Twisted's transports: counts of unsent and unread bytes, a reset after a flush."""

import array
import fcntl
import os
import socket
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.interfaces import INegotiated, IPullProducer, ISystemHandle, ITCPTransport
from zope.interface import implementer

from twistecho.base.log_lines import RateLimitedLog, where
from twistecho.base.sockets import unsent

READ_SIZE = 65536
"""The most bytes of one read: the size that Twisted's transports use."""

SMALL_BUFFER = 32768
"""The least receive buffer to set, in bytes: with less, TCP updates its window too rarely."""


class EchoTransport(Protocol):
    """The members of a transport that the protocol needs; all stream transports have them."""

    bufferSize: int

    def write(self, data: bytes, /) -> None: ...  # noqa: D102 - see ITransport
    def loseConnection(self) -> None: ...  # noqa: D102 - see ITransport
    def abortConnection(self) -> None: ...  # noqa: D102 - see ITCPTransport
    def registerProducer(self, producer: object, streaming: bool, /) -> None: ...  # noqa: D102 - see IConsumer
    def unregisterProducer(self) -> None: ...  # noqa: D102 - see IConsumer
    def pauseProducing(self) -> None: ...  # noqa: D102 - see IPushProducer
    def resumeProducing(self) -> None: ...  # noqa: D102 - see IPushProducer


def close_passed(descriptor: int, occasionally: RateLimitedLog, peer: object) -> None:
    """Close a descriptor passed over a Unix socket, and log it at a limited rate."""
    os.close(descriptor)
    occasionally.warn("Descriptors closed", where(peer))


def is_wrapped(transport: object) -> bool:
    """Return whether another transport is below this one, as with TLS."""
    return hasattr(transport, "wrappedProtocol")


def shakes_hands(transport: object) -> bool:
    """Return whether nothing can be sent before a handshake, as with TLS."""
    return is_wrapped(transport) and INegotiated.providedBy(transport)


def amid_record(transport: object) -> bool:
    """Return whether TLS has read only a part of a record."""
    return getattr(transport, "amid_record", False)


def _lowest(transport: Any) -> Any:
    """Return the transport that has the socket: with TLS the one below."""
    while is_wrapped(transport):
        transport = transport.transport
    return transport


def buffer_at_most(transport: Any, size: int) -> None:
    """Set the buffer size at which a transport calls pauseProducing; one read takes as much.

    ``size`` is in bytes, capped at Twisted's default. With TLS it is set on the transport below,
    which does the buffering.
    """
    transport = _lowest(transport)
    size = min(size, READ_SIZE)
    if getattr(transport, "bufferSize", size) != size:
        transport.bufferSize = size


def outgoing(transport: object) -> int:
    """Count the bytes in a transport's write buffer and in the system's send queue.

    The send queue holds the bytes that are not acknowledged yet. Its size comes from SIOCOUTQ
    (tcp(7), unix(7)), and counts as 0 where that fails.
    """
    return unsent(transport) + _unacknowledged(transport)


def _socket_of(transport: object) -> socket.socket | None:
    """Return the socket of a transport; None for TLS, and for a transport in memory."""
    handle = transport.getHandle() if ISystemHandle.providedBy(transport) else None
    return handle if isinstance(handle, socket.socket) else None


def _unacknowledged(transport: object) -> int:
    handle = _socket_of(transport)
    if handle is None:
        return 0
    count = array.array("i", [0])
    try:
        fcntl.ioctl(handle, termios.TIOCOUTQ, count)
    except OSError:
        return 0
    return count[0]


@implementer(IPullProducer)
class _Flushed:
    """A producer that writes nothing, and calls back once its transport has sent all."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._asked = 0

    def resumeProducing(self) -> None:
        """Call back the second time: the first call comes at once, on registration."""
        self._asked += 1
        if self._asked == 2:
            self._call()

    def stopProducing(self) -> None:
        """Do nothing: the connection has ended already."""


def reset_when_flushed(transport: Any) -> None:
    """Replace the transport's producer, wait until the write buffer is empty, then send RST."""
    transport.unregisterProducer()
    flushed = _Flushed(transport.abortConnection)
    transport.registerProducer(flushed, False)
    # With an empty buffer Twisted would not ask again; a transport in memory need not wait.
    start_writing = getattr(transport, "startWriting", flushed.resumeProducing)
    start_writing()


def unread(transport: object, most: int) -> int:
    """Count the received bytes in the system's buffer, up to ``most``; 0 where that is unknown.

    With TLS these are still encrypted, so fewer will be read.
    """
    handle = _socket_of(_lowest(transport))
    if handle is None:
        return 0
    try:
        return len(handle.recv(most, socket.MSG_PEEK))
    except OSError:
        return 0


def send_at_once(transport: object) -> None:
    """Set TCP_NODELAY, so that each piece is sent by itself and at once."""
    if ITCPTransport.providedBy(transport):
        with suppress(OSError):  # Twisted's Unix transports also provide ITCPTransport
            transport.setTcpNoDelay(True)


def read_little(transport: object, size: int) -> None:
    """Limit one read, and roughly the receive buffer of the system, to ``size`` bytes.

    Otherwise the system would receive megabytes at once, faster than the limited bandwidth.
    """
    buffer_at_most(transport, size)
    connection = _socket_of(_lowest(transport))
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, max(size, SMALL_BUFFER))
