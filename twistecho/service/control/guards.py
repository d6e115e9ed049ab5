"""Who may steer: no web page of another host, and where there is a token only who has it.

A page that a browser loaded from anywhere can send requests to this machine. It may have its own
name resolve to 127.0.0.1 (DNS rebinding), and then even reads the answers; but ``Host`` is the
page's then, or ``Origin`` tells where it came from. Browsers alone send ``Origin``, and
``Sec-Fetch-Site``.
"""

from collections.abc import Collection
from http import HTTPStatus

from twisted.web.server import Request

from twistecho.base.sockets import ip_of

from .authority import Host, host_of, host_of_origin
from .bearer import carries
from .responses import RefusedError


class Guards:
    """Refuses requests of foreign web pages, and those without the token, if there is one.

    ``hosts`` are names of this service, as `parse_host` gives them, besides ``localhost``, loopback
    addresses and the address that a request came to.
    """

    def __init__(self, hosts: Collection[Host] = (), token: str | None = None) -> None:
        self._hosts: set[Host | None] = {"localhost", *hosts}
        self._token = token

    def check(self, request: Request) -> None:
        """Raise RefusedError where a request may not be made."""
        hosts = _values(request, "host")
        if len(hosts) > 1 or (not hosts and request.clientproto != b"HTTP/1.0"):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Host: there has to be one")
        for host in map(host_of, hosts):
            if not self._is_ours(host, request):
                problem = "Host: this is no name of the service; --control-host NAME allows another"
                raise RefusedError(HTTPStatus.FORBIDDEN, problem)
        self._check_page(request)
        self._check_token(request)

    def _check_page(self, request: Request) -> None:
        """Refuse what another host's page has sent."""
        for host in map(host_of_origin, _values(request, "origin")):
            if not self._is_ours(host, request):
                problem = "Origin: requests of another host's pages are refused"
                raise RefusedError(HTTPStatus.FORBIDDEN, problem)
        if any(site.lower() == "cross-site" for site in _values(request, "sec-fetch-site")):
            problem = "Sec-Fetch-Site: requests of another site's pages are refused"
            raise RefusedError(HTTPStatus.FORBIDDEN, problem)

    def _is_ours(self, host: Host | None, request: Request) -> bool:
        if host is None or isinstance(host, str):
            return host in self._hosts
        return host.is_loopback or host in self._hosts or host == ip_of(request.getHost())

    def _check_token(self, request: Request) -> None:
        given = _values(request, "authorization")
        if self._token is None or (len(given) == 1 and carries(given[0], self._token)):
            return
        raise RefusedError(
            HTTPStatus.UNAUTHORIZED,
            "Authorization: this needs the token of --control-token-file, as Bearer TOKEN",
            headers={"www-authenticate": 'Bearer realm="twistecho"'},
        )


def _values(request: Request, name: str) -> list[str]:
    """Give the values of a header; each byte is a character."""
    raw = request.requestHeaders.getRawHeaders(name.encode()) or []
    return [value.decode("latin-1") for value in raw]
