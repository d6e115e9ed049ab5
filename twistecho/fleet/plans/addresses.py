"""The addresses of the clients' target.

A target's name is resolved once, so that every client of a fleet tries the same addresses.
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
    """Return the addresses of a host and port or a Unix socket, in the order in which to try them.

    This may block on the name service. Raises OSError (`socket.gaierror`) for an unknown host or a
    name that no resolver accepts, and ValueError for an endpoint description.
    """
    if target.path is not None:
        return [Address(socket.AF_UNIX, target.path)]
    if target.host is None:
        raise ValueError(f"{target} is an endpoint description")
    host, _, scope = target.host.partition("%")
    interface = _interface(scope)
    try:
        found = socket.getaddrinfo(host, target.port, type=socket.SOCK_STREAM)
    except ValueError:  # from the IDNA codec, or for a NUL
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not the name of a host") from None
    return [_address(family, where, interface) for family, _, _, _, where in found]


def address_as_named(target: Target) -> Address:
    """Return the address of a host and port or a Unix socket without resolving a name."""
    if target.path is not None:
        return Address(socket.AF_UNIX, target.path)
    family = socket.AF_UNSPEC
    with suppress(ValueError):
        family = _family_of(str(ipaddress.ip_address(target.host or "")))
    return Address(family, (target.host or "", target.port or 0))


def _interface(scope: str) -> int:
    """Return the number of the interface that a scope names, 0 for none. Raises OSError.

    The system's resolver accepts names of interfaces only with link-local addresses.
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
    """Return the addresses that are reachable from a local address; None: the system chooses it.

    Raises OSError (EAFNOSUPPORT) where there are addresses, but all of the other family.
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
    """Return the first source whose address family is not that of a target's literal address."""
    try:
        host = str(ipaddress.ip_address(target.host or ""))
    except ValueError:
        return None  # a host name may have addresses of both families
    return next((each for each in sources if _family_of(each) != _family_of(host)), None)
