"""The kernel's stamps of what arrives, which begin a little after they were asked for."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from twistecho.base.sockets import receive_stamped, stamp_arrivals, stamping


@contextmanager
def stamped() -> Iterator[None]:
    """Have all that comes stamped, from the first byte on."""
    ours, theirs = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with stamping(), ours, theirs:
        ours.bind(("127.0.0.1", 0))
        stamp_arrivals(ours)
        known = None
        while known is None:
            theirs.sendto(b"x", ours.getsockname())
            _, known = receive_stamped(ours.recvmsg, 9)
        yield
