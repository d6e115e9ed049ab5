"""The control port: JSON over HTTP, with access checks; errors are JSON too."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from twistecho.base.log_lines import RateLimitedLog, where

from .guards import Guards
from .requests import MOST_BYTES, BoundedRequest, path_of
from .responses import INTERNAL, RefusedError, Response, response_to, write
from .routes import Handler, Route, Routes
from .steering import Steering


class QuietSite(Site):
    """A site that neither logs each request nor shows tracebacks."""

    noisy = False
    displayTracebacks = False

    def log(self, request: object) -> None:
        """Log nothing."""

    def logPrefix(self) -> str:
        """Return a fixed name, since programs look for it in the log before the port number."""
        return "_QuietSite"


class Turns:
    """Handles one request per connection in each turn of the reactor.

    A client may send hundreds at once; other clients, and the echo, are served in between.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._served: set[object] = set()

    async def take(self, connection: object) -> None:
        """Wait until it is this connection's turn."""
        while connection in self._served:
            await deferLater(self._clock, 0)
        self._served.add(connection)
        self._clock.callLater(0, self._served.discard, connection)


class Control(Resource):
    """The resource of the control port. ``metrics``, if given, are served at ``/metrics``."""

    isLeaf = True
    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        steering: Steering,
        guards: Guards,
        metrics: IResource | None = None,
    ) -> None:
        super().__init__()
        self.routes = Routes(steering).all
        if metrics is not None:

            async def render(request: Request) -> None:
                request.render(metrics)

            self.routes += (Route("/metrics", {"GET": render}),)
        self._guards = guards
        self._turns = Turns(clock)
        self._occasionally = RateLimitedLog(self._log, clock.seconds)

    def render(self, request: Request) -> int:
        """Answer a request, unless its client has disconnected by then."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def answer(response: Response | None) -> None:
            if response is not None and not gone:
                write(request, response)

        bounded = cast("BoundedRequest", request)
        answering = Deferred.fromCoroutine(self._respond(bounded))
        answering.addErrback(lambda failure: None if gone else self._told(failure))
        answering.addCallback(answer)
        return NOT_DONE_YET

    async def _respond(self, request: BoundedRequest) -> Response | None:
        await self._turns.take(request.channel)
        self._check(request)
        methods, numbers = self._find(request)
        allowed = {"allow": ", ".join(sorted({*methods, "OPTIONS", *_head_of(methods)}))}
        method = request.method.decode("latin-1")
        if method == "OPTIONS":
            return Response(HTTPStatus.NO_CONTENT, headers=allowed)
        handler = methods.get("GET" if method == "HEAD" else method)
        if handler is None:
            problem = f"the methods of this path are {allowed['allow']}"
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, problem, headers=allowed)
        return await handler(request, *numbers)

    def _check(self, request: BoundedRequest) -> None:
        try:
            self._guards.check(request)
        except RefusedError as refused:
            said = f"Refused a control request, wrong {refused.problem.partition(':')[0]} header"
            self._occasionally.warn(said, where(request.getClientAddress()))
            raise
        if request.body is None:
            problem = f"the body is larger than {MOST_BYTES} bytes"
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem)

    def _find(self, request: BoundedRequest) -> tuple[Mapping[str, Handler], tuple[int, ...]]:
        parts = path_of(request)
        for route in self.routes:
            numbers = route.match(parts)
            if numbers is not None:
                return route.methods, numbers
        problem = f"unknown path: the paths are {', '.join(each.path for each in self.routes)}"
        raise RefusedError(HTTPStatus.NOT_FOUND, problem)

    def _told(self, failure: Failure) -> Response:
        """Return the response to a failure; log it if it is unexpected."""
        response = None if failure.value is None else response_to(failure.value)
        if response is None:
            self._log.failure("cannot answer a control request", failure=failure)
        return response or INTERNAL


def _head_of(methods: Mapping[str, Handler]) -> tuple[str, ...]:
    return ("HEAD",) if "GET" in methods else ()


def control_site(
    clock: IReactorTime,
    steering: Steering,
    guards: Guards,
    metrics: IResource | None = None,
) -> Site:
    """Make the site of a control port. ``clock`` is the reactor."""
    control = Control(clock, steering, guards, metrics)
    return QuietSite(control, requestFactory=BoundedRequest, reactor=clock)
