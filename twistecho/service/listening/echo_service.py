"""The echo service: listens where it was told, and when it stops delivers what it owes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IReactorTime,
    IReadDescriptor,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistecho.base.log_lines import where
from twistecho.base.sockets import ip_of
from twistecho.eagerreactor import reactor_name
from twistecho.service.echo.factory import EchoFactory

from .accepting import back_off
from .guarded import Guarded

EXPOSED = (
    "{where} can be reached from other machines: whoever gets there is answered, "
    "without a password. Bind 127.0.0.1, or filter, where that is not meant."
)
"""What the log says of such a port."""


DRAIN_MARGIN = 5.0
"""How much longer than the longest delay a service waits for its replies when it stops, seconds."""


def is_exposed(address: object) -> bool:
    """Tell whether a port with this address takes more than the loopback.

    Unix sockets do not: their mode says who may connect.
    """
    ip = ip_of(address)
    return ip is not None and not ip.is_loopback


class EchoService(Service):
    """Serves one `EchoFactory` on any number of endpoints.

    Starting listens on all of them or on none: an error of an endpoint that fails at once, such
    as `CannotListenError`, is raised. Stopping accepts nothing more, delivers what has been asked
    for until then, and ends what is left after ``drain`` seconds (by default the longest delay
    and 5).
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        endpoints: Sequence[IStreamServerEndpoint],
        drain: float | None = None,
    ) -> None:
        self.clock = clock
        self.factory = factory
        self.endpoints = endpoints
        self._drain = drain
        self.ports: list[IListeningPort] = []
        self._listening: list[Deferred[None]] = []

    @property
    def drain(self) -> float:
        """How long what has been asked for is delivered on stopping, in seconds."""
        longest = self.factory.scenario.longest  # it may have changed since the start
        return longest + DRAIN_MARGIN if self._drain is None else self._drain

    def privilegedStartService(self) -> None:
        """Listen; twistd calls this before it gives up its privileges."""
        super().privilegedStartService()
        for endpoint in self.endpoints:
            self.listen(endpoint, self.factory)

    def startService(self) -> None:
        """Listen, unless `privilegedStartService` has done so."""
        super().startService()
        if not self._listening:
            self.privilegedStartService()

    def listen(
        self, endpoint: IStreamServerEndpoint, factory: IProtocolFactory, what: str = ""
    ) -> None:
        """Serve a factory, the echo's or another, until the service stops.

        Every other one is `Guarded`; ``what`` says for the log what is served there.
        Raises what the endpoint fails with at once, and then listens nowhere any more.
        """
        errors: list[Failure] = []
        starting = True

        def refused(failure: Failure) -> None:
            errors.append(failure)
            if not starting:
                self._log.failure("cannot listen", failure=failure)

        opened: Callable[[IListeningPort], None] = self._opened
        if factory is not self.factory:
            factory = Guarded(self.clock, factory, what)
            opened = partial(self._opened_beside, what)
        listening = maybeDeferred(endpoint.listen, factory)
        self._listening.append(listening.addCallbacks(opened, refused))
        starting = False
        if errors:
            self._stop_listening()
            errors[0].raiseException()

    def _opened(self, port: IListeningPort) -> None:
        self.ports.append(port)
        self.prepare(port)
        self.announce(port)

    def _opened_beside(self, what: str, port: IListeningPort) -> None:
        self.ports.append(port)
        back_off(port, self.clock)
        self._log.info("Listening on {where} for {what}", where=where(port.getHost()), what=what)
        self._warn_if_exposed(port)

    def prepare(self, port: IListeningPort) -> None:
        """Have an echo's port back off when the system is starved; called once it listens."""
        back_off(port, self.clock)

    def announce(self, port: IListeningPort) -> None:
        """Log where and how the echo listens."""
        address = port.getHost()
        self._log.info(
            "Listening on {where}: {how}, {reactor} reactor",
            where=where(address),
            how=self.describe(),
            reactor=reactor_name(self.clock),
            host=getattr(address, "host", None),
            port=getattr(address, "port", None),
        )
        self._warn_if_exposed(port)

    def _warn_if_exposed(self, port: IListeningPort) -> None:
        address = port.getHost()
        if is_exposed(address):
            self._log.warn(EXPOSED, where=where(address))

    def describe(self) -> str:
        """Say in a few words how the service answers."""
        return self.factory.describe()

    def accept_waiting(self) -> None:
        """Accept what has connected already: closing its listener would reset it."""
        for port in self.ports:
            before = -1
            while IReadDescriptor.providedBy(port) and before < self._count_seen():
                before = self._count_seen()
                port.doRead()

    def _count_seen(self) -> int:
        """Give what grows with each connection, be it gone at once or only a proxy's until now."""
        return self.factory.counts.accepted + self.factory.count_open()

    def _stop_listening(self) -> Deferred[Any]:
        ports, self.ports = self.ports, []
        for listening in self._listening:
            listening.cancel()
        self._listening = []
        return gatherResults([maybeDeferred(port.stopListening) for port in ports])

    def stopService(self) -> Deferred[Any]:
        """Accept nothing more, deliver what is owed, for ``drain`` seconds at most."""
        super().stopService()
        self.accept_waiting()
        open_now = len(self.factory.connections)
        if open_now:
            self._log.info(
                "Stopping: {count} open connections have up to {drain:g} s",
                count=open_now,
                drain=self.drain,
            )
        stopped = self._stop_listening()
        drained = self.deliver()
        deadline = self.clock.callLater(self.drain, self.abort)

        def done(result: object) -> object:
            if deadline.active():
                deadline.cancel()
            return result

        return gatherResults([stopped, drained]).addBoth(done)

    def deliver(self) -> Deferred[Any]:
        """Deliver what is owed; fire when every connection has gone."""
        return self.factory.drain()

    def abort(self) -> None:
        """End every connection at once, whatever it is owed."""
        left = len(self.factory.connections)
        if left:
            self._log.warn("Ending {count} connections that were still owed replies", count=left)
        self.factory.abort()
