"""The responses of the control port: JSON, also for errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from twisted.web.server import Request

from twistecho.base.notation import FieldError, escaped

from .steering import UnconfirmedError


@dataclass(frozen=True)
class Response:
    """A status, an optional JSON document, and additional headers."""

    status: HTTPStatus
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """A request is refused: the status, the reason in one line, the wrong field, more headers."""

    def __init__(
        self,
        status: HTTPStatus,
        problem: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, problem, field)
        self.status = status
        self.problem = problem
        self.field = field
        self.headers = headers or {}


def response_to(error: BaseException) -> Response | None:
    """Return the response to an expected error; None for any other."""
    if isinstance(error, RefusedError):
        return _problem(error.status, error.problem, error.field, error.headers)
    if isinstance(error, FieldError):
        said = str(error) if error.field else error.problem
        return _problem(HTTPStatus.BAD_REQUEST, said, error.field or None)
    if isinstance(error, LookupError) and not isinstance(error, (KeyError, IndexError)):
        return _problem(HTTPStatus.NOT_FOUND, str(error))
    if isinstance(error, UnconfirmedError):
        told = _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return Response(told.status, {**told.document, "workers": list(error.workers)})
    return None


INTERNAL = Response(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    {"error": "internal error; see the log of the service", "field": None},
)
"""The response to an unexpected error."""


_LONGEST_ERROR = 400
"""The most characters of an error: it may quote a value as long as the body."""


def _problem(
    status: HTTPStatus,
    error: str,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    told = escaped(error[:_LONGEST_ERROR]) + ("..." if len(error) > _LONGEST_ERROR else "")
    return Response(status, {"error": told, "field": field}, headers or {})


def write(request: Request, response: Response) -> None:
    """Write a response, and finish the request."""
    request.setResponseCode(response.status)
    request.setHeader("cache-control", "no-store")
    request.setHeader("x-content-type-options", "nosniff")
    for name, value in response.headers.items():
        request.setHeader(name, value)
    if response.document is None:
        request.defaultContentType = None
        if response.status is not HTTPStatus.NO_CONTENT:
            request.setHeader("content-length", "0")
    else:
        text = json.dumps(response.document, ensure_ascii=False) + "\n"
        body = text.encode(errors="backslashreplace")
        request.setHeader("content-type", "application/json")
        request.setHeader("content-length", str(len(body)))
        request.write(body)
    request.finish()
