"""The echo service: listens where it was told, and when it stops delivers what it owes."""

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
    "{where} can be reached from other machines: whoever gets there is answered, "
    "without a password. Bind 127.0.0.1, or filter, where that is not meant."
)
"""What the log says of such a port."""

LISTENING = "Listening on {where}: {how}, {reactor} reactor{hint}"
"""What the log says of a port of the echo; programs read the beginning."""

# Twisted says of each port that it starts, in the words of its class. Ours are the first line.
_IN_DETAIL = {ILogContext: {"system": "-", "isError": 0, "log_level": LogLevel.debug}}

DRAIN_MARGIN = 5.0
"""How much longer than the longest delay a service waits for its replies when it stops, seconds."""


def is_exposed(address: object) -> bool:
    """Tell whether a port with this address takes more than the loopback.

    Unix sockets do not: their mode says who may connect.
    """
    ip = ip_of(address)
    return ip is not None and not ip.is_loopback


def _fields(address: object) -> dict[str, object]:
    """Give host and port of an address, for a log that programs read; None where it has none."""
    return {name: getattr(address, name, None) for name in ("host", "port")}


def _endpoint_of(reactor: object, endpoint: object) -> IStreamServerEndpoint:
    """Give the endpoint that is meant. Raises ValueError, in one line, and OSError."""
    if not isinstance(endpoint, (str, int)):
        return cast(IStreamServerEndpoint, endpoint)
    try:
        return endpoint_for(reactor, describe_port(str(endpoint), "127.0.0.1"))
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - each endpoint's parser raises what it likes
        words = " ".join(str(error).split())
        raise ValueError(f"{endpoint!r:.80} is not an endpoint description: {words}") from None


class EchoService(Service):
    """Serves one `EchoFactory` on any number of endpoints.

    ``endpoints`` are one or several, each an endpoint, the description of one (``"tcp:5000"``), or
    the number of a port of 127.0.0.1. Raises ValueError for what is none of these, and OSError
    where the system has not what a description asks for.

    Starting listens on all of them or on none: an error of an endpoint that fails at once, such
    as `CannotListenError`, is raised. Stopping accepts nothing more, delivers what has been asked
    for until then, and ends what is left after ``drain`` seconds (by default the longest delay
    and 5).
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
        """How long what has been asked for is delivered on stopping, in seconds."""
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

        Every other one is `Guarded`; ``what`` says for the log what is served there, ``exposed``
        what it says where other machines reach that.
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
            opened = partial(self._opened_beside, what, exposed)
        listening = context.call(_IN_DETAIL, maybeDeferred, endpoint.listen, factory)
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
        """Have a port complete no connect; fire once it does not. See `Unaccepted`."""
        if port not in self._unaccepted:
            self._unaccepted[port] = Unaccepted(port, self.clock)
        return self._unaccepted[port].begin()

    def _not_filled(self, failure: Failure) -> None:
        self._log.failure("leaving connects unaccepted", failure=failure)

    def check(self, scenario: Scenario) -> None:
        """Raise FieldError for a scenario that the echo's ports cannot follow."""
        if scenario.faults.unaccepted:
            try:
                for port in self._echo_ports:
                    tcp_of(port)
            except ValueError as error:
                raise FieldError("faults", str(error)) from None

    def follow_scenario(self) -> Deferred[Any]:
        """Have the echo's ports complete connects or not, as its scenario says now; fire then.

        Where a port is no TCP socket all go on completing them: it fails with ValueError.
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
        """Have an echo's port back off when the system is starved; called once it listens."""
        back_off(port, self.clock)

    def announce(self, port: IListeningPort) -> None:
        """Log where and how the echo listens."""
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
        """Say in a few words how the service answers."""
        return self.factory.describe()

    def accept_waiting(self) -> None:
        """Accept what has connected already: closing its listener would reset it.

        Where connects are not to complete those that have are accepted already.
        """
        for port in self.ports:
            if port in self._unaccepted:
                continue
            before = -1
            while IReadDescriptor.providedBy(port) and before < self._count_seen():
                before = self._count_seen()
                port.doRead()

    def _count_seen(self) -> int:
        """Give what grows with each connection, be it gone at once or only a proxy's until now."""
        return self.factory.counts.accepted + self.factory.count_open()

    def _stop_listening(self) -> Deferred[Any]:
        self._accept_again()
        ports, self.ports, self._echo_ports = self.ports, [], []
        for listening in self._listening:
            listening.cancel()
        self._listening = []
        return gatherResults([maybeDeferred(port.stopListening) for port in ports])

    def stopService(self) -> Deferred[Any]:
        """Accept nothing more, deliver what is owed, for ``drain`` seconds at most."""
        super().stopService()
        followers = self.factory.connections.followers
        if self._follow in followers:
            followers.remove(self._follow)
        self._accept_again()
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
