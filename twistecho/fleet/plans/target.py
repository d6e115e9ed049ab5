"""The service that the clients connect to: a target, and how it is read from a text."""

import ipaddress
import os
import re
from dataclasses import dataclass

_WHERE = r"(?:\[(?P<literal>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d+)"
_HOST_PORT = re.compile(rf"(?:tcp:)?{_WHERE}")
_TLS = re.compile(rf"tls:{_WHERE}(?P<rest>(?::(?:[^:\\]|\\.)*)*)", re.DOTALL)
_OPTION = re.compile(r":((?:[^:\\]|\\.)*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNIX = re.compile(r"unix:(?:path=)?(?P<path>[^:=]+)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<rest>[^/]*).*", re.DOTALL)
_NOT_IN_A_NAME = re.compile(r"[\s\x00-\x1f\x7f/\\@?#]")

_WITH_FILES = ("tls:", "unix:")
"""Targets that may end with a file name, which may end with a blank."""

_LONGEST_PATH = 107
"""The longest path of a Unix socket that the system accepts, in bytes."""


@dataclass(frozen=True)
class Target:
    """A service to connect to: ``host`` and ``port``, or a Unix socket's ``path``, or neither.

    With neither, ``text`` is a Twisted client endpoint description; only the reactor engine takes
    those.

    With ``tls``, the server's certificate must be for ``server_name``, by default the host, and
    from an authority in the file ``ca``, by default one that the system trusts. With ``insecure``
    it is not verified. `parse_target` reads ``text`` back as an equal target, options included.
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
        """Return the target's text, as it was given."""
        return self.text

    @property
    def name(self) -> str:
        """The name that a TLS server's certificate must be for."""
        return self.server_name or (self.host or "").partition("%")[0]


def parse_target(text: str) -> Target:
    """Read ``port``, ``host:port``, ``[ipv6]:port``, ``unix:path``, TLS or an endpoint description.

    A bare port is on 127.0.0.1. TLS is ``tls:host:port``, optionally followed by ``:ca=FILE``,
    ``:server-name=NAME`` and ``:insecure``; a backslash escapes a colon or backslash in them. With
    other options it is an endpoint description. Raises ValueError for other text.
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
        raise ValueError(f"{text!r} is not a port, host:port or an endpoint description")
    return Target(text)


def _check_text(text: str) -> None:
    """Raise ValueError for common mistakes; the message names the right form."""
    if text != (text.lstrip() if text.startswith(_WITH_FILES) else text.strip()):
        raise ValueError(f"{text[:80]!r} begins or ends with a blank")
    if match := _URL.fullmatch(text):
        known = match["rest"][:80]
        known += "" if ":" in known else ":PORT"
        raise ValueError(f"{text[:80]!r} is a URL: write {known}")
    host, _, port = text.rpartition(":")
    if ":" in host and _is_ipv6(host):
        raise ValueError(f"{text[:80]!r}: an IPv6 address needs brackets, [{host}]:{port[:20]}")


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _socket_path(path: str) -> str:
    """Return a Unix socket's path. Raises ValueError for one that the system does not accept."""
    try:
        size = len(os.fsencode(path))
    except UnicodeError:
        raise ValueError(f"{path[:80]!r} is not a path") from None
    if "\0" in path or size > _LONGEST_PATH:
        raise ValueError(f"{path[:80]!r} is not a socket's path, at most {_LONGEST_PATH} bytes")
    return path


def _where(match: re.Match[str]) -> tuple[str, int]:
    """Read a host and a port. Raises ValueError for an invalid one."""
    text = match["port"]
    if not (text.isascii() and len(text) <= 18 and 0 < int(text) <= 65535):
        raise ValueError(f"{text[:40]} is not a port, 1 to 65535")
    return _literal(match["literal"]) if match["literal"] else _name(match["host"]), int(text)


def _literal(text: str) -> str:
    if not _is_ipv6(text):
        raise ValueError(f"{text[:80]!r} is not an IPv6 address")
    return text


def _name(text: str) -> str:
    """Return the name of a host. Raises ValueError for one that cannot be resolved."""
    try:
        text.encode("idna")
    except UnicodeError:
        raise ValueError(f"{text[:80]!r} is not the name of a host") from None
    if _NOT_IN_A_NAME.search(text):
        raise ValueError(f"{text[:80]!r} is not the name of a host")
    return text


def _parse_tls(text: str, match: re.Match[str]) -> Target:
    """Read a TLS target; one with options that only Twisted has is an endpoint description."""
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
    """Return a TLS target with other TLS options; None or False keeps the target's own.

    Raises ValueError, which names the option, where they contradict each other.
    """
    text = target.text
    for name, value in (("ca", ca), ("server-name", server_name)):
        if value is not None:
            escaped = re.sub(r"([\\:])", r"\\\1", value)
            text += f":{name}={escaped}"
    return parse_target(text + ":insecure" * insecure)


def is_unverified(text: str) -> bool:
    """Return whether a text names a target whose certificate is not verified."""
    try:
        return parse_target(text).insecure
    except ValueError:
        return False
