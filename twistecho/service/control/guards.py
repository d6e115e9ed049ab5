"""Who may steer: no web page of another host, and where there is a token only who has it.

A page that a browser loaded from anywhere can send requests to this machine. It may have its own
name resolve to 127.0.0.1 (DNS rebinding), and then even reads the answers; but ``Host`` is the
page's then, or ``Origin`` tells where it came from. Browsers alone send ``Origin``, and
``Sec-Fetch-Site``.
"""

import hmac
import re
from collections.abc import Collection
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from twisted.web.server import Request

from twistecho.base.sockets import ip_of

from .responses import RefusedError

_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@\s]+)(:[0-9]{0,5})?")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<authority>[^/]+)")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_LONGEST_TOKEN = 4096


class Guards:
    """Refuses requests of foreign web pages, and those without the token, if there is one.

    ``hosts`` are names of this service besides ``localhost``, loopback addresses and the address
    that a request came to.
    """

    def __init__(self, hosts: Collection[str] = (), token: str | None = None) -> None:
        self._names = {"localhost", *map(parse_host, hosts)}
        self._token = None if token is None else token.encode()

    def check(self, request: Request) -> None:
        """Raise RefusedError where a request may not be made."""
        self._check_host(request)
        for origin in _values(request, "origin"):
            found = _ORIGIN.fullmatch(origin)
            if found is None or not self._is_ours(found["authority"], request):
                raise RefusedError(
                    HTTPStatus.FORBIDDEN, "Origin: requests of another host's pages are refused"
                )
        if any(site.lower() == "cross-site" for site in _values(request, "sec-fetch-site")):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "Sec-Fetch-Site: requests of other sites are refused"
            )
        self._check_token(request)

    def _check_host(self, request: Request) -> None:
        hosts = _values(request, "host")
        if len(hosts) > 1 or (not hosts and request.clientproto != b"HTTP/1.0"):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Host: there has to be one")
        if hosts and not self._is_ours(hosts[0], request):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "Host: not a name of this service; see --control-host"
            )

    def _is_ours(self, authority: str, request: Request) -> bool:
        found = _AUTHORITY.fullmatch(authority)
        if found is None:
            return False
        host = found["host"].lower().removesuffix(".")
        if host in self._names:
            return True
        ip = _ip(host)
        return ip is not None and (ip.is_loopback or ip == ip_of(request.getHost()))

    def _check_token(self, request: Request) -> None:
        if self._token is None:
            return
        given = _values(request, "authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        known = hmac.compare_digest(token.strip(" ").encode(errors="replace"), self._token)
        if scheme.lower() != "bearer" or not known:
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED,
                "Authorization: the token of --control-token-file is needed: Bearer TOKEN",
                headers={"www-authenticate": 'Bearer realm="twistecho"'},
            )


def _values(request: Request, name: str) -> list[str]:
    """Give the values of a header; each byte is a character."""
    raw = request.requestHeaders.getRawHeaders(name.encode()) or []
    return [value.decode("latin-1") for value in raw]


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    """Read an address, which in the place of a host has brackets if it is one of IPv6."""
    try:
        ip = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def parse_host(text: str) -> str:
    """Read a name, or an address, by which a service may be called; give it as it is compared.

    Raises ValueError, also where a port follows: any is allowed.
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None or found["host"] != text or not text.isascii():
        raise ValueError(f"{text[:80]!r} is not a host's name, without a port")
    return text.lower().removesuffix(".")


def read_token(path: str) -> str:
    """Read a token: the first line of a file, without the space around it.

    Raises ValueError where it cannot be read, or is none that ``Authorization`` can carry.
    """
    try:
        with Path(path).open("rb") as file:
            line = file.readline(_LONGEST_TOKEN + 1)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    token = line.decode("latin-1").strip()
    if not token:
        raise ValueError(f"{path}: its first line is empty")
    if len(line) > _LONGEST_TOKEN or _TOKEN.fullmatch(token) is None:
        raise ValueError(f"{path}: its first line is no token: letters, digits and ._~+/-, then =")
    return token
