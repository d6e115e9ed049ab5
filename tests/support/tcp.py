"""Linux's information about a TCP connection."""

import socket
import struct

# Of struct tcp_info, see linux/tcp.h: tcpi_state and tcpi_total_retrans.
_TCP_INFO = struct.Struct("=B99xI")

SYN_SENT = 2
"""The state of a connection whose SYN was not answered."""


def tcp_info(client: socket.socket) -> tuple[int, int]:
    """Return a client's TCP state, and its number of retransmissions."""
    told = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    state, again = _TCP_INFO.unpack(told)
    return state, again
