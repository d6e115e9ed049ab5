"""Local ports of connections that are made from a chosen address."""

import socket
import sys

# Linux's, in all versions that Python runs on; the socket module knows it since Python 3.12.
_BIND_ADDRESS_NO_PORT = 24


def share_local_ports(connection: socket.socket) -> None:
    """Have the port be chosen by ``connect``, not by ``bind`` to an address (see ip(7)).

    Then connections to different places can have the same local port. Other systems than Linux
    lack this, and do without.
    """
    if sys.platform == "linux":
        connection.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
