"""The operations of the control port: for each path, its methods."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

from twisted.internet.defer import DeferredLock

from twistecho.base.notation import parse_seconds, whole
from twistecho.service.scenario.document import bytes_to

from .requests import JSON, MERGE_PATCH, BoundedRequest, read_document, read_query
from .responses import Response
from .steering import Received, Steering, eventually

LONGEST_WAIT = 20.0
"""Seconds for which a request may wait; the port resets connections that are idle for 30 s."""

MOST_MESSAGES = 100_000
"""The most messages in one response."""

_DONE = Response(HTTPStatus.NO_CONTENT)

Handler: TypeAlias = Callable[..., Awaitable[Response | None]]
"""Takes a request, and the numbers in its path; returns None if it writes the response itself."""


@dataclass(frozen=True)
class Route:
    """A path, whose parts are texts or names of numbers in braces, and a handler per method."""

    path: str
    methods: Mapping[str, Handler]

    def match(self, parts: tuple[str, ...]) -> tuple[int, ...] | None:
        """Return the numbers in a path that matches; None for any other path."""
        own = tuple(self.path.removeprefix("/").split("/"))
        numbers = []
        for mine, given in zip(own, parts, strict=False):
            if mine.startswith("{"):
                try:
                    numbers.append(whole(given))
                except ValueError:
                    return None
            elif mine != given:
                return None
        return tuple(numbers) if len(own) == len(parts) else None


class Routes:
    """The paths of a service; its changes are made one after the other."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering
        self._changing = DeferredLock()
        self.all: tuple[Route, ...] = (
            Route("/scenario", {
                "GET": self._scenario, "PUT": self._put, "PATCH": self._patch,
                "DELETE": self._restore,
            }),
            Route("/received", {"GET": self._received, "DELETE": self._clear_received}),
            Route("/connections", {"GET": self._connections, "DELETE": self._reset_connections}),
            Route("/connections/{number}", {"DELETE": self._reset_connection}),
            Route("/reset", {"POST": self._reset}),
            Route("/health", {"GET": self._health}),
        )  # fmt: skip

    async def _change(self, change: Callable[..., Any], *arguments: Any) -> Any:
        return await self._changing.run(change, *arguments)

    async def _scenario(self, request: BoundedRequest) -> Response:
        read_query(request, {})
        return Response(HTTPStatus.OK, await eventually(self._steering.scenario))

    async def _put(self, request: BoundedRequest) -> Response:
        read_query(request, {})
        document = read_document(request, (JSON,))
        return Response(HTTPStatus.OK, await self._change(self._steering.put, document))

    async def _patch(self, request: BoundedRequest) -> Response:
        read_query(request, {})
        changes = read_document(request, (JSON, MERGE_PATCH))
        return Response(HTTPStatus.OK, await self._change(self._steering.patch, changes))

    async def _restore(self, request: BoundedRequest) -> Response:
        read_query(request, {})
        return Response(HTTPStatus.OK, await self._change(self._steering.restore))

    async def _received(self, request: BoundedRequest) -> Response:
        asked = read_query(request, _ABOUT_RECEIVED)
        waiting = eventually(self._steering.received, **asked)
        request.notifyFinish().addErrback(lambda _gone: waiting.cancel())
        return Response(HTTPStatus.OK, _written(await waiting))

    async def _clear_received(self, request: BoundedRequest) -> Response:
        read_query(request, {})
        await self._change(self._steering.clear_received)
        return _DONE

    async def _connections(self, request: BoundedRequest) -> Response:
        read_query(request, {})
        connections = await eventually(self._steering.connections)
        return Response(HTTPStatus.OK, {"connections": [vars(each) for each in connections]})

    async def _reset_connections(self, request: BoundedRequest) -> Response:
        read_query(request, {})
        await self._change(self._steering.reset_connections)
        return _DONE

    async def _reset_connection(self, request: BoundedRequest, number: int) -> Response:
        read_query(request, {})
        await self._change(self._steering.reset_connection, number)
        return _DONE

    async def _reset(self, request: BoundedRequest) -> Response:
        read_query(request, {})
        await self._change(self._steering.reset)
        return _DONE

    async def _health(self, request: BoundedRequest) -> Response:
        read_query(request, {})
        health = await eventually(self._steering.health)
        status = HTTPStatus.OK if health.healthy else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(status, asdict(health))


def _limit(text: str) -> int:
    number = whole(text)
    if not 1 <= number <= MOST_MESSAGES:
        raise ValueError(f"{text} is not a number of messages from 1 to {MOST_MESSAGES}")
    return number


def _wait(text: str) -> float:
    seconds = parse_seconds(text)
    if seconds > LONGEST_WAIT:
        raise ValueError(f"{seconds:g} s is longer than {LONGEST_WAIT:g} s: ask again instead")
    return seconds


_ABOUT_RECEIVED: dict[str, Callable[[str], Any]] = {
    "connection": whole, "since": whole, "limit": _limit, "wait": _wait,
}  # fmt: skip


def _written(received: Received) -> dict[str, Any]:
    return {
        "total": received.total,
        "next": received.next,
        "messages": [
            {**vars(message), "data": bytes_to(message.data)} for message in received.messages
        ],
    }
