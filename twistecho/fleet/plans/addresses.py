"""At which addresses the clients find their target.

A target's addresses are asked for once, so that every client of a fleet tries the same ones.
"""

import errno
import ipaddress
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from .target import Target


class Address(NamedTuple):
    """Where to connect to: a socket family and what `socket.connect` takes for it."""

    family: socket.AddressFamily
    where: tuple[str, int] | tuple[str, int, int, int] | str


def resolve(target: Target) -> list[Address]:
    """Give the addresses of a host and port or a Unix socket, in the order to be tried.

    This may block on the name service. Raises OSError (`socket.gaierror`) for an unknown host, also
    for a name that cannot be asked for, and ValueError for a target that has no address of its own.
    """
    if target.path is not None:
        return [Address(socket.AF_UNIX, target.path)]
    if target.host is None:
        raise ValueError(f"{target} is an endpoint description")
    host, _, scope = target.host.partition("%")
    interface = _interface(scope)
    try:
        found = socket.getaddrinfo(host, target.port, type=socket.SOCK_STREAM)
    except ValueError:  # of the IDNA codec, or for a NUL
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not the name of a host") from None
    return [_address(family, where, interface) for family, _, _, _, where in found]


def address_as_named(target: Target) -> Address:
    """Give the address of a host and port or a Unix socket without asking for a name."""
    if target.path is not None:
        return Address(socket.AF_UNIX, target.path)
    family = socket.AF_UNSPEC
    with suppress(ValueError):
        family = _family_of(str(ipaddress.ip_address(target.host or "")))
    return Address(family, (target.host or "", target.port or 0))


def _interface(scope: str) -> int:
    """Give the number of the interface that a scope names, 0 for none. Raises OSError.

    The system's resolver knows names of interfaces only with addresses that are local to a link.
    """
    if not scope:
        return 0
    if scope.isascii() and scope.isdecimal() and len(scope) < 10:
        return int(scope)
    return socket.if_nametoindex(scope)


def _address(family: socket.AddressFamily, where: Sequence[Any], interface: int) -> Address:
    host, port, *more = where
    scope = interface or (int(more[1]) if more else 0)
    if scope:
        return Address(family, (str(host), int(port), 0, scope))
    return Address(family, (str(host), int(port)))


def reachable_from(addresses: Sequence[Address], source: str | None) -> list[Address]:
    """Give the addresses that can be connected to from a local address, None being the system's.

    Raises OSError (EAFNOSUPPORT) where there are addresses, and all are of the other family.
    """
    if source is None or not addresses:
        return list(addresses)
    family = _family_of(source)
    known = (family, socket.AF_UNIX, socket.AF_UNSPEC)
    left = [address for address in addresses if address.family in known]
    if not left:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    return left


def _family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def source_of_other_family(sources: Sequence[str], target: Target) -> str | None:
    """Give the first source from which a target cannot be reached, as far as its text says."""
    try:
        host = str(ipaddress.ip_address(target.host or ""))
    except ValueError:
        return None  # a name, which may have addresses of both families
    return next((each for each in sources if _family_of(each) != _family_of(host)), None)
