"""Requests to the control port: paths, parameters, and bodies of limited size."""

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request
from zope.interface import implementer

from twistecho.base.decoding import parse_strictly

from .responses import RefusedError

MOST_BYTES = 2**20
"""The largest body that is read."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


@implementer(IPushProducer)
class BoundedRequest(Request):
    """A request whose body stays in memory; one larger than `MOST_BYTES` is dropped.

    Twisted itself would write a large body to a file, and parse a form. Nor would it wait until one
    response has been read before it makes the next; here a request finishes only once the write
    buffer is empty.
    """

    body: bytes | None = b""
    """The body, once it is whole; None where it was too large."""

    _size = 0
    _full = False  # the write buffer is full: the peer has to read first
    _all_written = False

    def gotLength(self, length: int | None) -> None:  # noqa: ARG002 - the size is counted
        """Make room for the body."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a part of the body, or drop all of it where it becomes too large."""
        self._size += len(data)
        if self._size > MOST_BYTES:
            self.content = BytesIO()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Move the body to `body`, and handle the request without it."""
        kept: Any = self.content
        self.body = kept.getvalue() if self._size <= MOST_BYTES else None
        self.content = BytesIO()
        self.registerProducer(self, True)
        super().requestReceived(command, path, version)

    def pauseProducing(self) -> None:
        """Wait for the peer: the transport's write buffer is full. See `IPushProducer`."""
        self._full = True

    def resumeProducing(self) -> None:
        """Go on: the write buffer is empty. See `IPushProducer`."""
        self._full = False
        if self._all_written:
            self.finish()

    def stopProducing(self) -> None:
        """Do nothing: the connection has ended. See `IPushProducer`."""

    def finish(self) -> None:
        """Finish the response once the write buffer is not full."""
        self._all_written = True
        if not self._full:
            self.unregisterProducer()
            super().finish()


def path_of(request: Request) -> tuple[str, ...]:
    """Return the parts of the path."""
    path = request.path.decode("latin-1")
    return tuple(path.removeprefix("/").split("/"))


def read_document(request: BoundedRequest, content_types: Collection[str]) -> dict[str, Any]:
    """Read the JSON object in the body. Raises RefusedError without one."""
    given = request.requestHeaders.getRawHeaders(b"content-type") or [b""]
    kind = given[0].decode("latin-1").partition(";")[0].strip().lower()
    if len(given) != 1 or kind not in content_types:
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type: {' or '.join(content_types)} is required",
            headers={"accept": ", ".join(content_types)},
        )
    assert request.body is not None  # noqa: S101 - `Control` refuses bodies that are too large
    try:
        document = parse_strictly(request.body, "JSON")
    except ValueError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None
    if not isinstance(document, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "not a scenario: not an object")
    return document


def read_query(request: Request, readers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """Read the query parameters, each given once, with the reader of its name.

    Raises RefusedError, which names the wrong one.
    """
    text = request.uri.partition(b"?")[2].decode("latin-1")
    read: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
        if name not in readers:
            has = f": the parameters are {', '.join(readers)}" if readers else ""
            raise _refused(name, f"unknown parameter{has}")
        if name in read:
            raise _refused(name, "it is given twice")
        try:
            read[name] = readers[name](value)
        except ValueError as error:
            raise _refused(name, str(error)) from None
    return read


def _refused(parameter: str, problem: str) -> RefusedError:
    name = parameter[:80]
    return RefusedError(HTTPStatus.BAD_REQUEST, f"{name}: {problem}", name)
