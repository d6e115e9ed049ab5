"""A port that is kept for a service while that does not run."""

import os
import socket
import weakref
from collections.abc import Callable
from contextlib import suppress


def reserve(owner: object, host: str, port: int) -> Callable[[], object]:
    """Keep a port for a service that will listen there again: nobody else is given it.

    Give what ends that; the owner's end does so too.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as kept, suppress(OSError):
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind((host, port))
        return weakref.finalize(owner, os.close, kept.detach())
    return lambda: None
