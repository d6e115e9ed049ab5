"""Whom the clients talk to, from which local addresses, and at which of the target's.

A connection is told apart by its addresses and ports, so that each further source address is good
for as many connections to the same service as the system has local ports. A target's addresses are
asked for once, so that every client of a fleet tries the same ones.
"""

import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_WHERE = r"(?:\[(?P<literal>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d+)"
_HOST_PORT = re.compile(rf"(?:tcp:)?{_WHERE}")
_TLS = re.compile(rf"tls:{_WHERE}(?P<rest>(?::(?:[^:\\]|\\.)*)*)", re.DOTALL)
_OPTION = re.compile(r":((?:[^:\\]|\\.)*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNIX = re.compile(r"unix:(?:path=)?(?P<path>[^:=]+)")


MOST_SOURCES = 65_536
"""So many addresses one text may stand for."""

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Target:
    """A service to talk to: ``host`` and ``port``, or a Unix socket's ``path``, or neither.

    Where it is neither, ``text`` is a Twisted client endpoint description, which only the reactor
    engine understands.

    With ``tls``, the server's certificate must be for ``server_name``, by default the host, and
    from an authority in the file ``ca``, by default one that the system trusts; unless
    ``insecure``. `parse_target` reads ``text`` back as an equal target, with these options.
    """

    text: str
    host: str | None = None
    port: int | None = None
    path: str | None = None
    tls: bool = False
    ca: str | None = None
    server_name: str | None = None
    insecure: bool = False

    def __str__(self) -> str:
        """Give the target as it was asked for."""
        return self.text

    @property
    def name(self) -> str:
        """Whom a TLS server's certificate must be for."""
        return self.server_name or self.host or ""


def parse_target(text: str) -> Target:
    """Read ``port``, ``host:port``, ``[ipv6]:port``, ``unix:path``, TLS or an endpoint description.

    A bare port is one of 127.0.0.1. TLS is ``tls:host:port``, which ``:ca=FILE``,
    ``:server-name=NAME`` and ``:insecure`` may follow; a backslash takes the meaning from a colon
    or backslash in them. With other options it is an endpoint description. Raises ValueError for
    what is none of these.
    """
    if text.isdecimal():
        text = f"127.0.0.1:{text}"
    if match := _UNIX.fullmatch(text):
        return Target(text, path=match["path"])
    if match := _HOST_PORT.fullmatch(text):
        return Target(text, *_where(match))
    if match := _TLS.fullmatch(text):
        return _parse_tls(text, match)
    if ":" not in text:
        raise ValueError(f"{text!r} is neither a port, host:port nor an endpoint description")
    return Target(text)


def _where(match: re.Match[str]) -> tuple[str, int]:
    port = int(match["port"])
    if not 0 < port <= 65535:
        raise ValueError(f"{port} is not a port, 1 to 65535")
    return match["literal"] or match["host"], port


def _parse_tls(text: str, match: re.Match[str]) -> Target:
    """Read what follows a host and port: the options here, or some of Twisted's own."""
    options: dict[str, str] = {}
    for option in _OPTION.findall(match["rest"]):
        name, equals, value = option.partition("=")
        if name not in {"ca", "server-name", "insecure"}:
            return Target(text)
        if bool(equals) == (name == "insecure") or bool(value) != bool(equals):
            raise ValueError(f"{name}: {option!r} is not ca=FILE, server-name=NAME or insecure")
        options[name] = _ESCAPED.sub(r"\1", value)
    if "insecure" in options and "ca" in options:
        raise ValueError("ca: it contradicts insecure")
    host, port = _where(match)
    trust = (options.get("ca"), options.get("server-name"), "insecure" in options)
    return Target(text, host, port, None, True, *trust)


def secured(target: Target, *, ca: str | None, server_name: str | None, insecure: bool) -> Target:
    """Give a TLS target that trusts otherwise; what is None or False stays as it is.

    Raises ValueError, naming the option, where they contradict each other.
    """
    text = target.text
    for name, value in (("ca", ca), ("server-name", server_name)):
        if value is not None:
            escaped = re.sub(r"([\\:])", r"\\\1", value)
            text += f":{name}={escaped}"
    return parse_target(text + ":insecure" * insecure)


def is_unverified(text: str) -> bool:
    """Say whether the text of a target is that of one whose certificate is not verified."""
    try:
        return parse_target(text).insecure
    except ValueError:
        return False


def parse_sources(text: str) -> tuple[str, ...]:
    """Read ``127.0.0.2``, ``127.0.0.2-127.0.0.9`` or ``127.0.1.0/24``. Raises ValueError."""
    if "-" in text:
        first, _, last = text.partition("-")
        return _range(ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip()))
    network = ipaddress.ip_network(text, strict=False)
    if network.num_addresses == 1:
        return (str(network.network_address),)
    if network.num_addresses > MOST_SOURCES:
        raise ValueError(f"{text}: more than {MOST_SOURCES:,} addresses")
    return tuple(str(address) for address in network.hosts())


def _range(first: _IP, last: _IP) -> tuple[str, ...]:
    if first.version != last.version:
        raise ValueError(f"{first}-{last}: addresses of two kinds")
    count = int(last) - int(first) + 1
    if not 0 < count <= MOST_SOURCES:
        raise ValueError(f"{first}-{last}: not 1 to {MOST_SOURCES:,} addresses")
    return tuple(str(first + number) for number in range(count))


def source_of(sources: tuple[str, ...], client: int) -> str | None:
    """Give the address that a client connects from: in turn; None leaves it to the system."""
    return sources[client % len(sources)] if sources else None


def families(sources: tuple[str, ...]) -> Iterator[int]:
    """Give the versions of IP that the addresses are of, 4 or 6, each once."""
    yield from sorted({ipaddress.ip_address(source).version for source in sources})


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
