"""What Twisted's transports do not say or do: bytes not taken yet, and a reset once all is sent."""

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
"""What one read brings at most, in bytes: Twisted's transports read so much at once."""

SMALL_BUFFER = 32768
"""What the system buffers at least, in bytes: with less its window opens seldom, and peers wait."""


class EchoTransport(Protocol):
    """What the protocol needs of its transport: Twisted's own stream transports all have it."""

    bufferSize: int

    def write(self, data: bytes, /) -> None: ...  # noqa: D102 - see ITransport
    def loseConnection(self) -> None: ...  # noqa: D102 - see ITransport
    def abortConnection(self) -> None: ...  # noqa: D102 - see ITCPTransport
    def registerProducer(self, producer: object, streaming: bool, /) -> None: ...  # noqa: D102 - see IConsumer
    def unregisterProducer(self) -> None: ...  # noqa: D102 - see IConsumer
    def pauseProducing(self) -> None: ...  # noqa: D102 - see IPushProducer
    def resumeProducing(self) -> None: ...  # noqa: D102 - see IPushProducer


def close_passed(descriptor: int, occasionally: RateLimitedLog, peer: object) -> None:
    """Close a descriptor that a peer of a Unix socket passes along, and say so now and then."""
    os.close(descriptor)
    occasionally.warn("Descriptors closed", where(peer))


def is_wrapped(transport: object) -> bool:
    """Tell whether bytes are changed on their way to the transport below, as by TLS."""
    return hasattr(transport, "wrappedProtocol")


def shakes_hands(transport: object) -> bool:
    """Tell whether nothing can be sent before a handshake, as over TLS."""
    return is_wrapped(transport) and INegotiated.providedBy(transport)


def amid_record(transport: object) -> bool:
    """Tell whether TLS has read a part of something, whose rest is on its way."""
    return getattr(transport, "amid_record", False)


def _lowest(transport: Any) -> Any:
    """Give the transport that has the socket: of TLS the one below."""
    while is_wrapped(transport):
        transport = transport.transport
    return transport


def buffer_at_most(transport: Any, size: int) -> None:
    """Set what a transport buffers before it calls pauseProducing, and what one read takes.

    In bytes, at most what Twisted's have by themselves. Of TLS it is that of the transport below,
    which is the one that buffers.
    """
    transport = _lowest(transport)
    size = min(size, READ_SIZE)
    if getattr(transport, "bufferSize", size) != size:
        transport.bufferSize = size


def outgoing(transport: object) -> int:
    """Count the bytes in a transport's write buffer and in the system's, not acknowledged yet.

    The system's are asked for with SIOCOUTQ (tcp(7), unix(7)); they count as 0 where it can't tell.
    """
    return unsent(transport) + _unacknowledged(transport)


def _socket_of(transport: object) -> socket.socket | None:
    """Give the socket of a transport; None of TLS, and of one in memory."""
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
    """A producer that has nothing to say, and calls back once its transport has sent all."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._asked = 0

    def resumeProducing(self) -> None:
        """Call back when asked again: the first time is at once, on being registered."""
        self._asked += 1
        if self._asked == 2:
            self._call()

    def stopProducing(self) -> None:
        """Do nothing: the connection has gone by itself."""


def reset_when_flushed(transport: Any) -> None:
    """Take the place of the transport's producer, let its buffer empty, then have RST sent."""
    transport.unregisterProducer()
    flushed = _Flushed(transport.abortConnection)
    transport.registerProducer(flushed, False)
    # Where nothing is buffered nobody would ask; a transport in memory has nothing to wait for.
    start_writing = getattr(transport, "startWriting", flushed.resumeProducing)
    start_writing()


def unread(transport: object, most: int) -> int:
    """Count the bytes, up to so many, that the system holds for us; 0 where it does not tell.

    Of TLS these are not decrypted yet, and so they are more than there will be to read.
    """
    handle = _socket_of(_lowest(transport))
    if handle is None:
        return 0
    try:
        return len(handle.recv(most, socket.MSG_PEEK))
    except OSError:
        return 0


def send_at_once(transport: object) -> None:
    """Have each piece leave by itself and at once, where TCP would wait to join them."""
    if ITCPTransport.providedBy(transport):
        with suppress(OSError):  # Twisted's Unix transports claim to be TCP
            transport.setTcpNoDelay(True)


def read_little(transport: object, size: int) -> None:
    """Have a transport read, and the system keep, no more than so many bytes, or little more.

    Else the system would take megabytes at once from a peer that is to feel its bandwidth.
    """
    buffer_at_most(transport, size)
    connection = _socket_of(_lowest(transport))
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, max(size, SMALL_BUFFER))
