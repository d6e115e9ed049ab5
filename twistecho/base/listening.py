"""What to try where a TCP port cannot be had."""

import errno

_UNPRIVILEGED = 1024  # the first port that every user may listen on


def remedy(number: int | None, port: int) -> str:
    """Return what to try after bind or listen failed with an errno, to follow the reason."""
    if number == errno.EADDRINUSE:
        return "; choose another port, or 0 for a free one"
    if number == errno.EADDRNOTAVAIL:
        return "; choose an address of this machine, or 0.0.0.0 for all"
    if number == errno.EACCES and port < _UNPRIVILEGED:
        return f"; choose a port from {_UNPRIVILEGED} on, or grant CAP_NET_BIND_SERVICE"
    return ""
