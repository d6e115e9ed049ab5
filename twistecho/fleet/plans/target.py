"""Whom the clients talk to, from which local addresses, and at which of the target's.

A connection is told apart by its addresses and ports, so that each further source address is good
for as many connections to the same service as the system has local ports. A target's addresses are
asked for once, so that every client of a fleet tries the same ones.
"""

import errno
import ipaddress
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

_WHERE = r"(?:\[(?P<literal>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d+)"
_HOST_PORT = re.compile(rf"(?:tcp:)?{_WHERE}")
_TLS = re.compile(rf"tls:{_WHERE}(?P<rest>(?::(?:[^:\\]|\\.)*)*)", re.DOTALL)
_OPTION = re.compile(r":((?:[^:\\]|\\.)*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNIX = re.compile(r"unix:(?:path=)?(?P<path>[^:=]+)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<rest>[^/]*).*", re.DOTALL)
_NOT_IN_A_NAME = re.compile(r"[\s\x00-\x1f\x7f/\\@?#]")

_WITH_FILES = ("tls:", "unix:")
"""Targets that may end with the name of a file, and names of files with a blank."""

_LONGEST_PATH = 107
"""Bytes of a Unix socket's path that the system takes."""


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
        return self.server_name or (self.host or "").partition("%")[0]


def parse_target(text: str) -> Target:
    """Read ``port``, ``host:port``, ``[ipv6]:port``, ``unix:path``, TLS or an endpoint description.

    A bare port is one of 127.0.0.1. TLS is ``tls:host:port``, which ``:ca=FILE``,
    ``:server-name=NAME`` and ``:insecure`` may follow; a backslash takes the meaning from a colon
    or backslash in them. With other options it is an endpoint description. Raises ValueError for
    what is none of these.
    """
    _check_text(text)
    if text.isascii() and text.isdecimal():
        text = f"127.0.0.1:{text}"
    if match := _UNIX.fullmatch(text):
        return Target(text, path=_socket_path(match["path"]))
    if match := _HOST_PORT.fullmatch(text):
        return Target(text, *_where(match))
    if match := _TLS.fullmatch(text):
        return _parse_tls(text, match)
    if ":" not in text:
        raise ValueError(f"{text!r} is neither a port, host:port nor an endpoint description")
    return Target(text)


def _check_text(text: str) -> None:
    """Raise ValueError for what people write by mistake, saying what would be right."""
    if text != (text.lstrip() if text.startswith(_WITH_FILES) else text.strip()):
        raise ValueError(f"{text[:80]!r} begins or ends with a blank")
    if match := _URL.fullmatch(text):
        known = match["rest"][:80]
        known += "" if ":" in known else ":PORT"
        raise ValueError(f"{text[:80]!r} is a URL: give {known}")
    host, _, port = text.rpartition(":")
    if ":" in host and _is_ipv6(host):
        raise ValueError(f"{text[:80]!r}: an IPv6 address stands in brackets, [{host}]:{port[:20]}")


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _socket_path(path: str) -> str:
    """Give a Unix socket's path. Raises ValueError for one that the system would not take."""
    try:
        size = len(os.fsencode(path))
    except UnicodeError:
        raise ValueError(f"{path[:80]!r} is not a path") from None
    if "\0" in path or size > _LONGEST_PATH:
        raise ValueError(f"{path[:80]!r} is not a socket's path, at most {_LONGEST_PATH} bytes")
    return path


def _where(match: re.Match[str]) -> tuple[str, int]:
    """Read a host and a port. Raises ValueError where one of them is none."""
    text = match["port"]
    if not (text.isascii() and len(text) <= 18 and 0 < int(text) <= 65535):
        raise ValueError(f"{text[:40]} is not a port, 1 to 65535")
    return _literal(match["literal"]) if match["literal"] else _name(match["host"]), int(text)


def _literal(text: str) -> str:
    if not _is_ipv6(text):
        raise ValueError(f"{text[:80]!r} is not an IPv6 address")
    return text


def _name(text: str) -> str:
    """Give the name of a host, if the name service can be asked for it. Raises ValueError."""
    try:
        text.encode("idna")
    except UnicodeError:
        raise ValueError(f"{text[:80]!r} is not the name of a host") from None
    if _NOT_IN_A_NAME.search(text):
        raise ValueError(f"{text[:80]!r} is not the name of a host")
    return text


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


def source_of(sources: tuple[str, ...], client: int, connects: int = 0) -> str | None:
    """Give the address that a client connects from: in turn; None leaves it to the system.

    ``connects`` is how many connections it had before this one.
    """
    return sources[(client + connects) % len(sources)] if sources else None


def families(sources: tuple[str, ...]) -> Iterator[int]:
    """Give the versions of IP that the addresses are of, 4 or 6, each once."""
    yield from sorted({ipaddress.ip_address(source).version for source in sources})


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
