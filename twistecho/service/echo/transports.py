"""What has been written to a connection and not been taken by its peer."""

import array
import fcntl
import socket
import termios

from twisted.internet.interfaces import ISystemHandle


def unsent(transport: object) -> int:
    """Count the bytes in a transport's write buffer; 0 where it does not tell."""
    # Twisted has no public way to ask. Its two buffers are dataBuffer, from offset on, and a list.
    buffer = getattr(transport, "dataBuffer", b"")
    offset = getattr(transport, "offset", 0)
    return len(buffer) - int(offset) + int(getattr(transport, "_tempDataLen", 0))


def outgoing(transport: object) -> int:
    """Count the bytes in a transport's write buffer and in the system's, not acknowledged yet.

    The system's are asked for with SIOCOUTQ (tcp(7), unix(7)); they count as 0 where it can't tell.
    """
    return unsent(transport) + _unacknowledged(transport)


def _unacknowledged(transport: object) -> int:
    if not ISystemHandle.providedBy(transport):
        return 0
    handle = transport.getHandle()
    if not isinstance(handle, socket.socket):
        return 0
    count = array.array("i", [0])
    try:
        fcntl.ioctl(handle, termios.TIOCOUTQ, count)
    except OSError:
        return 0
    return count[0]
