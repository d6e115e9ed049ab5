"""The echo service: listens on its endpoints, and sends pending replies when it stops."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, gatherResults, maybeDeferred, succeed
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IReadDescriptor,
    IStreamServerEndpoint,
)
from twisted.logger import Logger, LogLevel
from twisted.python import context
from twisted.python.failure import Failure
from twisted.python.log import ILogContext

from twistecho.base.log_lines import where
from twistecho.base.notation import FieldError
from twistecho.base.reactor_types import AnyClock, AnyServerEndpoint, as_clock
from twistecho.base.sockets import ip_of
from twistecho.eagerreactor import reactor_name
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.scenario.scenario import Scenario

from .accepting import back_off
from .endpoint import describe_port, endpoint_for
from .guarded import Guarded
from .unaccepted import Unaccepted, tcp_of

EXPOSED = (
    "{where} can be reached from other machines, and every client there is answered without a "
    "password. If that is not intended, bind 127.0.0.1 or use a firewall."
)
"""The warning for such a port."""

LISTENING = "Listening on {where}: {how}, {reactor} reactor{hint}"
"""What the log says of a port of the echo; programs read the beginning."""

# Twisted says of each port that it starts, in the words of its class. Ours are the first line.
_IN_DETAIL = {ILogContext: {"system": "-", "isError": 0, "log_level": LogLevel.debug}}

DRAIN_MARGIN = 5.0
"""Seconds beyond the longest delay for which a stopping service waits for pending replies."""


def is_exposed(address: object) -> bool:
    """Return whether a port with this address accepts from outside the loopback interface.

    Unix sockets do not: their mode restricts who may connect.
    """
    ip = ip_of(address)
    return ip is not None and not ip.is_loopback


def _fields(address: object) -> dict[str, object]:
    """Return host and port of an address, for programs that read the log; None if missing."""
    return {name: getattr(address, name, None) for name in ("host", "port")}


def _endpoint_of(reactor: object, endpoint: object) -> IStreamServerEndpoint:
    """Return the endpoint, made from a description if needed. Raises ValueError and OSError."""
    if not isinstance(endpoint, (str, int)):
        return cast(IStreamServerEndpoint, endpoint)
    try:
        return endpoint_for(reactor, describe_port(str(endpoint), "127.0.0.1"))
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - endpoint parsers may raise anything
        words = " ".join(str(error).split())
        raise ValueError(f"{endpoint!r:.80} is not an endpoint description: {words}") from None


class EchoService(Service):
    """Serves one `EchoFactory` on any number of endpoints.

    ``endpoints`` are one or several, each an endpoint, the description of one (``"tcp:5000"``), or
    the number of a port of 127.0.0.1. Raises ValueError for an invalid one, and OSError if the
    system lacks something that a description needs.

    Starting listens on all of them or on none: an error of an endpoint that fails at once, such as
    `CannotListenError`, is raised. Stopping accepts no more connections, sends the pending replies,
    and ends the connections left after ``drain`` seconds (by default the longest delay plus 5).
    """

    _log = Logger()

    def __init__(
        self,
        clock: AnyClock,
        factory: EchoFactory,
        endpoints: "AnyServerEndpoint | str | int | Sequence[AnyServerEndpoint | str | int]",
        drain: float | None = None,
    ) -> None:
        self.clock = as_clock(clock)
        self.factory = factory
        several = isinstance(endpoints, Sequence) and not isinstance(endpoints, str)
        listed = cast(Sequence[object], endpoints if several else [endpoints])
        self.endpoints = [_endpoint_of(clock, each) for each in listed]
        self._drain = drain
        self.ports: list[IListeningPort] = []
        self._listening: list[Deferred[None]] = []
        self._echo_ports: list[IListeningPort] = []
        self._unaccepted: dict[IListeningPort, Unaccepted] = {}

    @property
    def drain(self) -> float:
        """How long pending replies are sent when stopping, in seconds."""
        longest = self.factory.scenario.longest  # it may have changed since the start
        return longest + DRAIN_MARGIN if self._drain is None else self._drain

    def privilegedStartService(self) -> None:
        """Listen; twistd calls this before it gives up its privileges."""
        super().privilegedStartService()
        self.factory.connections.followers.append(self._follow)
        for endpoint in self.endpoints:
            self.listen(endpoint, self.factory)

    def startService(self) -> None:
        """Listen, unless `privilegedStartService` has done so."""
        super().startService()
        if not self._listening:
            self.privilegedStartService()

    def listen(
        self,
        endpoint: IStreamServerEndpoint,
        factory: IProtocolFactory,
        what: str = "",
        exposed: str = EXPOSED,
    ) -> None:
        """Serve a factory, the echo's or another, until the service stops.

        Another factory is `Guarded`; ``what`` is its name in the log, ``exposed`` the warning that
        is logged if other machines can reach it.
        If the endpoint fails at once, stop listening everywhere and raise its error.
        """
        errors: list[Failure] = []
        starting = True

        def refused(failure: Failure) -> None:
            errors.append(failure)
            if not starting:
                self._log.failure("cannot listen", failure=failure)

        opened: Callable[[IListeningPort], None] = self._opened
        details = _IN_DETAIL
        if factory is not self.factory:
            details = {}
            factory = Guarded(self.clock, factory, what)
            opened = partial(self._opened_beside, what, exposed)
        listening = context.call(details, maybeDeferred, endpoint.listen, factory)
        self._listening.append(listening.addCallback(opened).addErrback(refused))
        starting = False
        if errors:
            self._stop_listening()
            errors[0].raiseException()

    def _opened(self, port: IListeningPort) -> None:
        self.ports.append(port)
        self._echo_ports.append(port)
        self.prepare(port)
        if self.factory.scenario.faults.unaccepted:
            self.leave_unaccepted(port).addErrback(self._not_filled)
        self.announce(port)

    def leave_unaccepted(self, port: IListeningPort) -> Deferred[None]:
        """Have a port complete no connection attempt; fire once none does. See `Unaccepted`."""
        if port not in self._unaccepted:
            self._unaccepted[port] = Unaccepted(port, self.clock)
        return self._unaccepted[port].begin()

    def _not_filled(self, failure: Failure) -> None:
        self._log.failure("cannot leave connections unaccepted", failure=failure)

    def check(self, scenario: Scenario) -> None:
        """Raise FieldError for a scenario that the echo's ports do not support."""
        if scenario.faults.unaccepted:
            try:
                for port in self._echo_ports:
                    tcp_of(port)
            except ValueError as error:
                raise FieldError("faults", str(error)) from None

    def follow_scenario(self) -> Deferred[Any]:
        """Have the echo's ports complete connection attempts or not, by the scenario; then fire.

        If a port is not a TCP socket, all ports go on accepting, and it fails with ValueError.
        """
        if not self.factory.scenario.faults.unaccepted:
            self._accept_again()
            return succeed(None)
        try:
            begun = [self.leave_unaccepted(port) for port in self._echo_ports]
        except ValueError:
            self._accept_again()
            return fail()
        return gatherResults(begun, consumeErrors=True)

    def _follow(self) -> None:
        self.follow_scenario().addErrback(self._not_filled)

    def _accept_again(self) -> None:
        for unaccepted in self._unaccepted.values():
            unaccepted.end()
        self._unaccepted = {}

    def _opened_beside(self, what: str, exposed: str, port: IListeningPort) -> None:
        self.ports.append(port)
        back_off(port, self.clock)
        address = port.getHost()
        self._log.info(
            "Listening on {where} for {what}", what=what, where=where(address), **_fields(address)
        )
        self._warn_if_exposed(port, exposed)

    def prepare(self, port: IListeningPort) -> None:
        """Have an echo's port pause when accept fails; called once it listens."""
        back_off(port, self.clock)

    def announce(self, port: IListeningPort) -> None:
        """Log the address of a port, and how the echo answers."""
        address = port.getHost()
        self._log.info(LISTENING, **self.said_of(address), **_fields(address))
        self._warn_if_exposed(port)

    def said_of(self, address: object) -> dict[str, str]:
        """Return what `LISTENING` says of a port with this address."""
        return {
            "where": where(address),
            "how": self.describe(),
            "reactor": reactor_name(self.clock),
            "hint": "",
        }

    def _warn_if_exposed(self, port: IListeningPort, words: str = EXPOSED) -> None:
        address = port.getHost()
        if words and is_exposed(address):
            self._log.warn(words, where=where(address))

    def describe(self) -> str:
        """Summarize in a few words how the service answers."""
        return self.factory.describe()

    def accept_waiting(self) -> None:
        """Accept all waiting connections: closing the listening socket would reset them.

        A port with the ``unaccepted`` fault has none.
        """
        for port in self.ports:
            if port in self._unaccepted:
                continue
            before = -1
            while IReadDescriptor.providedBy(port) and before < self._count_seen():
                before = self._count_seen()
                port.doRead()

    def _count_seen(self) -> int:
        """Return a number that grows with each accepted connection, also without a PROXY header."""
        return self.factory.counts.accepted + self.factory.count_open()

    def _stop_listening(self) -> Deferred[Any]:
        self._accept_again()
        ports, self.ports, self._echo_ports = self.ports, [], []
        for listening in self._listening:
            listening.cancel()
        self._listening = []
        return gatherResults([maybeDeferred(port.stopListening) for port in ports])

    def stopService(self) -> Deferred[Any]:
        """Accept no more connections, and send pending replies for at most ``drain`` seconds."""
        super().stopService()
        followers = self.factory.connections.followers
        if self._follow in followers:
            followers.remove(self._follow)
        self._accept_again()
        self.accept_waiting()
        open_now = len(self.factory.connections)
        if open_now:
            self._log.info(
                "Stopping: {count} open connections get pending replies for up to {drain:g} s",
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
        """Send pending replies; fire when every connection has ended."""
        return self.factory.drain()

    def abort(self) -> None:
        """End every connection at once, without sending pending replies."""
        left = len(self.factory.connections)
        if left:
            self._log.warn("Ending {count} connections with pending replies", count=left)
        self.factory.abort()
