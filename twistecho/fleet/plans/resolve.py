"""A target's addresses: asked for once, so that every client of a fleet tries the same ones."""

import socket
from typing import NamedTuple

from .target import Target


class Address(NamedTuple):
    """Where to connect to: a socket family and what `socket.connect` takes for it."""

    family: socket.AddressFamily
    where: tuple[str, int] | str


def resolve(target: Target) -> list[Address]:
    """Give the addresses of a host and port or a Unix socket, in the order to be tried.

    This may block on the name service. Raises OSError (`socket.gaierror`) for an unknown host and
    ValueError for a target that has no address of its own.
    """
    if target.path is not None:
        return [Address(socket.AF_UNIX, target.path)]
    if target.host is None:
        raise ValueError(f"{target} is an endpoint description")
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return [Address(family, (str(where[0]), int(where[1]))) for family, _, _, _, where in found]
