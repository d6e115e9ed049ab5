"""Keeping a port for a service while the service is stopped."""

import os
import socket
import weakref
from collections.abc import Callable
from contextlib import suppress


def reserve(owner: object, host: str, port: int) -> Callable[[], object]:
    """Keep a port for a service that will listen there again: no other program can take it.

    Return a function that frees the port; it is also freed when the owner is collected.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as kept, suppress(OSError):
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind((host, port))
        return weakref.finalize(owner, os.close, kept.detach())
    return lambda: None
