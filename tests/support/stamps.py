"""The kernel's stamps of what arrives, which begin a little after they were asked for."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from twistecho.base.sockets import receive_stamped, stamp_arrivals, stamping


@contextmanager
def stamped() -> Iterator[None]:
    """Have all that comes over TCP stamped, from the first byte on.

    A datagram would not do: one without a stamp gets the time at which it is read.
    """
    with stamping(), socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
        with ours, theirs:
            stamp_arrivals(ours)
            known = None
            while known is None:
                theirs.sendall(b"x")
                _, known = receive_stamped(ours.recvmsg, 9)
        yield
