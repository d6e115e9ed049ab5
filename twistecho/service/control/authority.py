"""The host in a URL, in ``Host`` and in ``Origin``: a name or an address, and perhaps a port."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

Host: TypeAlias = str | IPv4Address | IPv6Address
"""A host for comparison: a name in lower case, or an address."""

_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@\s]+)(:[0-9]{0,5})?")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<authority>[^/]+)")


def host_of(authority: str) -> Host | None:
    """Return the host without its port; None where there is none."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    host = found["host"].lower().removesuffix(".")
    try:
        ip = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None if host.startswith("[") else host
    return getattr(ip, "ipv4_mapped", None) or ip


def host_of_origin(origin: str) -> Host | None:
    """Return the host in an ``Origin``; None where it has none."""
    found = _ORIGIN.fullmatch(origin)
    return None if found is None else host_of(found["authority"])


def parse_host(text: str) -> Host:
    """Read a host name or address under which clients may reach the service; brackets are optional.

    Raises ValueError, also for a name with a port: every port is allowed anyway.
    """
    authority = f"[{text}]" if ":" in text and not text.startswith("[") else text
    found = _AUTHORITY.fullmatch(authority)
    host = host_of(authority)
    if found is None or host is None or found["host"] != authority or not text.isascii():
        raise ValueError(f"{text[:80]!r} is not a host name without a port")
    return host
