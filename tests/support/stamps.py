"""The kernel's timestamps of received bytes, which begin a little after they are requested."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from twistecho.base.sockets import receive_stamped, stamp_arrivals, stamping


@contextmanager
def stamped() -> Iterator[None]:
    """Have all bytes that arrive over TCP stamped, from the first on.

    A datagram cannot be used as a check: without a stamp it gets the time at which it is read.
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
