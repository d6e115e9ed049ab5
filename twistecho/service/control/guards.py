"""Access checks of the control port: no web page of another host, and the token, if there is one.

A web page from anywhere can have the browser send requests to this machine. If its own name
resolves to 127.0.0.1 (DNS rebinding), it can even read the responses. But then ``Host`` is the name
of the page's host; otherwise ``Origin`` is. Only browsers send ``Origin`` and ``Sec-Fetch-Site``.
"""

from collections.abc import Collection
from http import HTTPStatus

from twisted.web.server import Request

from twistecho.base.sockets import ip_of

from .authority import Host, host_of, host_of_origin
from .bearer import carries
from .responses import RefusedError


class Guards:
    """Refuses requests of foreign web pages, and requests without the token, if there is one.

    ``hosts`` are names of this service, read by `parse_host`. Always allowed are ``localhost``,
    loopback addresses and the address to which a request was sent.
    """

    def __init__(self, hosts: Collection[Host] = (), token: str | None = None) -> None:
        self._hosts: set[Host | None] = {"localhost", *hosts}
        self._token = token

    def check(self, request: Request) -> None:
        """Raise RefusedError where a request is not allowed."""
        hosts = _values(request, "host")
        if len(hosts) > 1 or (not hosts and request.clientproto != b"HTTP/1.0"):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Host: exactly one is required")
        for host in map(host_of, hosts):
            if not self._is_ours(host, request):
                problem = "Host: not a name of this service; --control-host NAME allows another"
                raise RefusedError(HTTPStatus.FORBIDDEN, problem)
        self._check_page(request)
        self._check_token(request)

    def _check_page(self, request: Request) -> None:
        """Refuse a request that another host's page has sent."""
        for host in map(host_of_origin, _values(request, "origin")):
            if not self._is_ours(host, request):
                problem = "Origin: requests from pages of another host are refused"
                raise RefusedError(HTTPStatus.FORBIDDEN, problem)
        if any(site.lower() == "cross-site" for site in _values(request, "sec-fetch-site")):
            problem = "Sec-Fetch-Site: requests from pages of another site are refused"
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
            "Authorization: the token of --control-token-file is required, as Bearer TOKEN",
            headers={"www-authenticate": 'Bearer realm="twistecho"'},
        )


def _values(request: Request, name: str) -> list[str]:
    """Return the values of a header, decoded as Latin-1."""
    raw = request.requestHeaders.getRawHeaders(name.encode()) or []
    return [value.decode("latin-1") for value in raw]
