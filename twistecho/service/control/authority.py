"""The host in a URL, and in ``Host`` and ``Origin``: a name, or an address, and perhaps a port."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

Host: TypeAlias = str | IPv4Address | IPv6Address
"""A host as it is compared: a name in lower case, or an address."""

_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@\s]+)(:[0-9]{0,5})?")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<authority>[^/]+)")


def host_of(authority: str) -> Host | None:
    """Give the host, whatever port follows; None where there is none."""
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
    """Give the host that an ``Origin`` names; None where it names none."""
    found = _ORIGIN.fullmatch(origin)
    return None if found is None else host_of(found["authority"])


def parse_host(text: str) -> Host:
    """Read a name, or an address, by which a service may be called; brackets may be left out.

    Raises ValueError, also where a port follows: any is allowed.
    """
    authority = f"[{text}]" if ":" in text and not text.startswith("[") else text
    found = _AUTHORITY.fullmatch(authority)
    host = host_of(authority)
    if found is None or host is None or found["host"] != authority or not text.isascii():
        raise ValueError(f"{text[:80]!r} is not a host's name, without a port")
    return host
